//! Messages of nftables. The kernel takes those between a begin and an end as one change: all of it
//! or nothing. What their attributes mean no library but libnftables itself knows, in C.
//!
//! Source: linux/netfilter/nf_tables.h, nfnetlink.h.

use rustix::io::Errno;
use rustix::net::netlink::NETFILTER;

use crate::error::{Doing, Error};
use crate::netlink::{ACK, Batch, CREATE, Socket, attribute, find, nested};

/// Families: `NFPROTO_*`.
pub(super) const INET: u8 = 1;
pub(super) const IPV4: u8 = 2;
pub(super) const IPV6: u8 = 10;

const SUBSYSTEM: u16 = 10;
const BEGIN: u16 = 16;
const END: u16 = 17;
const NEW_TABLE: u16 = 0;
const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const GET_CHAIN: u16 = 4;
const NEW_RULE: u16 = 6;
const GET_RULE: u16 = 7;
const NEW_SET: u16 = 9;
const NEW_ELEMENT: u16 = 12;
const GET_ELEMENT: u16 = 13;
const DELETE_ELEMENT: u16 = 14;

const APPEND: u16 = 0x800;

const MAP: u32 = 8;

/// For `nft` to read: names of devices are keys of this machine's byte order.
const USER_DATA: [u8; 6] = {
    let [a, b, c, d] = 1u32.to_ne_bytes();
    [0, 4, a, b, c, d]
};

/// What stands before the attributes of an answer: the family, and more.
pub(super) const FAMILY: usize = 4;

/// The kind of a table's or a rule's user data that is a comment.
const COMMENT: u8 = 0;

/// A set, or a map if it has data. Types are numbers that only `nft` reads, with their lengths.
pub(super) struct Set<'a> {
    pub(super) name: &'a str,
    pub(super) number: u32,
    pub(super) key: &'a [(u32, u32)],
    pub(super) data: &'a [(u32, u32)],
}

/// What a chain is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Filter,
    Nat,
}

/// A chain of the kernel's.
pub(super) struct Chain<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) hook: u32,
    pub(super) priority: i32,
}

/// An element of a set, or of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) set: &'static str,
    pub(super) key: Vec<u8>,
    pub(super) data: Option<Vec<u8>>,
}

impl Element {
    pub(super) fn of_set(set: &'static str, key: Vec<u8>) -> Self {
        Self {
            set,
            key,
            data: None,
        }
    }
}

/// A socket, and changes that wait to be made of the table with this name.
pub(super) struct Nft<'a> {
    table: &'a str,
    socket: Socket,
    batch: Batch,
}

impl<'a> Nft<'a> {
    pub(super) fn open(table: &'a str) -> Result<Self, Error> {
        let socket = Socket::open(Some(NETFILTER))
            .doing(|| "opening a netfilter socket (the kernel needs nf_tables)".to_owned())?;
        Ok(Self {
            table,
            socket,
            batch: Batch::default(),
        })
    }

    fn add(&mut self, kind: u16, flags: u16, attributes: &[Vec<u8>]) {
        if self.batch.is_empty() {
            self.border(BEGIN);
        }
        let first = self.socket.next_sequence();
        let body = body(attributes);
        self.batch
            .add(SUBSYSTEM << 8 | kind, flags | ACK, first, &body);
    }

    fn border(&mut self, kind: u16) {
        let [high, low] = SUBSYSTEM.to_be_bytes();
        let first = self.socket.next_sequence();
        self.batch.add(kind, 0, first, &[0, 0, high, low]);
    }

