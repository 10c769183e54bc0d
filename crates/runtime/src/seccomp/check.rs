//! What of a profile cannot be enforced as it is written, and the flags of its filter.

use spec::runtime::{Action, LinuxSeccomp};
use sys::seccomp::FilterFlags;

use super::{Error, features};

/// The kernel cuts larger error numbers; a tracer gets 16 bits.
const LARGEST_ERRNO: u32 = 4095;
const LARGEST_MESSAGE: u32 = 0xFFFF;

/// What init itself calls once the filter is there, to hand the listener to its parent, or what its
/// parent's callers take for granted: whoever had to ask a listener for these would wait for ever.
const NEVER_ASKED: [&str; 2] = ["sendmsg", "write"];

/// Refuses what has no meaning.
pub(super) fn check(profile: &LinuxSeccomp) -> Result<(), Error> {
    check_errno(
        "defaultErrnoRet",
        profile.default_action,
        profile.default_errno_ret,
    )?;
    for rule in &profile.syscalls {
        check_errno("errnoRet", rule.action, rule.errno_ret)?;
        if let Some(argument) = rule.args.iter().find(|argument| argument.index > 5) {
            return Err(Error::Argument {
                syscall: rule.names.first().cloned().unwrap_or_default(),
                index: argument.index,
            });
        }
    }
    check_listener(profile)
}

fn check_errno(key: &'static str, action: Action, errno: Option<u32>) -> Result<(), Error> {
    let largest = match action {
        Action::Errno => LARGEST_ERRNO,
        Action::Trace => LARGEST_MESSAGE,
        _ => 0,
    };
    match errno {
        Some(errno) if errno > largest => Err(Error::Errno { key, errno, action }),
        _ => Ok(()),
    }
}

fn check_listener(profile: &LinuxSeccomp) -> Result<(), Error> {
    if profile.default_action == Action::Notify {
        return Err(Error::AsksForAll);
    }
    let mut asked = profile
        .syscalls
        .iter()
        .filter(|rule| rule.action == Action::Notify)
        .flat_map(|rule| &rule.names);
    if let Some(name) = asked.find(|name| NEVER_ASKED.contains(&name.as_str())) {
        return Err(Error::CannotAsk { name: name.clone() });
    }
    match asks(profile) && profile.listener_path.is_none() {
        true => Err(Error::NoListener),
        false => Ok(()),
    }
}

/// Whether a listener decides about any call.
fn asks(profile: &LinuxSeccomp) -> bool {
    let mut actions = profile.syscalls.iter().map(|rule| rule.action);
    actions.any(|action| action == Action::Notify)
}

/// The flags for the kernel. Without any in the profile the filter does not slow its processes down
/// against speculation, as runc has it.
pub(super) fn flags(profile: &LinuxSeccomp) -> Result<FilterFlags, Error> {
    let mut flags = match &profile.flags {
        None => FilterFlags::SPEC_ALLOW,
        Some(names) => names.iter().try_fold(FilterFlags::empty(), |flags, name| {
            let flag = features::flag(name).ok_or_else(|| Error::Flag { name: name.clone() })?;
            Ok(flags | flag)
        })?,
    };
    // The process that loads the filter has one thread, and execve would end all others.
    flags.remove(FilterFlags::TSYNC);
    if asks(profile) {
        flags |= FilterFlags::NEW_LISTENER;
    } else if flags.contains(FilterFlags::WAIT_KILLABLE_RECV) {
        return Err(Error::NoNotify);
    }
    Ok(flags)
}
