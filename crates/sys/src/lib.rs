//! Everything of the kernel that needs unsafe code or that rustix does not have, one file a
//! concept. What rustix has is used from rustix directly; policy lives in the levels above.

pub mod bpf;
pub mod clone;
pub mod entry;
pub mod exec;
pub mod fds;
pub mod fsuid;
pub mod keyring;
pub mod loopback;
pub mod memory;
pub mod mount;
pub mod path;
pub mod proc;
pub mod procfs;
pub mod scheduling;
pub mod sealed_self;
#[cfg(target_arch = "x86_64")]
pub mod sealed_start;
pub mod seccomp;
pub mod signals;
pub mod spawn;
mod syscall;
pub mod unshare;

/// The result of a system call.
pub type Result<T> = std::result::Result<T, rustix::io::Errno>;
