//! Calls that some architectures also reach through another one: the sockets through `socketcall`
//! and System V IPC through `ipc`. A rule for such a call must hold on both ways.
//!
//! Source: linux/net.h; the kernel's ipc/syscall.c.

use spec::runtime::{Operator, SyscallArg};

/// A call behind another one.
pub(super) struct Multiplexed {
    /// The call that leads there.
    pub(super) through: &'static str,
    /// What its first argument is then.
    pub(super) selector: SyscallArg,
}

const SOCKETS: [(&str, u64); 20] = [
    ("socket", 1),
    ("bind", 2),
    ("connect", 3),
    ("listen", 4),
    ("accept", 5),
    ("getsockname", 6),
    ("getpeername", 7),
    ("socketpair", 8),
    ("send", 9),
    ("recv", 10),
    ("sendto", 11),
    ("recvfrom", 12),
    ("shutdown", 13),
    ("setsockopt", 14),
    ("getsockopt", 15),
    ("sendmsg", 16),
    ("recvmsg", 17),
    ("accept4", 18),
    ("recvmmsg", 19),
    ("sendmmsg", 20),
];

const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// How a call is reached through another one, on architectures that have that one.
pub(super) fn find(name: &str) -> Option<Multiplexed> {
    let number = |table: &[(&str, u64)]| {
        let entry = table.iter().find(|(known, _)| *known == name);
        entry.map(|(_, number)| *number)
    };
    if let Some(number) = number(&SOCKETS) {
        return Some(Multiplexed {
            through: "socketcall",
            selector: selector(number, u64::from(u32::MAX)),
        });
    }
    let number = number(&IPC)?;
    // The upper half is the version of the calling convention.
    Some(Multiplexed {
        through: "ipc",
        selector: selector(number, 0xFFFF),
    })
}

fn selector(number: u64, mask: u64) -> SyscallArg {
    SyscallArg {
        index: 0,
        value: mask,
        value_two: number,
        op: Operator::MaskedEqual,
    }
}
