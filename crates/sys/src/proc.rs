//! Facts from /proc about processes and the boot.
//!
//! Source: proc(5), getsid(2).

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::Result;
use crate::syscall::last_errno;

/// Room for most files of /proc and of cgroups at once. Their size is not known beforehand, and
/// the standard library begins with 32 bytes.
const ROOM: usize = 8192;

/// Reads a file that the kernel makes up; what is no UTF-8 is replaced.
///
/// # Errors
/// The kernel's.
pub fn read(path: &str) -> Result<String> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = Vec::with_capacity(ROOM);
    loop {
        match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut text)) {
            Ok(0) => return Ok(String::from_utf8_lossy(&text).into_owned()),
            Ok(_) => text.reserve(ROOM),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The fields of /proc/PID/stat after the name, which may itself hold anything: field 3 (the
/// state) comes first.
pub fn stat_fields(pid: Pid) -> Result<Vec<String>> {
    let stat = read(&format!("/proc/{}/stat", pid.as_raw_pid()))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or(Errno::IO)?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

/// When a process started, in clock ticks since the boot: with the pid it names one process for
/// ever (of this boot).
///
/// # Errors
/// `ENOENT` or `ESRCH` when there is none.
pub fn start_time(pid: Pid) -> Result<u64> {
    start_of(&stat_fields(pid)?).ok_or(Errno::IO)
}

/// Whether the process that started at `start_time` still runs under this pid: it neither ended nor
/// only waits to be reaped.
pub fn is_alive(pid: Pid, start_time: u64) -> bool {
    stat_fields(pid).is_ok_and(|fields| {
        let has_ended = fields
            .first()
            .is_none_or(|state| matches!(state.as_str(), "Z" | "X"));
        !has_ended && start_of(&fields) == Some(start_time)
    })
}

fn start_of(fields: &[String]) -> Option<u64> {
    fields.get(19)?.parse().ok()
}

/// The session of a process (of the caller without one), by its leader's pid: 0 when the leader is
/// outside our pid namespace, for which rustix's call has no value.
///
/// # Errors
/// `ESRCH` when there is no such process.
pub fn session(pid: Option<Pid>) -> Result<i32> {
    // SAFETY: getsid(2) touches no memory.
    let session = unsafe { libc::getsid(pid.map_or(0, Pid::as_raw_pid)) };
    match session {
        -1 => Err(last_errno()),
        leader => Ok(leader),
    }
}

/// The id of this boot of the machine.
///
/// # Errors
/// When /proc is not mounted.
pub fn boot_id() -> Result<String> {
    Ok(read("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The numbers of the fds that the calling process has.
///
/// # Errors
/// When /proc is not mounted.
pub fn open_fds() -> Result<Vec<i32>> {
    let entries = std::fs::read_dir("/proc/self/fd");
    let entries = entries.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    let numbers = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(numbers.collect())
}

/// How many threads the calling process has.
///
/// # Errors
/// When /proc is not mounted.
pub fn thread_count() -> Result<u64> {
    // Each thread is a directory in there, and each directory a link to its parent.
    Ok(rustix::fs::stat("/proc/self/task")?
        .st_nlink
        .saturating_sub(2))
}
