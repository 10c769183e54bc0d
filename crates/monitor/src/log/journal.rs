//! systemd's journal as a log: a datagram for each entry, with Docker's fields.
//!
//! Source: systemd, "Native Journal Protocol".

use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};

use super::Entry;
use crate::Error;
use crate::config::JournalLog;

/// A connection to the journal.
pub(crate) struct Journal {
    settings: JournalLog,
    socket: OwnedFd,
    datagram: Vec<u8>,
    lost: u64,
}

impl Journal {
    /// Connects to the journal's socket.
    pub(super) fn open(settings: &JournalLog) -> Result<Journal, Error> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let open = || {
            let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
            connect(&socket, &SocketAddrUnix::new(&settings.socket)?)?;
            Ok(socket)
        };
        let socket = open().map_err(|errno| failure("opening", settings, errno))?;
        Ok(Journal {
            settings: settings.clone(),
            socket,
            datagram: Vec::new(),
            lost: 0,
        })
    }

    /// Sends an entry. A journal that does not keep up loses it: the container does not wait.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let priority = if entry.stream == "stderr" { "3" } else { "6" };
        self.datagram.clear();
        for (name, value) in [
            ("PRIORITY", priority),
            ("SYSLOG_IDENTIFIER", &self.settings.tag),
            ("CONTAINER_TAG", &self.settings.tag),
            ("CONTAINER_NAME", &self.settings.name),
            (
                "CONTAINER_ID",
                &self.settings.id[..self.settings.id.len().min(12)],
            ),
            ("CONTAINER_ID_FULL", &self.settings.id),
        ] {
            field(&mut self.datagram, name, value.as_bytes());
        }
        if !entry.ends_line {
            field(&mut self.datagram, "CONTAINER_PARTIAL_MESSAGE", b"true");
        }
        field(&mut self.datagram, "MESSAGE", entry.text);
        match send(&self.socket, &self.datagram, SendFlags::NOSIGNAL) {
            Ok(_) => Ok(()),
            Err(errno) => {
                self.lost += entry.text.len() as u64;
                Err(failure("writing", &self.settings, errno))
            }
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

/// A field with its length before the value, which may be any bytes.
fn field(datagram: &mut Vec<u8>, name: &str, value: &[u8]) {
    datagram.extend_from_slice(name.as_bytes());
    datagram.push(b'\n');
    // Writing to memory does not fail.
    let _ = datagram.write_all(&(value.len() as u64).to_le_bytes());
    datagram.extend_from_slice(value);
    datagram.push(b'\n');
}

fn failure(operation: &'static str, settings: &JournalLog, errno: Errno) -> Error {
    Error::Log {
        operation,
        path: settings.socket.clone(),
        errno,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn an_entry_is_a_datagram_with_its_fields() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let mut log = Journal::open(&JournalLog {
            socket: path,
            id: "0123456789abcdef".into(),
            name: "web".into(),
            tag: "web".into(),
        })
        .unwrap();
        log.add(&Entry {
            stream: "stderr",
            text: b"a\xffb",
            ends_line: true,
            time: SystemTime::now(),
        })
        .unwrap();
        let mut datagram = [0; 4096];
        let length = journal.recv(&mut datagram).unwrap();
        let has = |part: &[u8]| datagram[..length].windows(part.len()).any(|w| w == part);
        assert!(has(b"PRIORITY\n\x01\0\0\0\0\0\0\x003\n"));
        assert!(has(b"CONTAINER_ID\n\x0c\0\0\0\0\0\0\x000123456789ab\n"));
        assert!(has(b"MESSAGE\n\x03\0\0\0\0\0\0\0a\xffb\n"));
    }
}
