//! Fuzzes [`tracegate_fuzz::llrp::reader`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::llrp::reader(data));
