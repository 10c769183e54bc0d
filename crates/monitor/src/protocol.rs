//! The one conversation between a monitor and its clients: frames on a SEQPACKET socket. The
//! socket of the starter is inherited; everybody else connects to `attach.sock`.
//!
//! ```text
//!  client                                   monitor
//!    │  Attach or Begin (starter: all ────────→ │  create, start
//!    │  is written down), Resize                │
//!    │ ←──────────────── Started | Failed ───── │  to the starter alone; Failed is the last
//!    │ ←──────────────── Stdout, Stderr … ───── │  to whom Attach said so, from then on
//!    │  Stdin …, CloseStdin ──────────────────→ │  from whom Attach said so
//!    │  Resize ───────────────────────────────→ │
//!    │  Detach ───────────────────────────────→ │  hangs up; leaves standard input open
//!    │                                          │  end: log whole, exit.json
//!    │ ←──────────────── Exited ─────────────── │  to everybody, after their last output
//! ```
//!
//! A frame is one packet: a byte for the kind, then its fields in native byte order (both ends
//! are on one machine), then at most [`PAYLOAD_MAX`] bytes of payload. Numbers of kinds are never
//! used again for something else, so that a monitor and a newer client understand or refuse
//! each other. A hang-up without `Exited` means that the end is to be read from `exit.json`.

use std::borrow::Cow;
use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

use crate::Error;

/// The most bytes of output, input or message in one frame.
pub const PAYLOAD_MAX: usize = 32 * 1024;

/// A buffer of this many bytes holds any frame.
pub const FRAME_MAX: usize = PAYLOAD_MAX + HEADER_MAX;

/// Kind and fields of the longest header (`Started`, `Failed`, `Exited`, `Resize`).
const HEADER_MAX: usize = 5;

