//! What a seccomp profile says of one call, read rule by rule and name by name: slow, and with
//! nothing in common with the compiler that it judges.
//!
//! Source: runtime-spec, config-linux.md "Seccomp", as libseccomp and runc read it.

use spec::runtime::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};

use crate::calls::Architecture;

/// What the kernel shall do with a call: the value that the filter must return.
pub fn decide(
    profile: &LinuxSeccomp,
    architecture: &Architecture,
    number: u32,
    arguments: [u64; 6],
) -> u32 {
    let default = value(profile.default_action, profile.default_errno_ret);
    let mut newest = None;
    let mut always = None;
    let mut sometimes = None;
    for rule in &profile.syscalls {
        let result = value(rule.action, rule.errno_ret);
        for name in &rule.names {
            let own = architecture.number(name);
            let through = selector(name).and_then(|(through, selected, mask)| {
                let number = architecture.number(through)?;
                Some((number, selected, mask))
            });
            newest = newest.max(own).max(through.map(|(number, ..)| number));
            if result == default {
                continue;
            }
            if own == Some(number) {
                if rule.args.is_empty() {
                    always = always.or(Some(result));
                } else if sometimes.is_none() && fits(rule, architecture, arguments) {
                    sometimes = Some(result);
                }
            }
            let Some((through, selected, mask)) = through else {
                continue;
            };
            let is_told = rule.args.is_empty() || severity(result) < severity(default);
            if through == number && arguments[0] & mask == selected && is_told {
                sometimes = sometimes.or(Some(result));
            }
        }
    }
    if let Some(result) = always.or(sometimes) {
        return result;
    }
    let refuses = matches!(
        profile.default_action,
        Action::Errno | Action::Kill | Action::KillProcess | Action::KillThread | Action::Trap
    );
    let is_newer = newest.is_some_and(|newest| number > newest);
    let is_too_large = architecture.name == "SCMP_ARCH_S390X" && newest.is_some() && number == 0;
    if refuses && (is_newer || is_too_large) {
        return 0x0005_0000 | 38;
    }
    default
}

fn value(action: Action, errno: Option<u32>) -> u32 {
    match action {
        Action::Kill | Action::KillThread => 0x0000_0000,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Errno => 0x0005_0000 + errno.unwrap_or(1),
        Action::Notify => 0x7FC0_0000,
        Action::Trace => 0x7FF0_0000 + errno.unwrap_or(1),
        Action::Log => 0x7FFC_0000,
        Action::Allow => 0x7FFF_0000,
    }
}

/// The kernel's order: KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, USER_NOTIF, TRACE, LOG, ALLOW.
fn severity(value: u32) -> u32 {
    match value >> 16 {
        0x8000 => 0,
        action => action + 1,
    }
}

/// The calls that have another way, through `socketcall` (net.h) or `ipc` (ipc.h), in the order of
/// their numbers.
fn selector(name: &str) -> Option<(&'static str, u64, u64)> {
    const SOCKETCALL: &str = "socket bind connect listen accept getsockname getpeername \
        socketpair send recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg \
        accept4 recvmmsg sendmmsg";
    const IPC: &str = "semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - \
        - - - - - shmat shmdt shmget shmctl";
    let place = |list: &str| list.split_whitespace().position(|known| known == name);
    let number = |place: usize| place as u64 + 1;
    let socket = place(SOCKETCALL).map(|at| ("socketcall", number(at), 0xFFFF_FFFF));
    socket.or_else(|| place(IPC).map(|at| ("ipc", number(at), 0xFFFF)))
}

fn fits(rule: &Syscall, architecture: &Architecture, arguments: [u64; 6]) -> bool {
    let mut indices: Vec<u32> = rule.args.iter().map(|argument| argument.index).collect();
    indices.sort_unstable();
    indices.dedup();
    let is_repeated = indices.len() < rule.args.len();
    let mut each = rule.args.iter().map(|condition| {
        let argument = arguments[condition.index as usize];
        holds(condition, argument, architecture.is_wide())
    });
    match is_repeated {
        true => each.any(|holds| holds),
        false => each.all(|holds| holds),
    }
}

fn holds(condition: &SyscallArg, argument: u64, is_wide: bool) -> bool {
    let cut = |value: u64| if is_wide { value } else { value & 0xFFFF_FFFF };
    let (argument, value) = (cut(argument), cut(condition.value));
    match condition.op {
        Operator::NotEqual => argument != value,
        Operator::LessThan => argument < value,
        Operator::LessEqual => argument <= value,
        Operator::Equal => argument == value,
        Operator::GreaterEqual => argument >= value,
        Operator::GreaterThan => argument > value,
        Operator::MaskedEqual => argument & value == cut(condition.value_two) & value,
    }
}
