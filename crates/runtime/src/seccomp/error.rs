//! Why a profile cannot be compiled.

use spec::runtime::Action;

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
    /// An error number that the action has no use for.
    #[error(
        "linux.seccomp: {key} {errno} does not go with {action:?}; only Errno (up to 4095) and \
             Trace (up to 65535) have a number"
    )]
    Errno {
        /// `errnoRet` or `defaultErrnoRet`.
        key: &'static str,
        /// As in the profile.
        errno: u32,
        /// As in the profile.
        action: Action,
    },
    /// A listener that decides about every call.
    #[error("linux.seccomp: SCMP_ACT_NOTIFY cannot be used as default action")]
    AsksForAll,
    /// A listener that decides about what is needed to reach it.
    #[error("linux.seccomp: SCMP_ACT_NOTIFY cannot be used for the {name} syscall")]
    CannotAsk {
        /// The call.
        name: String,
    },
    /// Nobody listens.
    #[error("linux.seccomp: SCMP_ACT_NOTIFY needs a listenerPath")]
    NoListener,
    /// A flag for listeners.
    #[error(
        "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with \
             SCMP_ACT_NOTIFY"
    )]
    NoNotify,
    /// More instructions than the kernel takes.
    #[error("linux.seccomp: the filter has {length} instructions; the kernel takes 4096")]
    TooLong {
        /// How many.
        length: usize,
    },
}
