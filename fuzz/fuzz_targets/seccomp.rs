//! `cargo fuzz run seccomp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::targets::seccomp(input));
