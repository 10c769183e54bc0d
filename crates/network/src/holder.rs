//! Who on this machine has a port: looked for only when it cannot be had. A socket is found in the
//! kernel's list, and its owner among the open files of all processes.
//!
//! Source: proc_pid_net(5).

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::ports::{Port, Protocol};

/// `NAME (process PID)`; nothing when the kernel does not tell.
pub(crate) fn holder(port: &Port) -> Option<String> {
    let lists: &[&str] = match port.protocol {
        Protocol::Tcp => &["tcp", "tcp6"],
        Protocol::Udp => &["udp", "udp6"],
        Protocol::Sctp => &[],
    };
    let text = |list: &&str| fs::read_to_string(format!("/proc/self/net/{list}")).ok();
    let lists: Vec<String> = lists.iter().filter_map(text).collect();
    let lines = lists.iter().flat_map(|list| list.lines().skip(1));
    let inode = lines
        .filter_map(socket)
        .find_map(|(address, number, inode)| {
            (number == port.host_port && excludes(address, port.host)).then_some(inode)
        })?;
    let pid = owner(inode)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(format!("{} (process {pid})", name.trim()))
}

/// Whether nobody can have the second address while somebody has the first.
fn excludes(held: IpAddr, wanted: IpAddr) -> bool {
    match (held, wanted) {
        (IpAddr::V6(held), IpAddr::V4(_)) => held.is_unspecified(),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
        _ => held == wanted || held.is_unspecified() || wanted.is_unspecified(),
    }
}

/// The local end and the inode of a socket that has no other end.
fn socket(line: &str) -> Option<(IpAddr, u16, u64)> {
    let mut words = line.split_whitespace();
    let local = words.nth(1)?;
    let (_, remote_port) = words.next()?.split_once(':')?;
    let inode = words.nth(6)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (remote_port == "0000").then_some((address_of(address)?, port, inode))
}

/// The kernel writes each word as a number of this machine's.
fn address_of(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = digits.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    if digits.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let mut bytes = [0; 16];
    for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
        part.copy_from_slice(&word(at)?);
    }
    Some(Ipv6Addr::from(bytes).into())
}

/// The first process that has a socket.
fn owner(inode: u64) -> Option<String> {
    let link = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let mut pids = numbers.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    pids.find(|pid| {
        let files = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        let mut targets = files
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok());
        targets.any(|target| target == Path::new(&link))
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn the_process_that_listens_is_named() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("[::1]:0")
            .or_else(|_| UdpSocket::bind("127.0.0.1:0"))
            .unwrap();
        for (protocol, address) in [
            (Protocol::Tcp, tcp.local_addr().unwrap()),
            (Protocol::Udp, udp.local_addr().unwrap()),
        ] {
            let port = Port {
                protocol,
                host: address.ip(),
                host_port: address.port(),
                port: 80,
            };
            let said = holder(&port).unwrap();
            let pid = std::process::id();
            assert!(said.ends_with(&format!("(process {pid})")), "{said}");
        }
    }
}
