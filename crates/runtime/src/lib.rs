//! The OCI runtime: one container from one bundle.

pub mod capabilities;
pub mod cgroup;
pub mod seccomp;
