//! sd_notify(3) through a container: the service manager that started us is the caller's
//! `NOTIFY_SOCKET`, and what the container's program says of being ready is passed on to it.

use std::os::fd::AsFd;
use std::thread::JoinHandle;

use runtime::{NotifySocket, Process};
use sys::signals::{SignalSet, unblock_all};

use super::global::Global;
use super::main::Failure;

/// Where the service manager listens, if one wants to know.
pub(super) fn manager() -> Option<String> {
    std::env::var("NOTIFY_SOCKET")
        .ok()
        .filter(|manager| !manager.is_empty())
}

/// The socket of a container that is about to be started.
pub(super) fn open(global: &Global, id: &str) -> Result<Option<NotifySocket>, Failure> {
    let opened = manager().map(|manager| NotifySocket::open(&global.root, id, &manager));
    Ok(opened.transpose()?)
}

/// Passes on what the program says while we wait for its end, and is waited for when it goes.
#[derive(Debug)]
pub(super) struct Passing(Option<JoinHandle<()>>);

/// Begins to pass on; we stay the process that the service manager watches.
pub(super) fn in_background(global: &Global, notify: NotifySocket, process: &Process) -> Passing {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let Ok(pidfd) = process.pidfd.try_clone() else {
        return Passing(None);
    };
    let global = global.clone();
    // Signals are for the thread that waits.
    let _ = SignalSet::all().block();
    let spawned = std::thread::Builder::new().spawn(move || {
        if let Err(error) = notify.pass_on(own, pidfd.as_fd()) {
            global.warn(&crate::error_text::sentence(&error));
        }
    });
    let _ = unblock_all();
    if let Err(error) = &spawned {
        crate::output::warning(&format!("starting a thread: {error}"));
    }
    Passing(spawned.ok())
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}
