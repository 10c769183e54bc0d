//! Loading a seccomp filter. Compiling one is the runtime's.
//!
//! Source: seccomp(2).

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::Result;
use crate::syscall::{check, owned};

/// One instruction of classic BPF (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when true.
    pub jt: u8,
    /// Instructions to skip when false.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

bitflags::bitflags! {
    /// Flags of a filter.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct FilterFlags: u32 {
        /// For all threads of the process.
        const TSYNC = 1;
        /// Log every action but allow.
        const LOG = 2;
        /// Do not slow the process down against speculation attacks.
        const SPEC_ALLOW = 4;
        /// Give a listener for the NOTIFY action.
        const NEW_LISTENER = 8;
        /// Only a fatal signal interrupts a process that waits for its listener.
        const WAIT_KILLABLE_RECV = 32;
    }
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

const SECCOMP_SET_MODE_FILTER: libc::c_uint = 1;

/// Whether the kernel knows these flags.
pub fn is_supported(flags: FilterFlags) -> bool {
    let mut flags = flags;
    if flags.contains(FilterFlags::WAIT_KILLABLE_RECV) {
        flags |= FilterFlags::NEW_LISTENER;
    }
    // SAFETY: flags are judged before the program is looked for, which is not there: the answer is
    // EFAULT for flags that are known, and nothing is loaded in any case.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            flags.bits(),
            std::ptr::null::<Program>(),
        )
    };
    check(returned) == Err(Errno::FAULT)
}

/// Puts a filter on the calling thread; it needs `CAP_SYS_ADMIN` or no_new_privs. Gives back the
/// listener when the flags ask for one.
///
/// # Errors
/// `EINVAL` for an invalid program or one longer than 4096 instructions, `EACCES` without the
/// right.
pub fn load(program: &[Instruction], flags: FilterFlags) -> Result<Option<OwnedFd>> {
    let raw = Program {
        length: u16::try_from(program.len()).map_err(|_| Errno::INVAL)?,
        instructions: program.as_ptr(),
    };
    // SAFETY: raw describes the slice, which lives until the call returns; the kernel copies it.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            flags.bits(),
            &raw const raw,
        )
    };
    if flags.contains(FilterFlags::NEW_LISTENER) {
        return owned(returned).map(Some);
    }
    check(returned).map(|_| None)
}
