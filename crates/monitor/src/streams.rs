//! The pipes or the terminal between a container's process and its monitor.

use std::os::fd::OwnedFd;

use runtime::Stdio;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer};

/// The monitor's ends, all non-blocking.
pub(crate) struct Streams {
    /// By `Stream::index`; a terminal is the first alone.
    pub(crate) outputs: [Option<OwnedFd>; 2],
    /// What clients write to.
    pub(crate) stdin: Option<OwnedFd>,
    /// Held so that a terminal which the container closes and opens again, as systemd does with
    /// its console, is not hung up in between.
    pub(crate) peer: Option<OwnedFd>,
}

/// Pipes: the process' ends, and the monitor's. Without `open_stdin` the process reads
/// `/dev/null`.
pub(crate) fn pipes(open_stdin: bool) -> Result<(Stdio, Streams), Errno> {
    let (stdin, our_stdin) = if open_stdin {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        (read, Some(write))
    } else {
        (
            open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?,
            None,
        )
    };
    let (our_stdout, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (our_stderr, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    let outputs = [Some(our_stdout), Some(our_stderr)];
    let streams = Streams {
        outputs,
        stdin: our_stdin,
        peer: None,
    };
    streams.set_nonblocking()?;
    Ok((
        Stdio::Fds {
            stdin,
            stdout,
            stderr,
        },
        streams,
    ))
}

/// The terminal whose `master` the runtime handed out.
pub(crate) fn terminal(master: &OwnedFd, open_stdin: bool) -> Result<Streams, Errno> {
    let again = || fcntl_dupfd_cloexec(master, 3);
    let peer = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let streams = Streams {
        outputs: [Some(again()?), None],
        stdin: open_stdin.then(again).transpose()?,
        peer: Some(ioctl_tiocgptpeer(master, peer)?),
    };
    streams.set_nonblocking()?;
    Ok(streams)
}

impl Streams {
    fn set_nonblocking(&self) -> Result<(), Errno> {
        for file in self.outputs.iter().chain([&self.stdin]).flatten() {
            ioctl_fionbio(file, true)?;
        }
        Ok(())
    }
}
