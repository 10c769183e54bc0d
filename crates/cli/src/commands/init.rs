//! `/sbin/wharf-init` in a container: the smallest init there is. It starts the program, passes
//! signals on to it, reaps orphans, and ends as the program ended.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, kill_process, wait};
use sys::signals::{SignalSet, read_signal, signal, signal_number, signalfd};
use sys::spawn::Spawn;

use crate::output;

/// Runs the program in the arguments after `--`; gives back its exit code.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let program = match arguments.split_first() {
        Some((dashes, program)) if dashes == "--" => program,
        _ => arguments,
    };
    let Ok(argv) = program
        .iter()
        .map(|word| CString::new(word.as_str()))
        .collect::<Result<Vec<_>, _>>()
    else {
        return 125;
    };
    match begin(&argv).and_then(|(child, signals)| reap(child, &signals)) {
        Ok(code) => code,
        Err(errno) => {
            let name = program.first().map(String::as_str).unwrap_or_default();
            output::error(&format!("running {name}: {}", std::io::Error::from(errno)));
            if errno == Errno::NOENT { 127 } else { 126 }
        }
    }
}

fn begin(argv: &[CString]) -> Result<(Pid, OwnedFd), Errno> {
    let all = SignalSet::all();
    all.block()?;
    let signals = signalfd(&all)?;
    let envp: Vec<CString> = std::env::vars_os()
        .filter_map(|(name, value)| {
            let entry = format!("{}={}", name.to_str()?, value.to_str()?);
            CString::new(entry).ok()
        })
        .collect();
    let program = argv.first().ok_or(Errno::NOENT)?;
    let path = find(&program.to_string_lossy())?;
    let child = Spawn {
        program: &path,
        argv,
        envp: &envp,
        fds: &[],
        new_session: false,
    };
    Ok((child.start()?, signals))
}

/// The program in PATH.
fn find(name: &str) -> Result<CString, Errno> {
    let string = |path: String| CString::new(path).map_err(|_| Errno::INVAL);
    if name.contains('/') {
        return string(name.to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let candidates = path
        .split(':')
        .map(|directory| format!("{directory}/{name}"));
    let is_there =
        |path: &String| rustix::fs::access(path.as_str(), rustix::fs::Access::EXEC_OK).is_ok();
    candidates
        .into_iter()
        .find(is_there)
        .ok_or(Errno::NOENT)
        .and_then(string)
}

fn reap(child: Pid, signals: &OwnedFd) -> Result<i32, Errno> {
    let child_ended = signal_number("CHLD").unwrap_or_default();
    loop {
        match poll(
            &mut [PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)],
            None,
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        while let Some(info) = read_signal(signals)? {
            if info.signal == child_ended {
                if let Some(code) = reap_all(child)? {
                    return Ok(code);
                }
            } else if let Some(signal) = signal(info.signal).filter(|_| !info.by_kernel) {
                // What a terminal's keys send, the program gets itself.
                // One that has just ended needs no signal.
                let _ = kill_process(child, signal);
            }
        }
    }
}

/// Reaps whoever has ended; gives back the exit code when it was the program.
fn reap_all(child: Pid) -> Result<Option<i32>, Errno> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == child => {
                let by_signal = status.terminating_signal().map(|signal| 128 + signal);
                return Ok(status.exit_status().or(by_signal));
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
