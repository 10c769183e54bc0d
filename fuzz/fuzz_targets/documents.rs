//! `cargo fuzz run documents`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::targets::documents(input));
