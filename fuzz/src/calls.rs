//! The calls of the architectures that profiles are tried on, by the `syscalls` crate alone.

/// An architecture: its name in profiles, the kernel's value, and the numbers of its calls.
#[derive(Debug, Clone, Copy)]
pub struct Architecture {
    /// As profiles write it.
    pub name: &'static str,
    /// In `seccomp_data.arch`.
    pub audit: u32,
    numbers: fn(&str) -> Option<u32>,
}

macro_rules! numbers {
    ($table:ident) => {
        |name| {
            let call: syscalls::$table::Sysno = name.parse().ok()?;
            u32::try_from(call.id()).ok()
        }
    };
}

/// Those that differ in what matters: width, byte order, calls behind other calls.
pub const ARCHITECTURES: [Architecture; 7] = [
    Architecture {
        name: "SCMP_ARCH_X86_64",
        audit: 0xC000_003E,
        numbers: numbers!(x86_64),
    },
    Architecture {
        name: "SCMP_ARCH_X86",
        audit: 0x4000_0003,
        numbers: numbers!(x86),
    },
    Architecture {
        name: "SCMP_ARCH_X32",
        audit: 0xC000_003E,
        numbers: x32,
    },
    Architecture {
        name: "SCMP_ARCH_AARCH64",
        audit: 0xC000_00B7,
        numbers: numbers!(aarch64),
    },
    Architecture {
        name: "SCMP_ARCH_MIPS",
        audit: 0x0000_0008,
        numbers: numbers!(mips),
    },
    Architecture {
        name: "SCMP_ARCH_S390X",
        audit: 0x8000_0016,
        numbers: numbers!(s390x),
    },
    Architecture {
        name: "SCMP_ARCH_PPC64LE",
        audit: 0xC000_0015,
        numbers: numbers!(powerpc64),
    },
];

/// The calls of x32: those of x86-64 with a bit, but for some that have numbers from 512 on.
fn x32(name: &str) -> Option<u32> {
    const OWN: &str = "rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve \
        ptrace rt_sigpending rt_sigtimedwait rt_sigqueueinfo sigaltstack timer_create mq_notify \
        kexec_load waitid set_robust_list get_robust_list vmsplice move_pages preadv pwritev \
        rt_tgsigqueueinfo recvmmsg sendmmsg process_vm_readv process_vm_writev setsockopt \
        getsockopt io_setup io_submit execveat preadv2 pwritev2";
    let own = (512..)
        .zip(OWN.split_whitespace())
        .find(|(_, own)| *own == name);
    let number = own.map(|(number, _)| number);
    let number = number.or_else(|| (ARCHITECTURES[0].numbers)(name))?;
    Some(number | 0x4000_0000)
}

impl Architecture {
    /// The number of a call.
    pub fn number(&self, name: &str) -> Option<u32> {
        (self.numbers)(name)
    }

    /// What every number has set.
    pub fn number_bit(&self) -> u32 {
        match self.name {
            "SCMP_ARCH_X32" => 0x4000_0000,
            _ => 0,
        }
    }

    /// Whether arguments have 64 bits.
    pub fn is_wide(&self) -> bool {
        self.audit & 0x8000_0000 != 0 && self.number_bit() == 0
    }
}
