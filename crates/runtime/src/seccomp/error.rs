//! Why a profile cannot be compiled.

/// A profile that cannot be enforced as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No architecture that is known here.
    #[error("linux.seccomp.architectures: {name:?} is not known")]
    Architecture {
        /// As in the profile.
        name: String,
    },
    /// No flag of seccomp(2).
    #[error("linux.seccomp.flags: {name:?} is not known")]
    Flag {
        /// As in the profile.
        name: String,
    },
    /// An argument beyond the sixth.
    #[error("linux.seccomp.syscalls: {syscall} has no argument {index}; expected 0 to 5")]
    Argument {
        /// The first name of the rule.
        syscall: String,
        /// As in the profile.
        index: u32,
    },
    /// A filter that needs somebody to listen.
    #[error("linux.seccomp: SCMP_ACT_NOTIFY is not supported yet")]
    Notify,
    /// More instructions than the kernel takes.
    #[error("linux.seccomp: the filter has {length} instructions; the kernel takes 4096")]
    TooLong {
        /// How many.
        length: usize,
    },
}
