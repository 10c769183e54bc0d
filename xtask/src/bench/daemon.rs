//! A daemon of a peer, for as long as it is measured: started with a socket of its own, ended by
//! its pid.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::subject::CommandLine;

/// What a daemon may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon; dropping it ends it.
pub(super) struct Daemon {
    process: Child,
}

impl Daemon {
    /// Starts it, and waits until somebody listens on its socket.
    pub(super) fn start(command: &CommandLine, socket: &Path) -> Result<Self, String> {
        let (process, said) = command.spawn()?;
        let mut daemon = Daemon { process };
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(socket).is_err() {
            if daemon.has_ended() {
                return Err(said
                    .last_line()
                    .unwrap_or_else(|| "it ends at once".to_owned()));
            }
            if Instant::now() > deadline {
                return Err(format!("nobody listens on {}", socket.display()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(daemon)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        if let Some(pid) = pid
            && !self.has_ended()
        {
            kill_process(pid, Signal::TERM).ok();
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.has_ended() {
            if Instant::now() > deadline {
                self.process.kill().ok();
                self.process.wait().ok();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
