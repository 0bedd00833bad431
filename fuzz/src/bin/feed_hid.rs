//! Fuzzes [`tracegate_fuzz::attached::hid`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::attached::hid(data));
