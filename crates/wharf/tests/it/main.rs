//! The whole program against the real kernel: each test has an installation of its own and leaves
//! nothing behind, which is checked.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail with the test, and say why one was skipped"
)]

mod archives;
mod bad_flags;
mod bad_input;
mod bad_registry;
mod bundle;
mod certificates;
mod check;
mod config;
mod cp;
mod crash;
mod crash_borders;
mod devices;
mod docker_flags;
mod durability;
mod ends;
mod enter;
mod escapes;
mod events;
mod explain;
mod flags;
mod hammer;
mod hammer_images;
mod harness;
mod health;
mod http;
mod isolation;
mod layout;
mod lifecycle;
mod limits;
mod lives;
mod look;
mod mounts;
mod namespaces;
mod net_devices;
mod network;
mod oci;
mod oci_checkpoint;
mod oci_descriptors;
mod oci_exec;
mod oci_limits;
mod oci_mounts;
mod oci_seccomp;
mod oci_signals;
mod oci_start;
mod peers;
mod platforms;
mod process;
mod pull;
mod push;
mod reach;
mod referrers;
mod registry;
mod rootless;
mod run;
mod signatures;
mod streams;
mod verbs;
mod vm;
mod volumes;
