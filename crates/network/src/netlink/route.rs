//! rtnetlink: requests about links, addresses and routes, put together by the library, sent in
//! batches that say what they were doing.
//!
//! Source: rtnetlink(7).

use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rustix::io::Errno;

use super::socket::{Batch, Socket};
use crate::error::{Doing, Error};

/// A route socket, with requests that wait to be sent.
#[derive(Debug)]
pub(crate) struct Route {
    socket: Socket,
    batch: Batch,
    /// What each request of the batch is for.
    clauses: Vec<String>,
}

impl Route {
    /// Opens one in the network namespace of the calling thread.
    pub(crate) fn open() -> Result<Self, Error> {
        let socket = Socket::open(None).doing(|| "opening a route socket".to_owned())?;
        Ok(Self {
            socket,
            batch: Batch::default(),
            clauses: Vec::new(),
        })
    }

    /// Adds a request to the batch.
    pub(crate) fn add(&mut self, flags: u16, message: &RouteNetlinkMessage, doing: String) {
        let first = self.socket.next_sequence();
        self.batch
            .add(message.message_type(), flags, first, &body(message));
        self.clauses.push(doing);
    }

    /// Sends the batch.
    pub(crate) fn send(&mut self) -> Result<(), Error> {
        let batch = std::mem::take(&mut self.batch);
        let mut clauses = std::mem::take(&mut self.clauses);
        self.socket
            .send(batch)
            .map_err(|(number, errno)| Error::Kernel {
                doing: clauses.swap_remove(number.min(clauses.len() - 1)),
                source: errno.into(),
            })
    }

    /// The link with this name; `None` when there is none.
    pub(crate) fn link(&mut self, name: &str) -> Result<Option<LinkMessage>, Error> {
        let mut wanted = LinkMessage::default();
        wanted
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        let request = RouteNetlinkMessage::GetLink(wanted);
        match self.socket.ask(request.message_type(), &body(&request)) {
            Ok((kind, body)) => match parse(kind, &body) {
                Some(RouteNetlinkMessage::NewLink(link)) => Ok(Some(link)),
                _ => Err(Errno::PROTO).doing(|| format!("reading about the link {name}")),
            },
            Err(Errno::NODEV) => Ok(None),
            Err(errno) => Err(errno).doing(|| format!("looking for the link {name}")),
        }
    }

    /// All objects of the request's kind; what the library cannot read is left out.
    pub(crate) fn dump(
        &mut self,
        request: &RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Errno> {
        let answers = self.socket.dump(request.message_type(), &body(request))?;
        let answers = answers.iter();
        Ok(answers
            .filter_map(|(kind, body)| parse(*kind, body))
            .collect())
    }
}

fn body(message: &RouteNetlinkMessage) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn parse(kind: u16, body: &[u8]) -> Option<RouteNetlinkMessage> {
    let mut header = NetlinkHeader::default();
    header.message_type = kind;
    RouteNetlinkMessage::deserialize(&header, body).ok()
}

/// A link with a name that shall be made.
pub(crate) fn new_link(name: &str) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    link
}

/// A link that shall be changed.
pub(crate) fn set_link(link: LinkMessage) -> RouteNetlinkMessage {
    // The kernel takes SETLINK by name only for what NEWLINK without CREATE does as well.
    RouteNetlinkMessage::NewLink(link)
}

/// Adds that the link shall be up.
pub(crate) fn up(link: &mut LinkMessage) {
    link.header.flags |= LinkFlags::Up;
    link.header.change_mask |= LinkFlags::Up;
}

/// The number of a link.
pub(crate) fn link_index(link: &LinkMessage) -> u32 {
    link.header.index
}
