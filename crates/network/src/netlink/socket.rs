//! A netlink socket, which acts in the network namespace that it was opened in. Requests go out in
//! batches, one system call for all; the kernel works through a batch before the call returns.
//!
//! Source: netlink(7).

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

const REQUEST: u16 = 0x1;
/// The kernel answers although nothing is wrong.
pub(crate) const ACK: u16 = 0x4;
/// An object that is there is changed.
pub(crate) const REPLACE: u16 = 0x100;
/// The object must be new.
pub(crate) const EXCLUSIVE: u16 = 0x200;
/// The object is made if it is missing.
pub(crate) const CREATE: u16 = 0x400;
const DUMP: u16 = 0x300;

const ERROR: u16 = 2;
const DONE: u16 = 3;

/// The header of every message.
const HEADER: usize = 16;

/// Room for any one answer of the kernel, which fills at most this much at once.
const ANSWER: usize = 32 << 10;

/// A socket of one netlink family.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

/// A message of the kernel: its kind and what follows the header.
pub(crate) type Answer = (u16, Vec<u8>);

/// Requests that go out together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    count: u32,
    /// The place of the last request's header.
    last: usize,
}

impl Batch {
    /// Adds a request. `body` is what follows the header; it is padded by its writer.
    pub(crate) fn add(&mut self, kind: u16, flags: u16, first_sequence: u32, body: &[u8]) {
        self.last = self.bytes.len();
        let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes
            .extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        let sequence = first_sequence.wrapping_add(self.count);
        self.bytes.extend_from_slice(&sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.count += 1;
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Has the last request acknowledged: whatever went wrong before is answered by then.
    fn acknowledge_last(&mut self) {
        let place = self.last + 6;
        if let Some([low, high]) = self.bytes.get_mut(place..place + 2) {
            let flags = u16::from_ne_bytes([*low, *high]) | ACK;
            [*low, *high] = flags.to_ne_bytes();
        }
    }
}

impl Socket {
    /// Opens one in the network namespace of the calling thread; `None` is rtnetlink.
    pub(crate) fn open(protocol: Option<Protocol>) -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        Ok(Self { fd, sequence: 0 })
    }

    /// The sequence number that the next request has.
    pub(crate) fn next_sequence(&self) -> u32 {
        self.sequence.wrapping_add(1)
    }

    /// Sends all requests. On failure: which one failed first, counted from zero, and why; those
    /// after it were tried all the same.
    pub(crate) fn send(&mut self, mut batch: Batch) -> Result<(), (usize, Errno)> {
        if batch.count == 0 {
            return Ok(());
        }
        batch.acknowledge_last();
        let first = self.next_sequence();
        self.sequence = self.sequence.wrapping_add(batch.count);
        send(&self.fd, &batch.bytes, SendFlags::empty()).map_err(|errno| (0, errno))?;
        let mut failed = None;
        loop {
            for (kind, sequence, body) in self.receive().map_err(|errno| (0, errno))? {
                let number = sequence.wrapping_sub(first);
                if kind != ERROR || number >= batch.count {
                    continue;
                }
                let errno = errno_in(&body);
                if let Some(errno) = errno.filter(|_| failed.is_none()) {
                    failed = Some((number as usize, errno));
                }
                if sequence == self.sequence {
                    return failed.map_or(Ok(()), Err);
                }
            }
        }
    }

    /// Sends requests that the kernel takes as one, each of which asks for an acknowledgement but
    /// the first and the last, its borders: it is said why the first failed.
    pub(crate) fn send_transaction(&mut self, batch: Batch) -> Result<(), Errno> {
        let first = self.next_sequence();
        self.sequence = self.sequence.wrapping_add(batch.count);
        send(&self.fd, &batch.bytes, SendFlags::empty())?;
        let mut failed = None;
        let last = batch.count.saturating_sub(2);
        loop {
            for (kind, sequence, body) in self.receive()? {
                let number = sequence.wrapping_sub(first);
                if kind != ERROR || number >= batch.count {
                    continue;
                }
                failed = failed.or(errno_in(&body));
                // A border is only answered when all of it was refused.
                if number == last || number == 0 || number > last {
                    return failed.map_or(Ok(()), Err);
                }
            }
        }
    }

    /// Asks for one object.
    pub(crate) fn ask(&mut self, kind: u16, body: &[u8]) -> Result<Answer, Errno> {
        let answers = self.gather(kind, 0, body)?;
        answers.into_iter().next().ok_or(Errno::PROTO)
    }

    /// Asks for all objects of a kind.
    pub(crate) fn dump(&mut self, kind: u16, body: &[u8]) -> Result<Vec<Answer>, Errno> {
        self.gather(kind, DUMP, body)
    }

    fn gather(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<Vec<Answer>, Errno> {
        let mut request = Batch::default();
        request.add(kind, flags, self.next_sequence(), body);
        self.sequence = self.sequence.wrapping_add(1);
        send(&self.fd, &request.bytes, SendFlags::empty())?;
        let mut answers = Vec::new();
        loop {
            for (kind, sequence, body) in self.receive()? {
                if sequence != self.sequence {
                    continue;
                }
                match kind {
                    DONE => return Ok(answers),
                    ERROR => return errno_in(&body).map_or(Ok(answers), Err),
                    _ => answers.push((kind, body)),
                }
            }
            if flags & DUMP == 0 && !answers.is_empty() {
                return Ok(answers);
            }
        }
    }

    /// What the kernel says next.
    fn receive(&self) -> Result<Vec<(u16, u32, Vec<u8>)>, Errno> {
        let mut buffer = vec![0u8; ANSWER];
        let (length, _) = recv(&self.fd, &mut buffer[..], RecvFlags::empty())?;
        messages(buffer.get(..length).ok_or(Errno::PROTO)?).ok_or(Errno::PROTO)
    }
}

fn messages(mut bytes: &[u8]) -> Option<Vec<(u16, u32, Vec<u8>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(number(bytes, 0)?).ok()?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let body = bytes.get(HEADER..length)?.to_vec();
        found.push((kind, number(bytes, 8)?, body));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(found)
}

/// The error in an acknowledgement; `None` when nothing is wrong.
fn errno_in(body: &[u8]) -> Option<Errno> {
    match number(body, 0).map(u32::cast_signed) {
        Some(0) => None,
        Some(code) => Some(Errno::from_raw_os_error(code.wrapping_neg())),
        None => Some(Errno::PROTO),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_message_is_none() {
        let mut batch = Batch::default();
        batch.add(16, 0, 7, &[1; 16]);
        let whole = messages(&batch.bytes).unwrap();
        assert_eq!(whole, [(16, 7, vec![1; 16])]);
        for length in 1..batch.bytes.len() {
            assert_eq!(messages(&batch.bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_first_of_a_batch_that_fails_is_named() {
        let mut socket = Socket::open(None).unwrap();
        let mut batch = Batch::default();
        let first = socket.next_sequence();
        // RTM_GETLINK of lo is fine; RTM_DELLINK of nothing is not, for whatever reason.
        let of_link = |index: u32| {
            let words = [0, index, 0, 0];
            words
                .iter()
                .flat_map(|word: &u32| word.to_ne_bytes())
                .collect::<Vec<_>>()
        };
        batch.add(18, ACK, first, &of_link(1));
        batch.add(17, 0, first, &of_link(0));
        batch.add(18, 0, first, &of_link(1));
        let (number, errno) = socket.send(batch).unwrap_err();
        assert_eq!(number, 1, "{errno}");
    }
}
