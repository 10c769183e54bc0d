//! The little of rtnetlink that moving a network device takes: one socket, which acts in the network
//! namespace that it was opened in, and a few requests. What is done with them is in
//! `net_devices.rs`.
//!
//! Source: netlink(7), rtnetlink(7).

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send};

/// A link as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) is_up: bool,
}

/// An address of a link: what it takes to add it elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    family: u8,
    prefix: u8,
    flags: u32,
    scope: u8,
    link: u32,
    /// Attributes that name the address: kind and value.
    parts: Vec<(u16, Vec<u8>)>,
}

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CREATE: u16 = 0x400;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

const IFLA_IFNAME: u16 = 3;
const IFLA_NET_NS_FD: u16 = 28;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;

const IFF_UP: u32 = 1;
const IFA_F_NODAD: u32 = 0x02;
const IFA_F_PERMANENT: u32 = 0x80;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const RT_SCOPE_UNIVERSE: u8 = 0;

/// A message of the kernel: its kind and what follows the header.
type Message = (u16, Vec<u8>);

/// A route socket.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// Opens one in the network namespace of the calling thread.
    pub(crate) fn open() -> Result<Self, Errno> {
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            // NETLINK_ROUTE is zero.
            None,
        )?;
        Ok(Self { fd, sequence: 0 })
    }

    /// The link with this name.
    pub(crate) fn link(&mut self, name: &str) -> Result<Link, Errno> {
        let mut request = Request::of_link(0, 0, 0);
        request.text(IFLA_IFNAME, name);
        let answer = self.ask(RTM_GETLINK, 0, &request)?;
        let link = answer.iter().find_map(read_link);
        link.ok_or(Errno::NODEV)
    }

    /// All links.
    pub(crate) fn links(&mut self) -> Result<Vec<Link>, Errno> {
        let answer = self.ask(RTM_GETLINK, NLM_F_DUMP, &Request::of_link(0, 0, 0))?;
        Ok(answer.iter().filter_map(read_link).collect())
    }

    /// The addresses of a link that somebody gave it for good and for everywhere.
    pub(crate) fn addresses(&mut self, link: u32) -> Result<Vec<Address>, Errno> {
        let all = Request(vec![0u8; 8]);
        let answer = self.ask(RTM_GETADDR, NLM_F_DUMP, &all)?;
        let addresses = answer.iter().filter_map(read_address);
        let lasts = |address: &Address| {
            address.link == link
                && address.flags & IFA_F_PERMANENT != 0
                && address.scope == RT_SCOPE_UNIVERSE
        };
        Ok(addresses.filter(lasts).collect())
    }

    /// Brings a link up or down.
    pub(crate) fn set_up(&mut self, link: u32, up: bool) -> Result<(), Errno> {
        let flags = if up { IFF_UP } else { 0 };
        let request = Request::of_link(link, flags, IFF_UP);
        self.ask(RTM_NEWLINK, NLM_F_ACK, &request).map(|_| ())
    }

    /// Moves a link into another namespace under a name, both at once.
    pub(crate) fn move_link(
        &mut self,
        link: u32,
        namespace: BorrowedFd<'_>,
        name: &str,
    ) -> Result<(), Errno> {
        let mut request = Request::of_link(link, 0, 0);
        request.text(IFLA_IFNAME, name);
        let fd = u32::try_from(namespace.as_raw_fd()).map_err(|_| Errno::BADF)?;
        request.attribute(IFLA_NET_NS_FD, &fd.to_ne_bytes());
        self.ask(RTM_NEWLINK, NLM_F_ACK, &request).map(|_| ())
    }

    /// Gives a link an address.
    pub(crate) fn add_address(&mut self, link: u32, address: &Address) -> Result<(), Errno> {
        let mut request = Request(vec![address.family, address.prefix, 0, address.scope]);
        request.0.extend_from_slice(&link.to_ne_bytes());
        for (kind, value) in &address.parts {
            request.attribute(*kind, value);
        }
        let flags = address.flags & (IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
        request.attribute(IFA_FLAGS, &flags.to_ne_bytes());
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        self.ask(RTM_NEWADDR, flags, &request).map(|_| ())
    }

    /// Sends a request and gathers the answer up to its end, which is an acknowledgement, the end
    /// of a dump, or the one message that was asked for.
    fn ask(&mut self, kind: u16, flags: u16, request: &Request) -> Result<Vec<Message>, Errno> {
        self.sequence += 1;
        send(
            &self.fd,
            &request.packet(kind, flags, self.sequence)?,
            SendFlags::empty(),
        )?;
        let expects_end = flags & (NLM_F_ACK | NLM_F_DUMP) != 0;
        let mut answer = Vec::new();
        let mut buffer = vec![0u8; 65_536];
        loop {
            let (length, _) = recv(&self.fd, &mut buffer[..], RecvFlags::empty())?;
            let mut rest = buffer.get(..length).ok_or(Errno::PROTO)?;
            while !rest.is_empty() {
                let (message, sequence, next) = read_message(rest).ok_or(Errno::PROTO)?;
                rest = next;
                if sequence != self.sequence {
                    continue;
                }
                match message {
                    (NLMSG_DONE, _) => return Ok(answer),
                    (NLMSG_ERROR, body) => match number(&body, 0).ok_or(Errno::PROTO)? {
                        0 => return Ok(answer),
                        error => {
                            let errno = error.cast_signed().wrapping_neg();
                            return Err(Errno::from_raw_os_error(errno));
                        }
                    },
                    message => answer.push(message),
                }
            }
            if !expects_end && !answer.is_empty() {
                return Ok(answer);
            }
        }
    }
}

