//! Architectures as a filter sees them: the value the kernel puts into `seccomp_data.arch`, and
//! the numbers of system calls by their names.
//!
//! Source: linux/audit.h; the numbers are those of the `syscalls` crate.

use syscalls::{aarch64, arm, riscv64, x86, x86_64};

/// An architecture whose system calls can be filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    X86_64,
    X86,
    /// x86-64 with pointers of 32 bits: its calls differ by a bit in their numbers.
    X32,
    Aarch64,
    Arm,
    Riscv64,
}

/// The bit in the numbers of x32 (asm/unistd.h, `__X32_SYSCALL_BIT`).
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// The calls of x32 that have numbers of their own, from 512 on.
const X32_OWN: [x86_64::Sysno; 36] = [
    x86_64::Sysno::rt_sigaction,
    x86_64::Sysno::rt_sigreturn,
    x86_64::Sysno::ioctl,
    x86_64::Sysno::readv,
    x86_64::Sysno::writev,
    x86_64::Sysno::recvfrom,
    x86_64::Sysno::sendmsg,
    x86_64::Sysno::recvmsg,
    x86_64::Sysno::execve,
    x86_64::Sysno::ptrace,
    x86_64::Sysno::rt_sigpending,
    x86_64::Sysno::rt_sigtimedwait,
    x86_64::Sysno::rt_sigqueueinfo,
    x86_64::Sysno::sigaltstack,
    x86_64::Sysno::timer_create,
    x86_64::Sysno::mq_notify,
    x86_64::Sysno::kexec_load,
    x86_64::Sysno::waitid,
    x86_64::Sysno::set_robust_list,
    x86_64::Sysno::get_robust_list,
    x86_64::Sysno::vmsplice,
    x86_64::Sysno::move_pages,
    x86_64::Sysno::preadv,
    x86_64::Sysno::pwritev,
    x86_64::Sysno::rt_tgsigqueueinfo,
    x86_64::Sysno::recvmmsg,
    x86_64::Sysno::sendmmsg,
    x86_64::Sysno::process_vm_readv,
    x86_64::Sysno::process_vm_writev,
    x86_64::Sysno::setsockopt,
    x86_64::Sysno::getsockopt,
    x86_64::Sysno::io_setup,
    x86_64::Sysno::io_submit,
    x86_64::Sysno::execveat,
    x86_64::Sysno::preadv2,
    x86_64::Sysno::pwritev2,
];

impl Architecture {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::X86_64,
        Self::X86,
        Self::X32,
        Self::Aarch64,
        Self::Arm,
        Self::Riscv64,
    ];

    /// The one this program was built for.
    pub(super) const NATIVE: Self = if cfg!(target_arch = "aarch64") {
        Self::Aarch64
    } else if cfg!(target_arch = "riscv64") {
        Self::Riscv64
    } else {
        Self::X86_64
    };

    /// Those whose programs the native kernel can run too, the native one first.
    pub(super) const COMPATIBLE: &[Self] = match Self::NATIVE {
        Self::Aarch64 => &[Self::Aarch64, Self::Arm],
        Self::Riscv64 => &[Self::Riscv64],
        _ => &[Self::X86_64, Self::X86, Self::X32],
    };

    /// The name in profiles.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::X86 => "SCMP_ARCH_X86",
            Self::X32 => "SCMP_ARCH_X32",
            Self::Aarch64 => "SCMP_ARCH_AARCH64",
            Self::Arm => "SCMP_ARCH_ARM",
            Self::Riscv64 => "SCMP_ARCH_RISCV64",
        }
    }

    /// The kernel's value.
    pub(super) fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xC000_003E,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xC000_00B7,
            Self::Arm => 0x4000_0028,
            Self::Riscv64 => 0xC000_00F3,
        }
    }

    /// The name and number of every call.
    fn for_each(self, visit: &mut dyn FnMut(&'static str, u32)) {
        macro_rules! visit_table {
            ($sysno:path) => {{
                type Table = $sysno;
                for id in 0..=Table::last().id() {
                    let call = usize::try_from(id).ok().and_then(Table::new);
                    if let (Some(call), Ok(id)) = (call, u32::try_from(id)) {
                        visit(call.name(), id);
                    }
                }
            }};
        }
        match self {
            Self::X86_64 => visit_table!(x86_64::Sysno),
            Self::X86 => visit_table!(x86::Sysno),
            Self::Aarch64 => visit_table!(aarch64::Sysno),
            Self::Arm => visit_table!(arm::Sysno),
            Self::Riscv64 => visit_table!(riscv64::Sysno),
            Self::X32 => Self::X86_64.for_each(&mut |name, number| {
                let is_this = |own: x86_64::Sysno| u32::try_from(own.id()) == Ok(number);
                let own = (512u32..).zip(X32_OWN).find(|(_, own)| is_this(*own));
                visit(name, own.map_or(number, |(number, _)| number) | X32_BIT);
            }),
        }
    }
}

/// The numbers of one architecture by name: a table for the few microseconds of one compilation,
/// since the `syscalls` crate compares a name with all others.
pub(super) struct Numbers {
    slots: Vec<Option<(&'static str, u32)>>,
}

/// A power of two, and twice as many as any architecture has calls.
const SLOTS: usize = 1024;

impl Numbers {
    pub(super) fn of(architecture: Architecture) -> Self {
        let mut slots: Vec<Option<(&'static str, u32)>> = vec![None; SLOTS];
        architecture.for_each(&mut |name, number| {
            let free = probe(name).find(|slot| slots.get(*slot).is_some_and(Option::is_none));
            if let Some(slot) = free.and_then(|slot| slots.get_mut(slot)) {
                *slot = Some((name, number));
            }
        });
        Self { slots }
    }

    /// The number of a call; `None` for names of other architectures and of newer kernels.
    pub(super) fn get(&self, name: &str) -> Option<u32> {
        for slot in probe(name) {
            match self.slots.get(slot)? {
                Some((known, number)) if *known == name => return Some(*number),
                Some(_) => {}
                None => return None,
            }
        }
        None
    }
}

/// The slots in which a name may be, in order (FNV-1a, then linear).
fn probe(name: &str) -> impl Iterator<Item = usize> + use<> {
    let hash = name.bytes().fold(0x811C_9DC5u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let first = usize::try_from(hash ^ (hash >> 15)).unwrap_or_default();
    (0..SLOTS).map(move |step| first.wrapping_add(step) % SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_kernel() {
        let number = |architecture, name| Numbers::of(architecture).get(name);
        assert_eq!(number(Architecture::X86_64, "read"), Some(0));
        assert_eq!(number(Architecture::X86_64, "clone3"), Some(435));
        assert_eq!(number(Architecture::X86, "socketcall"), Some(102));
        assert_eq!(number(Architecture::X32, "read"), Some(X32_BIT));
        assert_eq!(number(Architecture::X32, "execve"), Some(X32_BIT | 520));
        assert_eq!(number(Architecture::X32, "pwritev2"), Some(X32_BIT | 547));
        assert_eq!(number(Architecture::Aarch64, "read"), Some(63));
        assert_eq!(number(Architecture::X86_64, "socketcall"), None);
    }

    #[test]
    fn every_call_of_every_architecture_is_found_again() {
        for architecture in Architecture::ALL {
            let numbers = Numbers::of(architecture);
            let mut count = 0;
            architecture.for_each(&mut |name, number| {
                assert_eq!(numbers.get(name), Some(number), "{name}");
                count += 1;
            });
            assert!((200..SLOTS / 2).contains(&count), "{count}");
        }
    }
}
