//! Fuzzes [`tracegate_fuzz::active::beacon`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::active::beacon(data));
