//! Messages: what is asked, and the answers that the server gives itself. Reading and writing them
//! is the library's.

use std::net::IpAddr;

use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::message_builder::{AdditionalBuilder, AnswerBuilder, PushError};
use domain::base::{Message, MessageBuilder, Name, Rtype};
use domain::rdata::{A, Aaaa, Ptr};

use crate::directory::View;
use crate::reverse;

/// The largest datagram that a network is trusted to carry.
const DATAGRAM: u16 = 1232;

/// The largest datagram of whoever says nothing.
const PLAIN_DATAGRAM: u16 = 512;

/// The largest message on a connection.
pub(crate) const MOST: usize = 65535;

/// The bytes of an OPT record without options.
const OPT: usize = 11;

/// How long an answer may be kept, in seconds: whoever has a name may be gone with the next question.
const KEPT: u32 = 0;

/// A question that came in.
pub(crate) struct Query {
    message: Message<Vec<u8>>,
    name: String,
    kind: Rtype,
    /// The largest answer.
    limit: usize,
}

/// What becomes of a message.
pub(crate) enum Read {
    /// It asks something.
    Query(Query),
    /// It is to be answered so.
    Refused(Vec<u8>),
    /// It is no question, and gets no answer.
    Dropped,
}

/// What a view says to a question.
pub(crate) enum Said {
    /// This.
    Answer(Vec<u8>),
    /// Nothing: the name is not among those it knows.
    Nothing(Query),
}

/// Reads a message. `is_datagram` says that long answers have no room.
pub(crate) fn read(bytes: &[u8], is_datagram: bool) -> Read {
    let Ok(message) = Message::from_octets(bytes.to_vec()) else {
        return Read::Dropped;
    };
    let header = message.header();
    if header.qr() {
        return Read::Dropped;
    }
    if header.opcode() != Opcode::QUERY {
        return Read::Refused(bare(&message, Rcode::NOTIMP));
    }
    let Ok(question) = message.sole_question() else {
        return Read::Refused(bare(&message, Rcode::FORMERR));
    };
    let (class, kind) = (question.qclass(), question.qtype());
    let name = question.qname().to_string().to_ascii_lowercase();
    let size = message.opt().map(|opt| opt.udp_payload_size());
    let limit = match is_datagram {
        true => size
            .unwrap_or_default()
            .clamp(PLAIN_DATAGRAM, DATAGRAM)
            .into(),
        false => MOST,
    };
    let query = Query {
        message,
        name,
        kind,
        limit,
    };
    if class != Class::IN || matches!(kind, Rtype::AXFR | Rtype::IXFR) {
        return Read::Refused(query.refuse(Rcode::REFUSED));
    }
    Read::Query(query)
}

/// A message with nothing but a header.
fn bare(message: &Message<Vec<u8>>, code: Rcode) -> Vec<u8> {
    let mut answer = MessageBuilder::new_vec();
    let asked = message.header();
    let header = answer.header_mut();
    header.set_id(asked.id());
    header.set_qr(true);
    header.set_opcode(asked.opcode());
    header.set_rd(asked.rd());
    header.set_rcode(code);
    answer.finish()
}

impl Query {
    /// Answers from what a view has. `turn` is another number each time, so that whoever has
    /// several addresses is not asked at the first one alone.
    pub(crate) fn answer(self, view: &View, turn: usize) -> Said {
        let written = if let Some(addresses) = view.addresses.get(&self.name) {
            let mut wanted: Vec<IpAddr> = addresses
                .iter()
                .copied()
                .filter(|address| match self.kind {
                    Rtype::A => address.is_ipv4(),
                    Rtype::AAAA => address.is_ipv6(),
                    _ => false,
                })
                .collect();
            let turn = turn.checked_rem(wanted.len()).unwrap_or(0);
            wanted.rotate_left(turn);
            self.write(&wanted, |answer, address| match address {
                IpAddr::V4(address) => answer.push((self.owner(), KEPT, A::new(*address))),
                IpAddr::V6(address) => answer.push((self.owner(), KEPT, Aaaa::new(*address))),
            })
        } else {
            let address = reverse::address(&self.name);
            let Some(names) = address.and_then(|address| view.names.get(&address)) else {
                return Said::Nothing(self);
            };
            let is_wanted = self.kind == Rtype::PTR;
            self.write(if is_wanted { names } else { &[] }, |answer, name| {
                let Ok(name) = name.parse::<Name<Vec<u8>>>() else {
                    return Ok(());
                };
                answer.push((self.owner(), KEPT, Ptr::new(name)))
            })
        };
        Said::Answer(written.unwrap_or_else(|_| self.refuse(Rcode::SERVFAIL)))
    }

