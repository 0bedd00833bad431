//! Fuzzes [`tracegate_fuzz::epc::pattern`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::epc::pattern(data));
