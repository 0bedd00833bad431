//! Fuzzes [`tracegate_fuzz::llrp::report`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::llrp::report(data));
