//! Fuzzes [`tracegate_fuzz::llrp::parameter`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::llrp::parameter(data));
