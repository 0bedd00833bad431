//! Fuzzes [`tracegate_fuzz::attached::wedge`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::attached::wedge(data));
