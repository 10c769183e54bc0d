//! What a profile means: the fate of every call of an architecture, as ranges of numbers. How that
//! becomes instructions is in `compile.rs`.
//!
//! Source: runtime-spec, config-linux.md "Seccomp"; libseccomp, whose reading of profiles all
//! runtimes share:
//!
//! * A rule whose action is the default one says nothing.
//! * A rule without conditions wins over all that have some, wherever it stands; the first of
//!   several wins.
//! * All conditions of a rule must hold; but if two of them look at the same argument, one of
//!   them is enough (runc and crun).
//! * Of several rules with conditions, the first that fits counts.
//! * A name that is no call of the architecture is passed over: profiles list those of all
//!   architectures and of newer kernels.
//! * Where the default refuses, calls newer than all that the profile names are not there
//!   (`ENOSYS`) rather than refused, so that libraries take an older one (runc).

use std::borrow::Cow;

use spec::runtime::{Action, LinuxSeccomp, Syscall, SyscallArg};

use super::architecture::Architecture;
use super::multiplexed;
use super::numbers::{Name, Names};

pub(super) const KILL_PROCESS: u32 = 0x8000_0000;
pub(super) const ERRNO: u32 = 0x0005_0000;
pub(super) const ENOSYS: u32 = ERRNO | 38;
const EPERM: u32 = 1;

/// What happens to the calls from a number on.
pub(super) struct Range<'a> {
    pub(super) architecture: Architecture,
    pub(super) first: u32,
    pub(super) fate: Fate<'a>,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate<'a> {
    Return(u32),
    /// The first case that fits decides, or the value.
    Conditional(Vec<Case<'a>>, u32),
}

/// A value that is returned when all conditions hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case<'a> {
    pub(super) conditions: Cow<'a, [SyscallArg]>,
    pub(super) value: u32,
}

/// A profile's rules, with their names ready to be looked up.
pub(super) struct Rules<'a> {
    profile: &'a LinuxSeccomp,
    /// Every name with the place of its rule.
    names: Vec<(Name<'a>, usize)>,
    default: u32,
}

