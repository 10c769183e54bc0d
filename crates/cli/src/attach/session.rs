//! The far end of an attachment that is a container with a monitor.

use std::os::fd::{AsFd, OwnedFd};

use monitor::protocol::{FRAME_MAX, FromClient, FromMonitor, PAYLOAD_MAX};
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::{Arrival, Endpoint, Error, Interest, Stream};
use crate::terminal::Size;

/// A connection to a container's monitor.
#[derive(Debug)]
pub struct Session {
    socket: OwnedFd,
    frame: Box<[u8]>,
}

impl Session {
    /// Takes over a socket to a monitor to whom `Attach` was said already.
    ///
    /// # Errors
    /// [`Error::Io`] when it is no socket.
    pub fn new(socket: OwnedFd) -> Result<Session, Error> {
        rustix::io::ioctl_fionbio(&socket, true).map_err(Error::io("taking over the session"))?;
        Ok(Session {
            socket,
            frame: vec![0; FRAME_MAX].into_boxed_slice(),
        })
    }

    /// The socket, for what is left to say after the end.
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// Whether the frame was taken; a monitor that is gone takes everything.
    fn say(&self, frame: &FromClient<'_>) -> Result<bool, Error> {
        match frame.send(self.socket.as_fd()) {
            Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(Error::io("sending to the container's monitor")(errno)),
        }
    }
}

impl Endpoint for Session {
    fn interests(&self, output: bool, room: bool) -> [Option<Interest<'_>>; 4] {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, output);
        flags.set(PollFlags::OUT, room);
        let wanted = (!flags.is_empty()).then(|| (self.socket.as_fd(), flags));
        [wanted, None, None, None]
    }

    fn receive(&mut self) -> Result<Arrival<'_>, Error> {
        match FromMonitor::receive(self.socket.as_fd(), &mut self.frame) {
            Ok(Some(FromMonitor::Stdout(bytes))) => Ok(Arrival::Output(Stream::Stdout, bytes)),
            Ok(Some(FromMonitor::Stderr(bytes))) => Ok(Arrival::Output(Stream::Stderr, bytes)),
            Ok(Some(FromMonitor::Exited { code })) => Ok(Arrival::Exited(code)),
            Ok(Some(FromMonitor::Failed { exit_code, message })) => Err(Error::NotStarted {
                exit_code,
                message: message.into_owned(),
            }),
            Ok(Some(FromMonitor::Started { .. })) => Ok(Arrival::Nothing),
            Ok(None) => Err(Error::HungUp),
            Err(monitor::Error::Receive(Errno::AGAIN)) => Ok(Arrival::Nothing),
            Err(error) => Err(Error::Monitor(error)),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let part = &bytes[..bytes.len().min(PAYLOAD_MAX)];
        Ok(if self.say(&FromClient::Stdin(part))? {
            part.len()
        } else {
            0
        })
    }

    fn close_input(&mut self) -> Result<bool, Error> {
        self.say(&FromClient::CloseStdin)
    }

    fn resize(&mut self, Size { rows, cols }: Size) -> Result<bool, Error> {
        self.say(&FromClient::Resize { rows, cols })
    }

    fn detach(&mut self) -> Result<(), Error> {
        // If there is no room for it, the hang-up says the same for a terminal, and only a
        // terminal has detach keys.
        self.say(&FromClient::Detach).map(drop)
    }
}