/// What follows a request's header.
struct Request(Vec<u8>);

impl Request {
    /// `struct ifinfomsg`.
    fn of_link(index: u32, flags: u32, change: u32) -> Self {
        let words = [0, index, flags, change];
        Self(words.iter().flat_map(|word| word.to_ne_bytes()).collect())
    }

    fn text(&mut self, kind: u16, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn packet(&self, kind: u16, flags: u16, sequence: u32) -> Result<Vec<u8>, Errno> {
        let length = u32::try_from(self.0.len() + 16).map_err(|_| Errno::MSGSIZE)?;
        let mut packet = length.to_ne_bytes().to_vec();
        packet.extend_from_slice(&kind.to_ne_bytes());
        packet.extend_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        packet.extend_from_slice(&sequence.to_ne_bytes());
        packet.extend_from_slice(&[0; 4]);
        packet.extend_from_slice(&self.0);
        Ok(packet)
    }
}

/// The first message, its sequence number, and what follows it.
fn read_message(bytes: &[u8]) -> Option<(Message, u32, &[u8])> {
    let length = usize::try_from(number(bytes, 0)?).ok()?;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let body = bytes.get(16..length)?.to_vec();
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some(((kind, body), number(bytes, 8)?, next))
}

fn read_link((kind, body): &Message) -> Option<Link> {
    let is_up = number(body, 8)? & IFF_UP != 0;
    let index = number(body, 4)?;
    (*kind == RTM_NEWLINK).then_some(Link { index, is_up })
}

fn read_address((kind, body): &Message) -> Option<Address> {
    let [family, prefix, flags, scope] = *body.first_chunk::<4>()?;
    let mut address = Address {
        family,
        prefix,
        flags: u32::from(flags),
        scope,
        link: number(body, 4)?,
        parts: Vec::new(),
    };
    let mut rest = body.get(8..)?;
    while let Some(header) = rest.first_chunk::<4>() {
        let [l0, l1, k0, k1] = *header;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..length)?;
        match u16::from_ne_bytes([k0, k1]) {
            IFA_FLAGS => address.flags = number(value, 0)?,
            kind @ (IFA_ADDRESS | IFA_LOCAL | IFA_BROADCAST) => {
                address.parts.push((kind, value.to_vec()));
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (*kind == RTM_NEWADDR).then_some(address)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_is_known_by_name_and_has_no_address_for_everywhere() {
        let mut socket = Socket::open().unwrap();
        let lo = socket.link("lo").unwrap();
        assert_eq!(lo.index, 1);
        assert!(socket.links().unwrap().contains(&lo));
        assert_eq!(socket.addresses(lo.index), Ok(Vec::new()));
        assert_eq!(socket.link("no-such-link"), Err(Errno::NODEV));
    }

    #[test]
    fn a_cut_message_is_none() {
        let packet = Request::of_link(1, 0, 0).packet(RTM_NEWLINK, 0, 7).unwrap();
        assert_eq!(
            read_message(&packet).map(|(_, sequence, _)| sequence),
            Some(7)
        );
        for length in 0..packet.len() {
            assert!(read_message(&packet[..length]).is_none(), "{length}");
        }
    }
}