    /// The name whose records are told.
    fn owner(&self) -> Name<Vec<u8>> {
        self.name.parse().unwrap_or_else(|_| Name::root_vec())
    }

    /// An answer with these records, or as many of them as there is room for.
    fn write<T>(
        &self,
        records: &[T],
        push: impl Fn(&mut AnswerBuilder<Vec<u8>>, &T) -> Result<(), PushError>,
    ) -> Result<Vec<u8>, PushError> {
        let mut builder = MessageBuilder::new_vec();
        builder.set_push_limit(self.limit.saturating_sub(OPT));
        builder.header_mut().set_ra(true);
        builder.header_mut().set_aa(true);
        let mut answer = builder.start_answer(&self.message, Rcode::NOERROR)?;
        for record in records {
            if push(&mut answer, record).is_err() {
                answer.header_mut().set_tc(true);
                break;
            }
        }
        self.finish(answer.additional())
    }

    /// Says what can be done, to whoever says so too.
    fn finish(&self, mut additional: AdditionalBuilder<Vec<u8>>) -> Result<Vec<u8>, PushError> {
        additional.clear_push_limit();
        if self.message.opt().is_some() {
            additional.opt(|opt| {
                opt.set_udp_payload_size(DATAGRAM);
                Ok(())
            })?;
        }
        Ok(additional.finish())
    }

    /// An answer with no record.
    pub(crate) fn refuse(&self, code: Rcode) -> Vec<u8> {
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_ra(true);
        let answer = builder.start_answer(&self.message, code);
        let finished = answer.and_then(|answer| self.finish(answer.additional()));
        finished.unwrap_or_else(|_| bare(&self.message, code))
    }

    /// The same question with another id.
    pub(crate) fn with_id(&self, id: u16) -> Vec<u8> {
        with_id(self.message.as_slice(), id)
    }

    /// The answer to hand back, if a message of another server that was asked with `id` is one.
    pub(crate) fn accept(&self, bytes: &[u8], id: u16) -> Option<Vec<u8>> {
        let asked = Message::from_octets(self.with_id(id)).ok()?;
        let answer = Message::from_octets(bytes).ok()?;
        if !answer.is_answer(&asked) {
            return None;
        }
        let own_id = self.message.header().id();
        if bytes.len() <= self.limit.max(self.room()) {
            return Some(with_id(bytes, own_id));
        }
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_ra(true);
        builder.header_mut().set_tc(true);
        let answer = builder.start_answer(&self.message, answer.header().rcode());
        self.finish(answer.ok()?.additional()).ok()
    }

    /// What the asker has room for, which the other server was told too.
    fn room(&self) -> usize {
        let said = self.message.opt().map(|opt| opt.udp_payload_size());
        said.map_or(0, usize::from)
    }

    /// Whether another server should be asked after this answer.
    pub(crate) fn is_failure(bytes: &[u8]) -> bool {
        let code = Message::from_octets(bytes).map(|answer| answer.header().rcode());
        matches!(code, Ok(Rcode::SERVFAIL | Rcode::REFUSED | Rcode::NOTIMP))
    }
}

fn with_id(bytes: &[u8], id: u16) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (byte, new) in bytes.iter_mut().zip(id.to_be_bytes()) {
        *byte = new;
    }
    bytes
}
