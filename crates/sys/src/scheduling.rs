//! How the kernel schedules a process: processor time, io, memory nodes, and the execution domain.
//! rustix has affinities only.
//!
//! Source: sched_setattr(2), ioprio_set(2), set_mempolicy(2), personality(2).

use rustix::io::Errno;
use rustix::process::Pid;

use crate::Result;
use crate::syscall::check;

/// `struct sched_attr` of the kernel, version 2, without its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SchedAttr {
    /// `SCHED_OTHER` (0) and its siblings.
    pub policy: u32,
    /// `SCHED_FLAG_…`.
    pub flags: u64,
    /// Nice value.
    pub nice: i32,
    /// Static priority of the real-time policies.
    pub priority: u32,
    /// Deadline policy: nanoseconds of run time in a period.
    pub runtime: u64,
    /// Deadline policy: nanoseconds until the run time must be had.
    pub deadline: u64,
    /// Deadline policy: nanoseconds of a period.
    pub period: u64,
}

/// The kernel's layout.
#[repr(C)]
struct RawSchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    util_min: u32,
    util_max: u32,
}

/// Sets how a process is scheduled.
///
/// # Errors
/// `EPERM` without the right (`CAP_SYS_NICE`), `EINVAL` for values that do not go together.
pub fn sched_setattr(pid: Pid, attr: &SchedAttr) -> Result<()> {
    let size = u32::try_from(size_of::<RawSchedAttr>()).map_err(|_| Errno::INVAL)?;
    let raw = RawSchedAttr {
        size,
        policy: attr.policy,
        flags: attr.flags,
        nice: attr.nice,
        priority: attr.priority,
        runtime: attr.runtime,
        deadline: attr.deadline,
        period: attr.period,
        util_min: 0,
        util_max: 0,
    };
    // SAFETY: raw is a valid sched_attr of the size it names, which the kernel only reads.
    check(unsafe {
        libc::syscall(
            libc::SYS_sched_setattr,
            pid.as_raw_pid(),
            &raw const raw,
            0u32,
        )
    })
    .map(|_| ())
}

/// Sets the io priority of a process: a class (1 real-time, 2 best effort, 3 idle) and a level in it.
///
/// # Errors
/// `EPERM` without the right (`CAP_SYS_NICE` for the real-time class).
pub fn ioprio_set(pid: Pid, class: u8, level: u8) -> Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    const CLASS_SHIFT: u32 = 13;
    let priority = u32::from(class) << CLASS_SHIFT | u32::from(level);
    // SAFETY: all arguments are integers.
    check(unsafe {
        libc::syscall(
            libc::SYS_ioprio_set,
            IOPRIO_WHO_PROCESS,
            pid.as_raw_pid(),
            priority,
        )
    })
    .map(|_| ())
}

/// Sets the memory policy of the calling thread; each bit of `nodes` is a memory node.
///
/// # Errors
/// `EINVAL` for nodes that are not there or a mode that takes none.
pub fn set_mempolicy(mode: u32, nodes: &[u64]) -> Result<()> {
    // The kernel takes the number of bits plus one.
    let bits = nodes.len() * 64 + usize::from(!nodes.is_empty());
    let mask = if nodes.is_empty() {
        std::ptr::null()
    } else {
        nodes.as_ptr()
    };
    // SAFETY: mask is null with no bits, or points to as many as are named.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask, bits) }).map(|_| ())
}

/// Sets the execution domain of the calling process.
///
/// # Errors
/// The kernel's.
pub fn set_personality(domain: u32) -> Result<()> {
    // SAFETY: the argument is an integer; what the domain changes concerns later system calls of a
    // program that is executed.
    check(libc::c_long::from(unsafe {
        libc::personality(libc::c_ulong::from(domain))
    }))
    .map(|_| ())
}
