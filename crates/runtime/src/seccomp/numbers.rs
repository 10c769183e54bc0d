//! The numbers of system calls by their names, for each architecture: small hash tables made when
//! wharf is built, since a start has no time for making them.
//!
//! Source: the `syscalls` crate; asm/unistd.h of x86 (x32) and of ARM (its private calls).

use syscalls::{
    aarch64, arm, loongarch64, mips, mips64, powerpc, powerpc64, riscv64, s390x, x86, x86_64,
};

use super::architecture::X32_BIT;

/// A name as it is looked for, hashed once for all architectures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    text: &'a str,
    hash: u32,
}

impl<'a> Name<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let hash = hash(text.as_bytes());
        Self { text, hash }
    }

    pub(super) fn text(self) -> &'a str {
        self.text
    }
}

/// The calls of an architecture.
#[derive(Clone, Copy)]
pub(super) struct Names {
    slots: &'static Slots,
    /// The name of a number.
    name: fn(u32) -> Option<&'static str>,
    /// Calls beside the common list.
    own: Own,
}

#[derive(Clone, Copy)]
enum Own {
    None,
    X32,
    Arm,
}

/// By hash, then linear: a number plus one, or zero.
type Slots = [u16; SLOTS];

/// A power of two, and twice as many as any architecture has calls.
const SLOTS: usize = 1024;

macro_rules! names {
    ($table:ident) => {
        names!($table, Own::None)
    };
    ($table:ident, $own:expr) => {{
        static SLOTS_OF: Slots = {
            let mut slots = [0; SLOTS];
            let mut id = 0;
            while id <= $table::Sysno::last().id() {
                if let Some(call) = $table::Sysno::new(id as usize) {
                    let mut slot = first_slot(hash(call.name().as_bytes()));
                    while slots[slot] != 0 {
                        slot = (slot + 1) % SLOTS;
                    }
                    slots[slot] = id as u16 + 1;
                }
                id += 1;
            }
            slots
        };
        Names {
            slots: &SLOTS_OF,
            name: |number| {
                let call = $table::Sysno::new(usize::try_from(number).ok()?)?;
                Some(call.name())
            },
            own: $own,
        }
    }};
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "constants: no call has a number beyond 6000"
)]
impl Names {
    pub(super) const X86_64: Self = names!(x86_64);
    pub(super) const X86: Self = names!(x86);
    pub(super) const X32: Self = Self {
        own: Own::X32,
        ..Self::X86_64
    };
    pub(super) const AARCH64: Self = names!(aarch64);
    pub(super) const ARM: Self = names!(arm, Own::Arm);
    pub(super) const RISCV64: Self = names!(riscv64);
    pub(super) const LOONGARCH64: Self = names!(loongarch64);
    pub(super) const MIPS: Self = names!(mips);
    pub(super) const MIPS64: Self = names!(mips64);
    pub(super) const POWERPC: Self = names!(powerpc);
    pub(super) const POWERPC64: Self = names!(powerpc64);
    pub(super) const S390X: Self = names!(s390x);

    /// The number of a call; `None` for names of other architectures and of newer kernels.
    pub(super) fn number(&self, name: Name<'_>) -> Option<u32> {
        match self.own {
            Own::None => self.listed(name),
            Own::X32 => {
                let own = (512u32..).zip(X32_OWN).find(|(_, own)| *own == name.text);
                let number = own.map_or_else(|| self.listed(name), |(number, _)| Some(number));
                number.map(|number| number | X32_BIT)
            }
            Own::Arm => {
                let own = (ARM_FIRST..)
                    .zip(ARM_OWN)
                    .find(|(_, own)| *own == name.text);
                own.map_or_else(|| self.listed(name), |(number, _)| Some(number))
            }
        }
    }

    /// The names of its calls, in the order of their numbers.
    pub(super) fn all(self) -> impl Iterator<Item = &'static str> {
        let last = u32::from(self.slots.iter().copied().max().unwrap_or(0));
        (0..last).filter_map(self.name)
    }

    /// Whether a number lies beyond those that grow with every version of the kernel.
    pub(super) fn is_private(&self, number: u32) -> bool {
        matches!(self.own, Own::Arm) && number >= ARM_FIRST
    }

    fn listed(&self, name: Name<'_>) -> Option<u32> {
        let first = first_slot(name.hash);
        for slot in (0..SLOTS).map(|step| (first + step) % SLOTS) {
            let number = u32::from(*self.slots.get(slot)?).checked_sub(1)?;
            if (self.name)(number) == Some(name.text) {
                return Some(number);
            }
        }
        None
    }
}

/// FNV-1a.
const fn hash(text: &[u8]) -> u32 {
    let mut hash = 0x811C_9DC5u32;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        rest = tail;
    }
    hash
}

const fn first_slot(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize % SLOTS
}

/// The first private call of ARM (`__ARM_NR_BASE` + 1), and their names.
const ARM_FIRST: u32 = 0x000F_0001;
const ARM_OWN: [&str; 6] = [
    "breakpoint",
    "cacheflush",
    "usr26",
    "usr32",
    "set_tls",
    "get_tls",
];

/// The calls of x32 that have numbers of their own, from 512 on.
const X32_OWN: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_kernel() {
        let cases = [
            (Names::X86_64, "read", Some(0)),
            (Names::X86_64, "clone3", Some(435)),
            (Names::X86_64, "socketcall", None),
            (Names::X86_64, "no_such_call", None),
            (Names::X86, "socketcall", Some(102)),
            (Names::X32, "read", Some(X32_BIT)),
            (Names::X32, "execve", Some(X32_BIT | 520)),
            (Names::X32, "pwritev2", Some(X32_BIT | 547)),
            (Names::AARCH64, "read", Some(63)),
            (Names::ARM, "read", Some(3)),
            (Names::ARM, "set_tls", Some(0xF0005)),
            (Names::RISCV64, "riscv_flush_icache", Some(259)),
            (Names::LOONGARCH64, "read", Some(63)),
            (Names::MIPS, "read", Some(4003)),
            (Names::MIPS64, "read", Some(5000)),
            (Names::POWERPC, "read", Some(3)),
            (Names::POWERPC64, "socket", Some(326)),
            (Names::S390X, "socket", Some(359)),
        ];
        for (names, name, expected) in cases {
            assert_eq!(names.number(Name::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn every_call_is_found_again() {
        for names in [
            Names::X86_64,
            Names::X86,
            Names::ARM,
            Names::MIPS,
            Names::S390X,
        ] {
            let mut count = 0;
            for number in 0..10_000 {
                let Some(name) = (names.name)(number) else {
                    continue;
                };
                let found = names.number(Name::new(name));
                assert!(found == Some(number) || ARM_OWN.contains(&name), "{name}");
                count += 1;
            }
            assert!((200..SLOTS / 2).contains(&count), "{count}");
        }
    }
}
