//! Fuzzes [`tracegate_fuzz::feed::modbus`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tracegate_fuzz::feed::modbus(data));
