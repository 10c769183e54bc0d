//! The process above one test: `xtask __supervise DIRECTORY PROGRAM ARGUMENTS…`. It adopts every
//! orphan of the test (it is a subreaper), so that a process that outlives its test is found, named
//! and ended, and so that zombies are reaped as an init would. The directory is the test's own
//! temporary one: what is left in it is a leak too.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};

/// The hidden task.
pub(crate) const SUPERVISE: &str = "__supervise";

/// Longer than any test takes on a loaded machine of two cores.
const TEST_TIME: Duration = Duration::from_secs(120);
/// What a monitor may take to clean up after its client was answered, and a loaded disk to take
/// what was pulled.
const GRACE: Duration = Duration::from_secs(20);

/// Runs one test; true when it passed and left neither processes nor files.
pub(crate) fn supervise(arguments: &[String]) -> Result<bool, String> {
    let [directory, program, rest @ ..] = arguments else {
        return Err(format!("{SUPERVISE} takes a directory and a program"));
    };
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| format!("cannot become a subreaper: {error}"))?;
    let child = Command::new(program)
        .args(rest)
        .spawn()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    let test = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or("pid 0")?;
    let ended = reap_in_a_thread();

    let passed = match until(&ended, TEST_TIME, |end| {
        end.is_some_and(|(pid, _)| pid == test)
    }) {
        Some(Some((_, status))) => describe(status),
        _ => {
            println!("the test did not end within {} s", TEST_TIME.as_secs());
            kill_process(test, Signal::KILL).ok();
            false
        }
    };
    let no_process = until(&ended, GRACE, |end| end.is_none()).is_some();
    if !no_process {
        end_children(&ended);
    }
    Ok(passed & no_process & is_emptied(Path::new(directory)))
}

/// An ended child, or none when the last one has ended.
type End = Option<(Pid, WaitStatus)>;

/// Waits for children in a thread of its own, so that waiting can have a time limit.
fn reap_in_a_thread() -> Receiver<End> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        loop {
            let end = match wait(WaitOptions::empty()) {
                Ok(Some(end)) => Some(end),
                Ok(None) | Err(Errno::INTR) => continue,
                Err(_) => None,
            };
            if sender.send(end).is_err() || end.is_none() {
                return;
            }
        }
    });
    receiver
}

/// The first end for which `is_it` holds, or none when `time` passes before.
fn until(ends: &Receiver<End>, time: Duration, is_it: impl Fn(End) -> bool) -> Option<End> {
    let deadline = Instant::now() + time;
    loop {
        match ends.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(end) if is_it(end) => return Some(end),
            Ok(_) => {}
            // The thread is gone, so no child is left either.
            Err(RecvTimeoutError::Disconnected) => return is_it(None).then_some(None),
            Err(RecvTimeoutError::Timeout) => return None,
        }
    }
}

fn describe(status: WaitStatus) -> bool {
    if let Some(signal) = status.terminating_signal() {
        println!("the test was ended by signal {signal}");
    }
    status.exit_status() == Some(0)
}

/// Names and kills the children until none is left; killed ones hand theirs over to us.
fn end_children(ends: &Receiver<End>) {
    for _ in 0..100 {
        for pid in children() {
            let command = fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
            let command = command.unwrap_or_default().replace('\0', " ");
            println!(
                "left behind: process {} ({})",
                pid.as_raw_nonzero(),
                command.trim_end()
            );
            kill_process(pid, Signal::KILL).ok();
        }
        if until(ends, Duration::from_millis(100), |end| end.is_none()).is_some() {
            return;
        }
    }
}

fn children() -> Vec<Pid> {
    let mut found = Vec::new();
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return found;
    };
    for task in tasks.flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let pids = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        found.extend(pids.filter_map(Pid::from_raw));
    }
    found
}

/// Removes the test's directory; says what a test left in it.
fn is_emptied(directory: &Path) -> bool {
    let left: Vec<_> = fs::read_dir(directory)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    for path in &left {
        println!("left behind: file {}", path.display());
    }
    if let Err(error) = fs::remove_dir_all(directory) {
        println!("cannot remove {}: {error}", directory.display());
        return false;
    }
    left.is_empty()
}
