//! What went through network devices, as the kernel counts it.
//!
//! Source: proc_pid_net(5).

use std::fs;

use serde::Serialize;

/// What went through one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What it received.
    pub received: Traffic,
    /// What it sent.
    pub sent: Traffic,
}

/// What went one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets that were damaged, or could not be sent.
    pub errors: u64,
    /// Packets that there was no room for.
    pub dropped: u64,
}

/// The devices in the network namespace of a process; none when it has just ended.
pub fn interfaces(pid: i32) -> Vec<Interface> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/dev"));
    parse(&text.unwrap_or_default())
}

/// The devices in the caller's network namespace.
pub fn own_interfaces() -> Vec<Interface> {
    let text = fs::read_to_string("/proc/thread-self/net/dev");
    parse(&text.unwrap_or_default())
}

fn parse(text: &str) -> Vec<Interface> {
    // Two lines of headings come first.
    let lines = text.lines().skip(2);
    let lines = lines.filter_map(|line| line.split_once(':'));
    lines
        .map(|(name, figures)| {
            let figures = figures.split_whitespace();
            let figures: Vec<u64> = figures.map_while(|figure| figure.parse().ok()).collect();
            let traffic = |first: usize| match figures.get(first..first + 4) {
                Some(&[bytes, packets, errors, dropped]) => Traffic {
                    bytes,
                    packets,
                    errors,
                    dropped,
                },
                _ => Traffic::default(),
            };
            Interface {
                name: name.trim().to_owned(),
                received: traffic(0),
                sent: traffic(8),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_in_the_kernels_order() {
        let text = "Inter-|   Receive                    |  Transmit\n\
            face |bytes packets errs drop fifo frame compressed multicast|bytes\n\
            \x20   lo:      10       1    0    0    0     0          0         0       10 1 0 0 0 0 0 0\n\
            \x20 eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        let found = parse(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].name, "eth0");
        let received = Traffic {
            bytes: 1,
            packets: 2,
            errors: 3,
            dropped: 4,
        };
        assert_eq!(found[1].received, received);
        assert_eq!((found[1].sent.bytes, found[1].sent.dropped), (9, 12));
        assert_eq!(parse("short"), []);
    }
}
