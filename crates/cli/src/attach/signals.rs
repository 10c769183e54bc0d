//! The signals that matter while attached, read instead of delivered.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use sys::signals::{SignalSet, read_signal, signal_number, signalfd, unblock_all};

/// Passed on to the process when it has no terminal. Stop signals are not among them: they stop
/// us, as any program in a shell.
const PROXIED: &[&str] = &["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM"];

/// What would end us, but must find the user's terminal put back.
const ENDING: &[&str] = &["HUP", "INT", "QUIT", "TERM"];

/// What to do about signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// They go to the process.
    Proxy,
    /// They end the attachment; a change of the window's size is one too, but only tells.
    End,
    /// They have their usual effect.
    Leave,
}

/// Signals blocked as long as this lives.
#[derive(Debug)]
pub(super) struct Signals {
    /// `None` when nothing is read.
    fd: Option<OwnedFd>,
}

impl Signals {
    pub(super) fn catch(policy: Policy) -> Result<Signals, Errno> {
        let names = match policy {
            Policy::Leave => return Ok(Signals { fd: None }),
            Policy::Proxy => PROXIED,
            Policy::End => ENDING,
        };
        let window = (policy == Policy::End).then_some(&"WINCH");
        let numbers: Vec<i32> = names
            .iter()
            .chain(window)
            .filter_map(|name| signal_number(name))
            .collect();
        let set = SignalSet::of(&numbers);
        let fd = signalfd(&set)?;
        set.block()?;
        Ok(Signals { fd: Some(fd) })
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// The next signal that came.
    pub(super) fn next(&self) -> Result<Option<i32>, Errno> {
        let Some(fd) = &self.fd else { return Ok(None) };
        Ok(read_signal(fd)?.map(|info| info.signal))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if self.fd.is_some() {
            // Fails for no set of signals.
            let _ = unblock_all();
        }
    }
}

/// Whether this is the signal of a window that changed.
pub(super) fn is_window_change(signal: i32) -> bool {
    signal_number("WINCH") == Some(signal)
}

/// The number of SIGPIPE.
pub(super) fn broken_pipe() -> i32 {
    signal_number("PIPE").unwrap_or_default()
}
