//! Fuzzes [`tracegate_fuzz::llrp::message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::llrp::message(data));
