//! System call filters as the configuration words them (runtime-spec, config-linux.md "Seccomp").
//!
//! Actions and operators are closed sets: a filter with one that is not understood cannot be
//! applied. Architectures and flags are left as strings for the compiler to judge.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::absent::{empty_is_none, is_zero};

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxSeccomp {
    /// What happens to a call without a rule.
    pub default_action: Action,
    /// The value that goes with it, `EPERM` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures beside the native one, `SCMP_ARCH_X86`, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Flags of seccomp(2), `SECCOMP_FILTER_FLAG_LOG`, …; an empty list asks for none, while a
    /// missing one leaves it to the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
    /// Socket that receives the listener of [`Action::Notify`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "empty_is_none"
    )]
    pub listener_path: Option<PathBuf>,
    /// Words for that receiver.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "empty_is_none"
    )]
    pub listener_metadata: Option<String>,
    /// The rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<Syscall>,
}

/// A rule for some calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Syscall {
    /// Names of the calls.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: Action,
    /// The value that goes with it, `EPERM` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions on the arguments; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<SyscallArg>,
}

/// A condition on one argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyscallArg {
    /// Which argument, 0 to 5.
    pub index: u32,
    /// What it is compared with; for [`Operator::MaskedEqual`] the mask.
    pub value: u64,
    /// For [`Operator::MaskedEqual`], what the masked argument must be.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub value_two: u64,
    /// How it is compared.
    pub op: Operator,
}

/// What happens to a call (seccomp(2), "Filter return actions").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The old name of [`Action::KillThread`].
    #[serde(rename = "SCMP_ACT_KILL")]
    Kill,
    /// The process dies.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The thread dies.
    #[serde(rename = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// The thread gets SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// The call fails with an error number.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// The call is made.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// The call is made and logged.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// A listener decides.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

/// How an argument is compared; all comparisons are unsigned, of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// Differs.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// Is less.
    #[serde(rename = "SCMP_CMP_LT")]
    LessThan,
    /// Is less or the same.
    #[serde(rename = "SCMP_CMP_LE")]
    LessEqual,
    /// Is the same.
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// Is the same or greater.
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterEqual,
    /// Is greater.
    #[serde(rename = "SCMP_CMP_GT")]
    GreaterThan,
    /// Is the same under a mask.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}
