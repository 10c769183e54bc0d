//! The conversation with `criu swrk`: one request, notices on the way that want an answer, and a
//! response. CRIU is found in PATH.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::io::{Errno, FdFlags, fcntl_setfd};

use super::request::{Kind, Request, log_name};
use super::wire::{Field, Message, fields};
use crate::error::{Doing, Error};

/// The largest message.
const LARGEST: usize = 64 << 10;

/// Something that CRIU tells while it works.
pub(crate) struct Notice {
    /// `post-dump`, `setup-namespaces`, `post-restore`, …
    pub(crate) name: String,
    /// The container's first process, where there is one.
    pub(crate) pid: i32,
    /// What was sent along.
    pub(crate) fds: Vec<OwnedFd>,
}

/// A running `criu swrk`.
pub(crate) struct Swrk {
    child: Child,
    socket: OwnedFd,
}

impl Swrk {
    /// Starts CRIU. The standard streams of a restored container are those of CRIU: the caller's,
    /// or none. `kept` are descriptors that it inherits under their numbers.
    pub(crate) fn start(streams: bool, kept: &[BorrowedFd<'_>]) -> Result<Self, Error> {
        let clause = || "starting criu, which must be installed for this".to_owned();
        let (ours, theirs) = crate::init::protocol::pair().doing(clause)?;
        for fd in kept.iter().copied().chain([theirs.as_fd()]) {
            fcntl_setfd(fd, FdFlags::empty()).doing(clause)?;
        }
        let mut command = Command::new("criu");
        command.arg("swrk").arg(theirs.as_raw_fd().to_string());
        if !streams {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
        }
        let child = command.spawn().doing(clause)?;
        Ok(Self {
            child,
            socket: ours,
        })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the request and answers notices until CRIU is done. `log` is the directory of its log.
    pub(crate) fn ask(
        mut self,
        request: &Request,
        log: &Path,
        mut notice: impl FnMut(Notice) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let outcome = self.send(&request.message()).and_then(|()| {
            while let Some(heard) = self.hear(request.kind, log)? {
                notice(heard)?;
                let mut answer = Message::default();
                answer.number(1, Kind::Notify as i64).flag(3, true);
                self.send(&answer)?;
            }
            Ok(())
        });
        // It ends when the socket is closed; after a pre-dump it would wait for the next one.
        drop(self.socket);
        let _ = self.child.wait();
        outcome
    }

    fn send(&self, message: &Message) -> Result<(), Error> {
        sys::fds::send_with_fds(self.socket.as_fd(), message.bytes(), &[])
            .doing(|| "asking criu".to_owned())?;
        Ok(())
    }

    /// The next notice; `None` when CRIU has done what it was asked for.
    fn hear(&self, kind: Kind, log: &Path) -> Result<Option<Notice>, Error> {
        let clause = || "listening to criu".to_owned();
        let mut packet = vec![0u8; LARGEST];
        let (length, fds) =
            sys::fds::receive_with_fds(self.socket.as_fd(), &mut packet).doing(clause)?;
        if length == 0 {
            return Err(failure(kind, log));
        }
        let packet = packet.get(..length).unwrap_or_default();
        let (mut is_notice, mut success, mut notice) = (false, false, None);
        for field in fields(packet).doing(clause)? {
            match field {
                (1, Field::Number(heard)) => is_notice = heard == Kind::Notify as u64,
                (2, Field::Number(value)) => success = value != 0,
                (5, Field::Block(block)) => notice = Some(block),
                _ => {}
            }
        }
        match (success, is_notice) {
            (false, _) => Err(failure(kind, log)),
            (true, false) => Ok(None),
            (true, true) => {
                let (name, pid) = read_notice(notice.unwrap_or_default()).doing(clause)?;
                Ok(Some(Notice { name, pid, fds }))
            }
        }
    }
}

fn read_notice(block: &[u8]) -> Result<(String, i32), Errno> {
    let (mut name, mut pid) = (String::new(), 0);
    for field in fields(block)? {
        match field {
            (1, Field::Block(text)) => name = String::from_utf8_lossy(text).into_owned(),
            (2, Field::Number(number)) => pid = i32::try_from(number).map_err(|_| Errno::PROTO)?,
            _ => {}
        }
    }
    Ok((name, pid))
}

/// What went wrong is in CRIU's log, whose first error is told.
fn failure(kind: Kind, log: &Path) -> Error {
    let path: PathBuf = log.join(log_name(kind));
    let why = std::fs::read_to_string(&path)
        .ok()
        .and_then(|text| first_error(&text).map(str::to_owned))
        .unwrap_or_else(|| "no reason is given".to_owned());
    Error::Criu { why, log: path }
}

/// `(00.001234) Error (criu/vdso.c:590): vdso: Unexpected rt vDSO area bounds`.
fn first_error(log: &str) -> Option<&str> {
    let errors = log.lines().filter_map(|line| {
        let (_, after) = line.split_once("Error (")?;
        after.split_once("): ").map(|(_, why)| why.trim())
    });
    // Of the first, only a container with such a device would die; the last says nothing new.
    let beside = ["tun: ", "Dumping FAILED", "Restoring FAILED"];
    let mut errors = errors.filter(|why| !beside.iter().any(|start| why.starts_with(start)));
    errors.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_in_the_log() {
        let log = "(00.000013) Version: 3.17.1\n\
                   (00.001) Error (criu/vdso.c:590): vdso: Unexpected rt vDSO area bounds\n\
                   (00.002) Error (criu/cr-dump.c:2053): Dumping FAILED.\n";
        assert_eq!(
            first_error(log),
            Some("vdso: Unexpected rt vDSO area bounds")
        );
        assert_eq!(first_error("nothing"), None);
    }
}
