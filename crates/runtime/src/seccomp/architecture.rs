//! Architectures as a filter sees them: the value the kernel puts into `seccomp_data.arch`, and
//! the order of the two words of an argument. The numbers of their calls are in `numbers.rs`.
//!
//! Source: linux/audit.h; runtime-spec, config-linux.md "Seccomp".

use super::numbers::Names;

/// An architecture that a profile can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    X86_64,
    X86,
    /// x86-64 with pointers of 32 bits: its calls differ by a bit in their numbers.
    X32,
    Aarch64,
    Arm,
    Riscv64,
    Loongarch64,
    Mips,
    Mipsel,
    Mips64,
    Mipsel64,
    Mips64N32,
    Mipsel64N32,
    Ppc,
    Ppc64,
    Ppc64le,
    S390,
    S390x,
    Parisc,
    Parisc64,
    M68k,
    Sh,
    Sheb,
}

/// The bit in the numbers of x32 (asm/unistd.h, `__X32_SYSCALL_BIT`).
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// In the kernel's value: 64 bits, the low byte first, and MIPS' third calling convention.
const WIDE: u32 = 0x8000_0000;
const LITTLE: u32 = 0x4000_0000;
const N32: u32 = 0x2000_0000;

impl Architecture {
    /// All of them.
    pub(super) const ALL: [Self; 23] = [
        Self::X86_64,
        Self::X86,
        Self::X32,
        Self::Aarch64,
        Self::Arm,
        Self::Riscv64,
        Self::Loongarch64,
        Self::Mips,
        Self::Mipsel,
        Self::Mips64,
        Self::Mipsel64,
        Self::Mips64N32,
        Self::Mipsel64N32,
        Self::Ppc,
        Self::Ppc64,
        Self::Ppc64le,
        Self::S390,
        Self::S390x,
        Self::Parisc,
        Self::Parisc64,
        Self::M68k,
        Self::Sh,
        Self::Sheb,
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

    /// The one of this name in profiles.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The name in profiles.
    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    /// The kernel's value.
    pub(super) fn audit(self) -> u32 {
        self.row().1
    }

    /// Its calls; none for those that no kernel runs for which wharf is built: whoever lists them
    /// gets what every architecture gets that is not listed.
    pub(super) fn names(self) -> Option<Names> {
        self.row().2
    }

    /// Whether the high word of an argument comes first.
    pub(super) fn is_big_endian(self) -> bool {
        self.audit() & LITTLE == 0
    }

    /// Whether arguments have 64 bits. What is above the 32 bits of x32 has no meaning.
    pub(super) fn is_wide(self) -> bool {
        self.audit() & WIDE != 0 && self != Self::X32
    }

    /// The name, the kernel's value (the number of the architecture in ELF files with the three
    /// bits above), and the calls.
    fn row(self) -> (&'static str, u32, Option<Names>) {
        match self {
            Self::X86_64 => ("SCMP_ARCH_X86_64", 62 | WIDE | LITTLE, Some(Names::X86_64)),
            Self::X86 => ("SCMP_ARCH_X86", 3 | LITTLE, Some(Names::X86)),
            Self::X32 => ("SCMP_ARCH_X32", 62 | WIDE | LITTLE, Some(Names::X32)),
            Self::Aarch64 => (
                "SCMP_ARCH_AARCH64",
                183 | WIDE | LITTLE,
                Some(Names::AARCH64),
            ),
            Self::Arm => ("SCMP_ARCH_ARM", 40 | LITTLE, Some(Names::ARM)),
            Self::Riscv64 => (
                "SCMP_ARCH_RISCV64",
                243 | WIDE | LITTLE,
                Some(Names::RISCV64),
            ),
            Self::Loongarch64 => {
                let audit = 258 | WIDE | LITTLE;
                ("SCMP_ARCH_LOONGARCH64", audit, Some(Names::LOONGARCH64))
            }
            Self::Mips => ("SCMP_ARCH_MIPS", 8, Some(Names::MIPS)),
            Self::Mipsel => ("SCMP_ARCH_MIPSEL", 8 | LITTLE, Some(Names::MIPS)),
            Self::Mips64 => ("SCMP_ARCH_MIPS64", 8 | WIDE, Some(Names::MIPS64)),
            Self::Mipsel64 => ("SCMP_ARCH_MIPSEL64", 8 | WIDE | LITTLE, Some(Names::MIPS64)),
            Self::Mips64N32 => ("SCMP_ARCH_MIPS64N32", 8 | WIDE | N32, None),
            Self::Mipsel64N32 => ("SCMP_ARCH_MIPSEL64N32", 8 | WIDE | LITTLE | N32, None),
            Self::Ppc => ("SCMP_ARCH_PPC", 20, Some(Names::POWERPC)),
            Self::Ppc64 => ("SCMP_ARCH_PPC64", 21 | WIDE, Some(Names::POWERPC64)),
            Self::Ppc64le => (
                "SCMP_ARCH_PPC64LE",
                21 | WIDE | LITTLE,
                Some(Names::POWERPC64),
            ),
            Self::S390 => ("SCMP_ARCH_S390", 22, None),
            Self::S390x => ("SCMP_ARCH_S390X", 22 | WIDE, Some(Names::S390X)),
            Self::Parisc => ("SCMP_ARCH_PARISC", 15, None),
            Self::Parisc64 => ("SCMP_ARCH_PARISC64", 15 | WIDE, None),
            Self::M68k => ("SCMP_ARCH_M68K", 4, None),
            Self::Sh => ("SCMP_ARCH_SH", 42 | LITTLE, None),
            Self::Sheb => ("SCMP_ARCH_SHEB", 42, None),
        }
    }
}
