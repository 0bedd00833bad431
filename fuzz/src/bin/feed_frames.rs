//! Fuzzes [`tracegate_fuzz::feed::frames`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::feed::frames(data));
