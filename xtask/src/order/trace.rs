//! Executes a command instruction by instruction, with all that it starts of the same program, and
//! notes where it has been. That is done in a process of its own: what still runs when the command
//! is over goes on untraced.
//!
//! Source: ptrace(2).

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// The task of the process that traces.
pub(crate) const TRACE: &str = "__trace";

/// When a command is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// When its own process has ended.
    Command,
    /// When all that it started have ended, too.
    All,
}

/// Functions begin at such addresses; so close to each other one is enough.
const STEP: u64 = 16;

/// Runs `program` with `words` in `directory`; gives back where it has been, in its order.
pub(super) fn run(
    program: &Path,
    words: &[String],
    directory: &Path,
    until: Until,
) -> Result<Vec<u64>, String> {
    let failed = |error: std::io::Error| format!("tracing {}: {error}", words.join(" "));
    let output = Command::new(std::env::current_exe().map_err(failed)?)
        .arg(TRACE)
        .arg(if until == Until::All {
            "all"
        } else {
            "command"
        })
        .arg(program)
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        return Err(format!("wharf {} failed", words.join(" ")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.lines().map(|line| u64::from_str_radix(line, 16));
    found.collect::<Result<_, _>>().map_err(|e| e.to_string())
}

/// The process that traces: `all` or `command`, the program, its arguments.
pub(crate) fn trace(arguments: &[String]) -> Result<bool, String> {
    let [until, program, words @ ..] = arguments else {
        return Err("nothing to trace".to_owned());
    };
    let facts = std::fs::metadata(program).map_err(|error| error.to_string())?;
    // It stops before it is the program, so that it can be seized.
    let child = Command::new("/bin/sh")
        .args(["-c", "kill -STOP $$; exec \"$@\"", "sh", program])
        .args(words)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let mut tracer = Tracer {
        command: pid,
        inode: (facts.dev(), facts.ino()),
        stepped: HashSet::new(),
        seen: HashSet::new(),
        order: Vec::new(),
        success: false,
    };
    tracer
        .follow(until == "all")
        .map_err(|errno| format!("ptrace: {errno}"))?;
    let mut out = std::io::stdout().lock();
    for address in &tracer.order {
        writeln!(out, "{address:x}").map_err(|error| error.to_string())?;
    }
    Ok(tracer.success)
}

struct Tracer {
    command: Pid,
    /// The program's file.
    inode: (u64, u64),
    /// Processes that run the program.
    stepped: HashSet<Pid>,
    seen: HashSet<u64>,
    order: Vec<u64>,
    /// Whether the command ended well.
    success: bool,
}

impl Tracer {
    fn follow(&mut self, all: bool) -> Result<(), Errno> {
        waitpid(self.command, Some(WaitPidFlag::WUNTRACED))?;
        let options = Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::seize(self.command, options)?;
        nix::sys::signal::kill(self.command, Signal::SIGCONT)?;
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(status) => status,
                Err(Errno::ECHILD) => return Ok(()),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno),
            };
            match status {
                WaitStatus::Exited(pid, code) if pid == self.command => {
                    self.success = code == 0;
                    if !all {
                        self.let_go();
                        return Ok(());
                    }
                }
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                    self.stepped.remove(&pid);
                }
                WaitStatus::PtraceEvent(pid, _, event) => self.on_event(pid, event),
                WaitStatus::Stopped(pid, Signal::SIGTRAP) => self.go_on(pid, None),
                WaitStatus::Stopped(pid, signal) => self.go_on(pid, Some(signal)),
                _ => {}
            }
        }
    }

    /// A process became another program, or there is one more.
    fn on_event(&mut self, pid: Pid, event: i32) {
        if event == ptrace::Event::PTRACE_EVENT_EXEC as i32 {
            if !self.is_ours(pid) {
                self.stepped.remove(&pid);
                let _ = ptrace::detach(pid, None);
                return;
            }
            self.stepped.insert(pid);
        } else if pid != self.command {
            // Whoever is forked is so by a process of ours.
            self.stepped.insert(pid);
        }
        self.go_on(pid, None);
    }

    /// What still runs goes on alone; one that is in the middle of a step would die of its trap.
    fn let_go(&mut self) {
        self.stepped.remove(&self.command);
        for pid in self.stepped.drain() {
            let _ = ptrace::interrupt(pid);
            // One that has ended is told so, once.
            if waitpid(pid, Some(WaitPidFlag::__WALL)).is_ok() {
                let _ = ptrace::detach(pid, None);
            }
        }
    }

    /// One instruction more. A process that was killed meanwhile has none.
    fn go_on(&mut self, pid: Pid, signal: Option<Signal>) {
        let _ = match self.stepped.contains(&pid) {
            true => {
                self.note(pid);
                ptrace::step(pid, signal)
            }
            false => ptrace::cont(pid, signal),
        };
    }

    fn note(&mut self, pid: Pid) {
        let Ok(registers) = ptrace::getregs(pid) else {
            return;
        };
        #[cfg(target_arch = "x86_64")]
        let address = registers.rip;
        #[cfg(target_arch = "aarch64")]
        let address = registers.pc;
        if self.seen.insert(address / STEP) {
            self.order.push(address);
        }
    }

    fn is_ours(&self, pid: Pid) -> bool {
        let facts = std::fs::metadata(format!("/proc/{pid}/exe"));
        facts.is_ok_and(|facts| (facts.dev(), facts.ino()) == self.inode)
    }
}
