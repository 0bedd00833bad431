//! Fuzzes [`tracegate_fuzz::gs1::message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::gs1::message(data));
