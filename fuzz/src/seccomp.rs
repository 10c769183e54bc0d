//! Profiles and calls made of bytes, for the comparison of the compiled filter with the profile.

use arbitrary::{Result, Unstructured};
use spec::runtime::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};

use crate::bpf::Call;
use crate::calls::{ARCHITECTURES, Architecture};

/// Without NOTIFY, which needs somebody to listen.
const ACTIONS: [Action; 8] = [
    Action::Errno,
    Action::Allow,
    Action::KillProcess,
    Action::KillThread,
    Action::Kill,
    Action::Trap,
    Action::Trace,
    Action::Log,
];

const OPERATORS: [Operator; 7] = [
    Operator::Equal,
    Operator::NotEqual,
    Operator::LessThan,
    Operator::LessEqual,
    Operator::GreaterThan,
    Operator::GreaterEqual,
    Operator::MaskedEqual,
];

/// Calls of all, of some, and of no architectures, with ways through others.
const NAMES: [&str; 28] = [
    "read",
    "write",
    "open",
    "openat",
    "close",
    "clone",
    "clone3",
    "socket",
    "bind",
    "connect",
    "sendto",
    "recvmmsg",
    "socketcall",
    "ipc",
    "semop",
    "shmat",
    "msgget",
    "personality",
    "mount",
    "fork",
    "getpid",
    "arch_prctl",
    "setns",
    "openat2",
    "io_uring_setup",
    "file_setattr",
    "no_such_call",
    "ptrace",
];

const EDGES: [u64; 12] = [
    0,
    1,
    2,
    9,
    15,
    0xFFFF,
    0xFFFF_FFFF,
    0x1_0000_0000,
    0x1_0000_0001,
    0x8000_0000,
    u64::MAX - 1,
    u64::MAX,
];

/// A profile, and calls to try it on.
#[derive(Debug)]
pub struct Case {
    /// What is compiled.
    pub profile: LinuxSeccomp,
    /// What it is asked about.
    pub calls: Vec<(Architecture, Call)>,
}

/// Makes a case.
///
/// # Errors
/// When there are not enough bytes.
pub fn case(bytes: &mut Unstructured<'_>) -> Result<Case> {
    let profile = profile(bytes)?;
    let native = ARCHITECTURES[0];
    let listed = ARCHITECTURES.into_iter().filter(|architecture| {
        architecture.name == native.name
            || profile
                .architectures
                .iter()
                .any(|name| name == architecture.name)
    });
    let listed: Vec<Architecture> = listed.collect();
    let mut calls = Vec::new();
    for _ in 0..48 {
        let architecture = *bytes.choose(&listed)?;
        let number = match architecture.number(bytes.choose(&NAMES)?) {
            Some(number) if bytes.ratio(7, 8)? => number,
            Some(number) => number.saturating_add(bytes.int_in_range(0..=600)?),
            None => bytes.int_in_range(0..=6000)? | architecture.number_bit(),
        };
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = value(bytes, &profile)?;
            if architecture.audit & 0x8000_0000 == 0 {
                *argument &= 0xFFFF_FFFF;
            }
        }
        let call = Call {
            number,
            audit: architecture.audit,
            arguments,
        };
        calls.push((architecture, call));
    }
    Ok(Case { profile, calls })
}

fn profile(bytes: &mut Unstructured<'_>) -> Result<LinuxSeccomp> {
    let default_action = *bytes.choose(&ACTIONS)?;
    let mut architectures = Vec::new();
    for architecture in &ARCHITECTURES {
        if bytes.arbitrary()? {
            architectures.push(architecture.name.to_owned());
        }
    }
    let mut syscalls = Vec::new();
    for _ in 0..bytes.int_in_range(0..=10)? {
        syscalls.push(rule(bytes)?);
    }
    Ok(LinuxSeccomp {
        default_action,
        default_errno_ret: errno(bytes, default_action)?,
        architectures,
        flags: None,
        listener_path: None,
        listener_metadata: None,
        syscalls,
    })
}

fn rule(bytes: &mut Unstructured<'_>) -> Result<Syscall> {
    let action = *bytes.choose(&ACTIONS)?;
    let mut names = Vec::new();
    for _ in 0..bytes.int_in_range(1..=4)? {
        names.push((*bytes.choose(&NAMES)?).to_owned());
    }
    let mut args = Vec::new();
    for _ in 0..bytes.int_in_range(0..=3)? {
        args.push(SyscallArg {
            index: bytes.int_in_range(0..=5)?,
            value: edge(bytes)?,
            value_two: edge(bytes)?,
            op: *bytes.choose(&OPERATORS)?,
        });
    }
    Ok(Syscall {
        names,
        action,
        errno_ret: errno(bytes, action)?,
        args,
    })
}

fn errno(bytes: &mut Unstructured<'_>, action: Action) -> Result<Option<u32>> {
    let has_one = matches!(action, Action::Errno | Action::Trace) && bytes.arbitrary()?;
    has_one.then(|| bytes.int_in_range(0..=40)).transpose()
}

fn edge(bytes: &mut Unstructured<'_>) -> Result<u64> {
    match bytes.ratio(7, 8)? {
        true => Ok(*bytes.choose(&EDGES)?),
        false => bytes.arbitrary(),
    }
}

/// What a condition asks for, or something near it.
fn value(bytes: &mut Unstructured<'_>, profile: &LinuxSeccomp) -> Result<u64> {
    let asked: Vec<u64> = profile
        .syscalls
        .iter()
        .flat_map(|rule| &rule.args)
        .flat_map(|argument| [argument.value, argument.value_two])
        .collect();
    if asked.is_empty() || bytes.ratio(1, 4)? {
        return edge(bytes);
    }
    let value = *bytes.choose(&asked)?;
    Ok(match bytes.int_in_range(0..=3)? {
        0 => value.wrapping_add(1),
        1 => value.wrapping_sub(1),
        _ => value,
    })
}