    /// Makes all changes or none.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.border(END);
        let batch = std::mem::take(&mut self.batch);
        match self.socket.send_transaction(batch) {
            // A name that is missing is not a kernel that lacks something.
            Err(Errno::OPNOTSUPP | Errno::PROTONOSUPPORT) => Err(Errno::OPNOTSUPP),
            sent => sent,
        }
        .doing(|| format!("changing the firewall's table inet {}", self.table))
    }

    /// Adds the table, which may be there already.
    pub(super) fn add_table(&mut self, comment: &str) {
        let attributes = [text(1, self.table), attribute(6, &note(comment))];
        self.add(NEW_TABLE, CREATE, &attributes);
    }

    /// Removes the table with all that is in it.
    pub(super) fn delete_table(&mut self) {
        self.add(DELETE_TABLE, 0, &[text(1, self.table)]);
    }

    /// What the kernel says of the table; `None` when there is none.
    pub(super) fn table(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.ask(GET_TABLE, &[text(1, self.table)])
    }

    /// What it says of a chain.
    pub(super) fn chain(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.ask(GET_CHAIN, &[text(1, self.table), text(3, name)])
    }

    fn ask(&mut self, kind: u16, attributes: &[Vec<u8>]) -> Result<Option<Vec<u8>>, Error> {
        match self.socket.ask(SUBSYSTEM << 8 | kind, &body(attributes)) {
            Ok((_, answer)) => Ok(answer.get(FAMILY..).map(<[u8]>::to_vec)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno).doing(|| format!("looking at the table inet {}", self.table)),
        }
    }

    /// What it says of all chains of all tables, each with its family first.
    pub(super) fn chains(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        // No family is all of them.
        let answers = self.socket.dump(SUBSYSTEM << 8 | GET_CHAIN, &[0; FAMILY]);
        let answers = answers.doing(|| "reading the chains of all tables".to_owned())?;
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// What it says of all rules of the table, in their order.
    pub(super) fn rules(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        let body = body(&[text(1, self.table)]);
        let answers = self.socket.dump(SUBSYSTEM << 8 | GET_RULE, &body);
        let answers = answers.doing(|| format!("reading the rules of inet {}", self.table))?;
        let attributes = answers
            .iter()
            .filter_map(|(_, answer)| answer.get(FAMILY..));
        Ok(attributes.map(<[u8]>::to_vec).collect())
    }

    pub(super) fn add_set(&mut self, set: &Set<'_>) {
        let flags = if set.data.is_empty() { 0 } else { MAP };
        let mut attributes = vec![
            text(1, self.table),
            text(2, set.name),
            big(3, flags),
            big(4, kind_of(set.key)),
            big(5, length_of(set.key)),
            big(10, set.number),
            attribute(13, &USER_DATA),
        ];
        if !set.data.is_empty() {
            attributes.push(big(6, kind_of(set.data)));
            attributes.push(big(7, length_of(set.data)));
        }
        self.add(NEW_SET, CREATE, &attributes);
    }

    pub(super) fn add_chain(&mut self, chain: &Chain<'_>) {
        let hook = [big(1, chain.hook), big(2, chain.priority.cast_unsigned())].concat();
        let kind = match chain.kind {
            Kind::Filter => "filter",
            Kind::Nat => "nat",
        };
        let attributes = [
            text(1, self.table),
            text(3, chain.name),
            nested(4, &hook),
            text(7, kind),
        ];
        self.add(NEW_CHAIN, CREATE, &attributes);
    }

    pub(super) fn add_rule(&mut self, chain: &str, comment: &str, expressions: &[u8]) {
        let attributes = [
            text(1, self.table),
            text(2, chain),
            nested(4, expressions),
            attribute(7, &note(comment)),
        ];
        self.add(NEW_RULE, CREATE | APPEND, &attributes);
    }

    pub(super) fn add_element(&mut self, element: &Element) {
        // Of a map, one that says something else is an error; one that says the same is none.
        self.add(NEW_ELEMENT, CREATE, &self.attributes_of(element));
    }

    pub(super) fn delete_element(&mut self, element: &Element) {
        self.add(DELETE_ELEMENT, 0, &self.attributes_of(element));
    }

    /// What the set or map has for the key of an element: nothing, or some data.
    pub(super) fn element(&mut self, element: &Element) -> Result<Option<Vec<u8>>, Error> {
        let Some(answer) = self.ask(GET_ELEMENT, &self.attributes_of(element))? else {
            return Ok(None);
        };
        let found = find(&answer, 3).and_then(|list| find(list, 1));
        let data = found.and_then(|found| find(find(found, 2)?, 1));
        Ok(Some(data.unwrap_or_default().to_vec()))
    }

    fn attributes_of(&self, element: &Element) -> [Vec<u8>; 3] {
        let mut parts = nested(1, &attribute(1, &element.key));
        if let Some(data) = &element.data {
            parts.extend(nested(2, &attribute(1, data)));
        }
        let list = nested(3, &nested(1, &parts));
        [text(1, self.table), text(2, element.set), list]
    }
}

fn body(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![INET, 0, 0, 0];
    body.extend(attributes.concat());
    body
}

/// A comment as `nft` writes and reads it.
fn note(comment: &str) -> Vec<u8> {
    let length = u8::try_from(comment.len() + 1).unwrap_or(u8::MAX);
    [&[COMMENT, length][..], comment.as_bytes(), &[0]].concat()
}

/// The text of a comment.
pub(super) fn comment(note: &[u8]) -> Option<&str> {
    let text = note.get(2..)?.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(text)
        .ok()
        .filter(|_| note.first() == Some(&COMMENT))
}

/// Several types as one number.
fn kind_of(types: &[(u32, u32)]) -> u32 {
    types.iter().fold(0, |all, (kind, _)| all << 6 | kind)
}

fn length_of(types: &[(u32, u32)]) -> u32 {
    types.iter().map(|(_, length)| length).sum()
}

/// A number, big end first as everywhere in nftables.
pub(super) fn big(kind: u16, number: u32) -> Vec<u8> {
    attribute(kind, &number.to_be_bytes())
}

/// A text.
pub(super) fn text(kind: u16, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    attribute(kind, &bytes)
}
