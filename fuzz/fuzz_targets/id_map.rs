//! `cargo fuzz run id_map`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::targets::id_map(input));
