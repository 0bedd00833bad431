//! Fuzzes [`tracegate_fuzz::gs1::hibc`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::gs1::hibc(data));
