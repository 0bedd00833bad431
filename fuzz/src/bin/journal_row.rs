//! Fuzzes [`tracegate_fuzz::journal::row`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::journal::row(data));