/// What a monitor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromMonitor<'a> {
    /// The container's process runs; its pid in the monitor's pid namespace.
    Started {
        /// The process id.
        pid: i32,
    },
    /// It could not be started.
    Failed {
        /// What `run` is to exit with: 125, 126 or 127.
        exit_code: i32,
        /// The error and its causes, one line.
        message: Cow<'a, str>,
    },
    /// Standard output, or the output of the terminal.
    Stdout(&'a [u8]),
    /// Standard error.
    Stderr(&'a [u8]),
    /// The container ended and that is written down; what it used is being released. Nothing
    /// follows.
    Exited {
        /// Its exit code; 128 + n when signal n ended it.
        code: i32,
    },
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromClient<'a> {
    /// Connects the client to the container's streams from now on.
    Attach {
        /// The client will send [`FromClient::Stdin`].
        stdin: bool,
        /// The client wants standard output.
        stdout: bool,
        /// The client wants standard error.
        stderr: bool,
    },
    /// Bytes for the container's standard input.
    Stdin(&'a [u8]),
    /// The client's standard input ended; the container's ends too if it is `stdin_once`.
    CloseStdin,
    /// The client's window changed.
    Resize {
        /// Lines.
        rows: u16,
        /// Columns.
        cols: u16,
    },
    /// The client leaves; the container goes on.
    Detach,
    /// The first word of a starter that does not attach: the monitor's documents are written, the
    /// container may be made. From one that does, `Attach` says the same: were it to come later, it
    /// might miss the first output.
    Begin,
}

mod kind {
    //! The first byte of each frame.
    pub(super) const STARTED: u8 = 1;
    pub(super) const FAILED: u8 = 2;
    pub(super) const STDOUT: u8 = 3;
    pub(super) const STDERR: u8 = 4;
    pub(super) const EXITED: u8 = 5;
    pub(super) const ATTACH: u8 = 65;
    pub(super) const STDIN: u8 = 66;
    pub(super) const CLOSE_STDIN: u8 = 67;
    pub(super) const RESIZE: u8 = 68;
    pub(super) const DETACH: u8 = 69;
    pub(super) const BEGIN: u8 = 70;
}

/// The start of a frame on its way out, without its payload.
struct Header {
    bytes: [u8; HEADER_MAX],
    len: usize,
}

impl Header {
    fn new(kind: u8, fields: &[u8]) -> Header {
        let mut bytes = [0; HEADER_MAX];
        bytes[0] = kind;
        bytes[1..=fields.len()].copy_from_slice(fields);
        Header {
            bytes,
            len: 1 + fields.len(),
        }
    }
}

impl<'a> FromMonitor<'a> {
    /// Sends the frame in one packet, without waiting.
    ///
    /// # Errors
    /// The kernel's: `AGAIN` when the peer is behind, `PIPE` or `CONNRESET` when it is gone.
    pub fn send(&self, socket: BorrowedFd<'_>) -> Result<(), Errno> {
        use FromMonitor as F;
        match self {
            F::Started { pid } => send(socket, kind::STARTED, &pid.to_ne_bytes(), &[]),
            F::Failed { exit_code, message } => {
                let end = message.floor_char_boundary(PAYLOAD_MAX);
                let text = &message.as_bytes()[..end];
                send(socket, kind::FAILED, &exit_code.to_ne_bytes(), text)
            }
            F::Stdout(bytes) => send(socket, kind::STDOUT, &[], bytes),
            F::Stderr(bytes) => send(socket, kind::STDERR, &[], bytes),
            F::Exited { code } => send(socket, kind::EXITED, &code.to_ne_bytes(), &[]),
        }
    }

    /// Receives one frame into `buffer`, which should hold [`FRAME_MAX`] bytes; `None` when the
    /// monitor hung up.
    ///
    /// # Errors
    /// [`Error::Receive`] with `AGAIN` when the socket is non-blocking and there is none, and
    /// the errors of a frame that is not one.
    pub fn receive(socket: BorrowedFd<'_>, buffer: &'a mut [u8]) -> Result<Option<Self>, Error> {
        receive(socket, buffer, RecvFlags::empty())?
            .map(|(kind, rest)| FromMonitor::decode(kind, rest))
            .transpose()
    }

    fn decode(kind: u8, rest: &'a [u8]) -> Result<Self, Error> {
        Ok(match kind {
            kind::STARTED => FromMonitor::Started {
                pid: number(kind, rest)?,
            },
            kind::FAILED => {
                let (exit_code, text) = leading_number(kind, rest)?;
                FromMonitor::Failed {
                    exit_code,
                    message: String::from_utf8_lossy(text),
                }
            }
            kind::STDOUT => FromMonitor::Stdout(rest),
            kind::STDERR => FromMonitor::Stderr(rest),
            kind::EXITED => FromMonitor::Exited {
                code: number(kind, rest)?,
            },
            kind => return Err(Error::UnknownFrame { kind }),
        })
    }
}

impl<'a> FromClient<'a> {
    /// Sends the frame in one packet, without waiting.
    ///
    /// # Errors
    /// The kernel's: `AGAIN` when the monitor is behind, `PIPE` or `CONNRESET` when it is gone.
    pub fn send(&self, socket: BorrowedFd<'_>) -> Result<(), Errno> {
        use FromClient as F;
        match *self {
            F::Attach {
                stdin,
                stdout,
                stderr,
            } => {
                let streams = [u8::from(stdin), u8::from(stdout), u8::from(stderr)];
                send(socket, kind::ATTACH, &streams, &[])
            }
            F::Stdin(bytes) => send(socket, kind::STDIN, &[], bytes),
            F::CloseStdin => send(socket, kind::CLOSE_STDIN, &[], &[]),
            F::Resize { rows, cols } => {
                let ([r0, r1], [c0, c1]) = (rows.to_ne_bytes(), cols.to_ne_bytes());
                send(socket, kind::RESIZE, &[r0, r1, c0, c1], &[])
            }
            F::Detach => send(socket, kind::DETACH, &[], &[]),
            F::Begin => send(socket, kind::BEGIN, &[], &[]),
        }
    }

    /// Receives one frame into `buffer`, which should hold [`FRAME_MAX`] bytes; `None` when the
    /// client hung up.
    ///
    /// # Errors
    /// As [`FromMonitor::receive`].
    pub fn receive(socket: BorrowedFd<'_>, buffer: &'a mut [u8]) -> Result<Option<Self>, Error> {
        receive(socket, buffer, RecvFlags::empty())?
            .map(|(kind, rest)| FromClient::decode(kind, rest))
            .transpose()
    }

    /// Looks at the next frame, which stays for [`FromClient::receive`].
    ///
    /// # Errors
    /// As [`FromMonitor::receive`].
    pub fn peek(socket: BorrowedFd<'_>, buffer: &'a mut [u8]) -> Result<Option<Self>, Error> {
        receive(socket, buffer, RecvFlags::PEEK)?
            .map(|(kind, rest)| FromClient::decode(kind, rest))
            .transpose()
    }

    fn decode(kind: u8, rest: &'a [u8]) -> Result<Self, Error> {
        match (kind, rest) {
            (kind::ATTACH, &[stdin @ 0..=1, stdout @ 0..=1, stderr @ 0..=1]) => {
                let (stdin, stdout, stderr) = (stdin == 1, stdout == 1, stderr == 1);
                Ok(FromClient::Attach {
                    stdin,
                    stdout,
                    stderr,
                })
            }
            (kind::STDIN, bytes) if bytes.len() <= PAYLOAD_MAX => Ok(FromClient::Stdin(bytes)),
            (kind::CLOSE_STDIN, []) => Ok(FromClient::CloseStdin),
            (kind::RESIZE, &[r0, r1, c0, c1]) => {
                let (rows, cols) = (u16::from_ne_bytes([r0, r1]), u16::from_ne_bytes([c0, c1]));
                Ok(FromClient::Resize { rows, cols })
            }
            (kind::DETACH, []) => Ok(FromClient::Detach),
            (kind::BEGIN, []) => Ok(FromClient::Begin),
            (kind::ATTACH..=kind::BEGIN, _) => Err(Error::MalformedFrame {
                kind,
                len: rest.len(),
            }),
            (kind, _) => Err(Error::UnknownFrame { kind }),
        }
    }
}

fn send(socket: BorrowedFd<'_>, kind: u8, fields: &[u8], payload: &[u8]) -> Result<(), Errno> {
    assert!(
        payload.len() <= PAYLOAD_MAX,
        "a frame carries at most PAYLOAD_MAX bytes"
    );
    let header = Header::new(kind, fields);
    let parts = [
        IoSlice::new(&header.bytes[..header.len]),
        IoSlice::new(payload),
    ];
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    // A packet is taken whole or not at all, so the count says nothing.
    sendmsg(socket, &parts, &mut SendAncillaryBuffer::default(), flags).map(drop)
}

/// The next frame's kind and the rest of it.
fn receive<'a>(
    socket: BorrowedFd<'_>,
    buffer: &'a mut [u8],
    flags: RecvFlags,
) -> Result<Option<(u8, &'a [u8])>, Error> {
    let len = loop {
        match recv(socket, &mut *buffer, flags | RecvFlags::TRUNC) {
            Ok((_, len)) => break len,
            // A peer that closed with frames of ours unread is told so once, before what it sent.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            Err(errno) => return Err(Error::Receive(errno)),
        }
    };
    let frame = buffer.get(..len).ok_or(Error::OversizedFrame { len })?;
    Ok(frame.split_first().map(|(kind, rest)| (*kind, rest)))
}

/// The number that is all of a frame's fields.
fn number(kind: u8, fields: &[u8]) -> Result<i32, Error> {
    match leading_number(kind, fields)? {
        (number, []) => Ok(number),
        _ => Err(Error::MalformedFrame {
            kind,
            len: fields.len(),
        }),
    }
}

fn leading_number(kind: u8, fields: &[u8]) -> Result<(i32, &[u8]), Error> {
    match fields.split_first_chunk() {
        Some((number, rest)) => Ok((i32::from_ne_bytes(*number), rest)),
        None => Err(Error::MalformedFrame {
            kind,
            len: fields.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    }

    #[test]
    fn every_frame_of_the_monitor_arrives_as_sent() {
        let (left, right) = pair();
        let all = vec![0xff; PAYLOAD_MAX];
        let frames = [
            FromMonitor::Started { pid: i32::MAX },
            FromMonitor::Failed {
                exit_code: 127,
                message: "no \u{fc}".into(),
            },
            FromMonitor::Stdout(&all),
            FromMonitor::Stderr(b"x"),
            FromMonitor::Exited { code: -1 },
        ];
        for frame in frames {
            frame.send(left.as_fd()).unwrap();
            let mut buffer = vec![0; FRAME_MAX];
            let got = FromMonitor::receive(right.as_fd(), &mut buffer).unwrap();
            assert_eq!(got, Some(frame));
        }
    }

    #[test]
    fn every_frame_of_a_client_arrives_as_sent() {
        let (left, right) = pair();
        let frames = [
            FromClient::Attach {
                stdin: true,
                stdout: false,
                stderr: true,
            },
            FromClient::Stdin(b"\0\n"),
            FromClient::CloseStdin,
            FromClient::Resize {
                rows: 50,
                cols: 1234,
            },
            FromClient::Detach,
            FromClient::Begin,
        ];
        for frame in frames {
            frame.send(left.as_fd()).unwrap();
            let mut buffer = vec![0; FRAME_MAX];
            assert_eq!(
                FromClient::receive(right.as_fd(), &mut buffer).unwrap(),
                Some(frame)
            );
        }
    }

    #[test]
    fn a_message_too_long_for_a_frame_is_cut_between_characters() {
        let (left, right) = pair();
        let message = "\u{20ac}".repeat(PAYLOAD_MAX);
        FromMonitor::Failed {
            exit_code: 125,
            message: message.into(),
        }
        .send(left.as_fd())
        .unwrap();
        let mut buffer = vec![0; FRAME_MAX];
        match FromMonitor::receive(right.as_fd(), &mut buffer).unwrap() {
            Some(FromMonitor::Failed { message, .. }) => {
                assert!(
                    message.chars().all(|c| c == '\u{20ac}'),
                    "cut inside a character"
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_a_frame_is_refused() {
        let (left, right) = pair();
        let mut buffer = vec![0; FRAME_MAX];
        let mut refusal = |bytes: &[u8]| {
            rustix::net::send(&left, bytes, SendFlags::empty()).unwrap();
            FromClient::receive(right.as_fd(), &mut buffer).unwrap_err()
        };
        assert!(matches!(refusal(&[0]), Error::UnknownFrame { kind: 0 }));
        assert!(matches!(
            refusal(&[kind::STDOUT, 1]),
            Error::UnknownFrame { kind: 3 }
        ));
        assert!(matches!(
            refusal(&[kind::ATTACH, 1, 1]),
            Error::MalformedFrame { .. }
        ));
        assert!(matches!(
            refusal(&[kind::ATTACH, 1, 1, 2]),
            Error::MalformedFrame { .. }
        ));
        assert!(matches!(
            refusal(&[kind::RESIZE, 1]),
            Error::MalformedFrame { .. }
        ));
        assert!(matches!(
            refusal(&[kind::DETACH, 1]),
            Error::MalformedFrame { .. }
        ));
        let too_long = vec![kind::STDIN; PAYLOAD_MAX + 2];
        assert!(matches!(refusal(&too_long), Error::MalformedFrame { .. }));
        let far_too_long = vec![kind::STDIN; FRAME_MAX + 1];
        assert!(matches!(
            refusal(&far_too_long),
            Error::OversizedFrame { .. }
        ));
    }

    #[test]
    fn what_was_sent_before_a_hang_up_arrives_though_the_other_side_was_not_heard() {
        let (left, right) = pair();
        let mut buffer = vec![0; FRAME_MAX];
        FromClient::CloseStdin.send(right.as_fd()).unwrap();
        FromMonitor::Exited { code: 3 }.send(left.as_fd()).unwrap();
        drop(left);
        let last = FromMonitor::receive(right.as_fd(), &mut buffer).unwrap();
        assert_eq!(last, Some(FromMonitor::Exited { code: 3 }));
        assert_eq!(
            FromMonitor::receive(right.as_fd(), &mut buffer).unwrap(),
            None
        );
    }

    #[test]
    fn a_hang_up_is_the_end_and_an_empty_queue_is_not() {
        let (left, right) = pair();
        let mut buffer = vec![0; FRAME_MAX];
        let empty = FromClient::receive(right.as_fd(), &mut buffer).unwrap_err();
        assert!(matches!(empty, Error::Receive(Errno::AGAIN)));
        drop(left);
        assert_eq!(
            FromClient::receive(right.as_fd(), &mut buffer).unwrap(),
            None
        );
    }
}
