//! A connection to a bus. Calls can be sent without waiting for the answers to earlier ones; what
//! arrives meanwhile is kept.

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::message::{self, BEGINNING, Call, Kind, Message};
use super::{Error, Value};

/// How long all of one conversation may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a bus is, as in `DBUS_SESSION_BUS_ADDRESS`: `unix:path=/run/user/1000/bus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Address(pub(crate) String);

/// A connection, until its deadline.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    address: String,
    deadline: Instant,
    last_serial: u32,
    /// Received, but not asked for yet.
    kept: Vec<Message>,
}

impl Address {
    /// The first unix socket of the address.
    fn socket(&self) -> Result<SocketAddr, Error> {
        let places = self.0.split(';').filter_map(|place| {
            let keys = place.strip_prefix("unix:")?.split(',');
            keys.filter_map(|key| key.split_once('='))
                .find_map(|(key, value)| match key {
                    "path" => SocketAddr::from_pathname(unescape(value)).ok(),
                    "abstract" => SocketAddr::from_abstract_name(unescape(value)).ok(),
                    _ => None,
                })
        });
        places.into_iter().next().ok_or_else(|| Error::Address {
            address: self.0.clone(),
        })
    }
}

/// `%2f` is a slash.
fn unescape(value: &str) -> String {
    let mut text = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        text.extend(before.bytes());
        let byte = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        text.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    text.extend(rest.bytes());
    String::from_utf8_lossy(&text).into_owned()
}

impl Connection {
    /// Connects, as whoever the kernel says we are: in a user namespace our own idea of our id is
    /// not the bus's.
    pub(crate) fn open(address: &Address) -> Result<Self, Error> {
        let failed = |source| Error::Io {
            operation: "connecting to",
            address: address.0.clone(),
            source,
        };
        let stream = UnixStream::connect_addr(&address.socket()?).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        let mut connection = Self {
            stream,
            address: address.0.clone(),
            deadline: Instant::now() + PATIENCE,
            last_serial: 0,
            kept: Vec::new(),
        };
        connection.write(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")?;
        let hello = connection.send(&bus_call("Hello", Vec::new()))?;
        let authenticated =
            connection.read_line()? == "DATA" && connection.read_line()?.starts_with("OK");
        if !authenticated {
            return Err(connection.broke("refuses the caller"));
        }
        connection.answer(hello)?;
        Ok(connection)
    }

    /// Asks for the signals that this rule lets through.
    pub(crate) fn listen(&mut self, rule: &str) -> Result<(), Error> {
        self.send(&bus_call("AddMatch", vec![Value::from(rule)]))
            .map(|_| ())
    }

    /// Sends a call; its answer can be asked for by the number.
    pub(crate) fn send(&mut self, call: &Call<'_>) -> Result<u32, Error> {
        self.last_serial += 1;
        self.write(&call.to_bytes(self.last_serial))?;
        Ok(self.last_serial)
    }

    /// Sends a call and waits for what it gives back.
    pub(crate) fn call(&mut self, call: &Call<'_>) -> Result<Vec<Value>, Error> {
        let serial = self.send(call)?;
        self.answer(serial)
    }

    /// Waits for the answer to a call.
    pub(crate) fn answer(&mut self, serial: u32) -> Result<Vec<Value>, Error> {
        let message = self.wait_for(|message| message.reply_to == Some(serial))?;
        if message.kind == Kind::Answer {
            return Ok(message.body);
        }
        let words = message.body.first().and_then(Value::as_text);
        Err(Error::Refused {
            message: words.unwrap_or("the call was refused").to_owned(),
            name: message.error,
        })
    }

    /// Waits for a signal.
    pub(crate) fn signal(
        &mut self,
        interface: &str,
        member: &str,
        is_it: impl Fn(&[Value]) -> bool,
    ) -> Result<Vec<Value>, Error> {
        let wanted = |message: &Message| {
            let kind = message.kind == Kind::Signal;
            kind && message.interface == interface
                && message.member == member
                && is_it(&message.body)
        };
        Ok(self.wait_for(wanted)?.body)
    }

    fn wait_for(&mut self, wanted: impl Fn(&Message) -> bool) -> Result<Message, Error> {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return Ok(self.kept.swap_remove(at));
        }
        loop {
            let message = self.read_message()?;
            if wanted(&message) {
                return Ok(message);
            }
            self.kept.push(message);
        }
    }

    fn read_message(&mut self) -> Result<Message, Error> {
        let mut beginning = [0; BEGINNING];
        self.read(&mut beginning)?;
        let length = message::length(&beginning);
        let length = length.ok_or_else(|| self.broke("sends what is no message"))?;
        let mut bytes = beginning.to_vec();
        bytes.resize(length, 0);
        self.read(bytes.get_mut(BEGINNING..).unwrap_or_default())?;
        Message::parse(&bytes).ok_or_else(|| self.broke("sends a message that cannot be read"))
    }

    /// A line of the conversation before the messages.
    fn read_line(&mut self) -> Result<String, Error> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.read(&mut byte)?;
            line.extend(byte);
            if line.len() > 512 {
                return Err(self.broke("sends an endless line"));
            }
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // Zero would mean to wait for ever.
        let left = left.max(Duration::from_millis(1));
        let read = self
            .stream
            .set_read_timeout(Some(left))
            .and_then(|()| self.stream.read_exact(bytes));
        read.map_err(|source| Error::Io {
            operation: "hearing from",
            address: self.address.clone(),
            source,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).map_err(|source| Error::Io {
            operation: "talking to",
            address: self.address.clone(),
            source,
        })
    }

    fn broke(&self, why: &'static str) -> Error {
        Error::Protocol {
            address: self.address.clone(),
            why,
        }
    }
}

fn bus_call(method: &'static str, arguments: Vec<Value>) -> Call<'static> {
    Call {
        destination: "org.freedesktop.DBus",
        path: "/org/freedesktop/DBus",
        interface: "org.freedesktop.DBus",
        method,
        arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_socket() {
        let socket = |address: &str| Address(address.to_owned()).socket();
        let path = socket("unix:path=/run/user/10%2f00/bus,guid=1").unwrap();
        assert_eq!(
            path.as_pathname().unwrap().to_str(),
            Some("/run/user/10/00/bus")
        );
        let hidden = socket("tcp:host=x;unix:abstract=/tmp/a%").unwrap();
        assert_eq!(hidden.as_abstract_name(), Some(&b"/tmp/a%"[..]));
        assert!(socket("unix:tmpdir=/tmp").is_err());
    }
}
