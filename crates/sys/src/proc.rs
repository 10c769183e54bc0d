//! Facts from /proc about processes and the boot.
//!
//! Source: proc(5).

use rustix::io::Errno;
use rustix::process::Pid;

use crate::Result;

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
}

/// The fields of /proc/PID/stat after the name, which may itself hold anything: field 3 (the
/// state) comes first.
fn stat_fields(pid: Pid) -> Result<Vec<String>> {
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
    let fields = stat_fields(pid)?;
    fields
        .get(19)
        .and_then(|field| field.parse().ok())
        .ok_or(Errno::IO)
}

/// Whether a process has ended and only waits to be reaped; a missing one counts as ended.
pub fn is_zombie(pid: Pid) -> bool {
    stat_fields(pid).map_or(true, |fields| {
        fields
            .first()
            .is_none_or(|state| matches!(state.as_str(), "Z" | "X"))
    })
}

/// The id of this boot of the machine.
///
/// # Errors
/// When /proc is not mounted.
pub fn boot_id() -> Result<String> {
    Ok(read("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
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
