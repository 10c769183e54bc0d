//! Hostile input for whatever reads what others wrote, and the seccomp compiler against an
//! interpreter.
//!
//! A target (`targets.rs`) is a function from bytes to nothing, which panics when something is wrong.
//! `cargo xtask fuzz` feeds them on any toolchain (`driver.rs`, `mutate.rs`); libFuzzer does with
//! coverage and AddressSanitizer (`fuzz_targets/`), see CONTRIBUTING.md. No part of it is in wharf's
//! binary.

pub mod bpf;
pub mod calls;
pub mod driver;
mod mutate;
pub mod profile;
pub mod random;
pub mod seccomp;
pub mod targets;
