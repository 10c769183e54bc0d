//! `cargo fuzz run cgroup_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::targets::cgroup_files(input));