/// A rule for a call, in the order of which the calls' fates are put together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry<'a> {
    number: u32,
    place: usize,
    /// The call's name when it is reached through this one.
    behind: Option<&'a str>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(profile: &'a LinuxSeccomp) -> Self {
        let mut names = Vec::with_capacity(512);
        for (place, rule) in profile.syscalls.iter().enumerate() {
            names.extend(rule.names.iter().map(|name| (Name::new(name), place)));
        }
        let default = value(profile.default_action, profile.default_errno_ret);
        Self {
            profile,
            names,
            default,
        }
    }

    /// The calls of an architecture in the order of their numbers, without gaps, from `start` on;
    /// nothing for an architecture whose calls are not known.
    pub(super) fn ranges(&self, architecture: Architecture, start: u32) -> Vec<Range<'a>> {
        let Some(names) = architecture.names() else {
            return Vec::new();
        };
        let listed = self.entries(&names);
        let newer = listed.iter().map(|entry| entry.number);
        let newer = newer.filter(|number| !names.is_private(*number)).max();
        let mut ranges = Ranges {
            architecture,
            list: Vec::new(),
        };
        ranges.add(start, Fate::Return(self.default));
        let mut newer = newer.filter(|_| self.is_refusal()).map(|last| last + 1);
        if architecture == Architecture::S390x && newer.is_some() {
            // What the kernel makes of a number that is too large for it.
            ranges.add(0, Fate::Return(ENOSYS));
            ranges.add(1, Fate::Return(self.default));
        }
        for same in listed.chunk_by(|a, b| a.number == b.number) {
            let Some(Entry { number, .. }) = same.first() else {
                continue;
            };
            if let Some(newer) = newer.take_if(|newer| *newer < *number) {
                ranges.add(newer, Fate::Return(ENOSYS));
            }
            ranges.add(*number, self.fate(same));
            ranges.add(number + 1, Fate::Return(self.default));
        }
        if let Some(newer) = newer {
            ranges.add(newer, Fate::Return(ENOSYS));
        }
        ranges.list
    }

    /// All rules for calls of an architecture, by number, and those for the same call in their
    /// order.
    fn entries(&self, names: &Names) -> Vec<Entry<'a>> {
        let mut entries = Vec::with_capacity(self.names.len());
        let has_multiplexed = names.number(Name::new("socketcall")).is_some();
        for &(name, place) in &self.names {
            if let Some(number) = names.number(name) {
                entries.push(Entry {
                    number,
                    place,
                    behind: None,
                });
            }
            if !has_multiplexed {
                continue;
            }
            let through =
                multiplexed::find(name.text()).and_then(|way| names.number(Name::new(way.through)));
            if let Some(number) = through {
                entries.push(Entry {
                    number,
                    place,
                    behind: Some(name.text()),
                });
            }
        }
        entries.sort_unstable();
        entries
    }

    /// The fate of one call.
    fn fate(&self, entries: &[Entry<'a>]) -> Fate<'a> {
        let rules = entries.iter().filter_map(|entry| {
            let rule = self.profile.syscalls.get(entry.place)?;
            let value = value(rule.action, rule.errno_ret);
            (value != self.default).then_some((entry, rule, value))
        });
        let always = |(entry, rule, _): &(&Entry<'_>, &Syscall, u32)| {
            entry.behind.is_none() && rule.args.is_empty()
        };
        if let Some((_, _, value)) = rules.clone().find(always) {
            return Fate::Return(value);
        }
        let mut cases = Vec::new();
        for (entry, rule, value) in rules {
            match entry.behind {
                Some(name) => cases.extend(self.behind(name, rule, value)),
                None => add_cases(&mut cases, rule, value),
            }
        }
        match cases.is_empty() {
            true => Fate::Return(self.default),
            false => Fate::Conditional(cases, self.default),
        }
    }

    /// The case of a call that is reached through another one. Its own arguments are behind a
    /// pointer, where a filter cannot look: a rule that asks for them refuses all of these calls or
    /// allows none.
    fn behind(&self, name: &str, rule: &Syscall, value: u32) -> Option<Case<'a>> {
        let refuses_more = severity(value) < severity(self.default);
        let way = multiplexed::find(name).filter(|_| rule.args.is_empty() || refuses_more)?;
        Some(Case {
            conditions: Cow::Owned(vec![way.selector]),
            value,
        })
    }

    /// Whether calls without a rule are refused with something else than `ENOSYS`.
    fn is_refusal(&self) -> bool {
        match self.profile.default_action {
            Action::Errno => self.default != ENOSYS,
            Action::Kill | Action::KillProcess | Action::KillThread | Action::Trap => true,
            Action::Allow | Action::Log | Action::Trace | Action::Notify => false,
        }
    }
}

fn add_cases<'a>(cases: &mut Vec<Case<'a>>, rule: &'a Syscall, value: u32) {
    let mut seen = 0u32;
    let is_repeated = |argument: &SyscallArg| {
        let bit = 1 << argument.index;
        let was = seen & bit != 0;
        seen |= bit;
        was
    };
    let one_is_enough = rule.args.iter().any(is_repeated);
    let length = if one_is_enough { 1 } else { rule.args.len() };
    cases.extend(rule.args.chunks(length).map(|conditions| Case {
        conditions: Cow::Borrowed(conditions),
        value,
    }));
}

/// The ranges of an architecture, as they grow.
struct Ranges<'a> {
    architecture: Architecture,
    list: Vec<Range<'a>>,
}

impl<'a> Ranges<'a> {
    /// What is so from a number on; a range that is empty or like the one before is none.
    fn add(&mut self, first: u32, fate: Fate<'a>) {
        if self.list.last().is_some_and(|last| last.first == first) {
            self.list.pop();
        }
        if self.list.last().is_none_or(|last| last.fate != fate) {
            self.list.push(Range {
                architecture: self.architecture,
                first,
                fate,
            });
        }
    }
}

/// The value that a filter returns for an action (linux/seccomp.h).
pub(super) fn value(action: Action, errno: Option<u32>) -> u32 {
    let errno = errno.unwrap_or(EPERM) & 0xFFFF;
    match action {
        Action::Kill | Action::KillThread => 0,
        Action::KillProcess => KILL_PROCESS,
        Action::Trap => 0x0003_0000,
        Action::Errno => ERRNO | errno,
        Action::Notify => 0x7FC0_0000,
        Action::Trace => 0x7FF0_0000 | errno,
        Action::Log => 0x7FFC_0000,
        Action::Allow => 0x7FFF_0000,
    }
}

/// The kernel's order of actions: the lowest is the severest.
fn severity(value: u32) -> i32 {
    (value & 0xFFFF_0000).cast_signed()
}
