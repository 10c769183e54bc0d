//! From a profile to a program: for each architecture the calls as ranges of numbers with the same
//! fate, found by a binary search, and behind it the conditions on arguments.
//!
//! Source: runtime-spec, config-linux.md "Seccomp"; seccomp(2). All conditions of a rule must
//! hold; of several rules for a call the first that fits counts. A name that is no call here is
//! passed over: profiles list those of all architectures and of newer kernels.

use rustix::io::Errno;
use spec::runtime::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};
use sys::seccomp::{FilterFlags, Instruction};

use super::Error;
use super::architecture::{Architecture, Numbers, X32_BIT};
use super::assembler::{Assembler, Compare, Label};

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const ENOSYS: u32 = ERRNO | 38;

/// A compiled filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(super) instructions: Vec<Instruction>,
    flags: FilterFlags,
}

impl Program {
    /// Puts the filter on the calling thread, which needs CAP_SYS_ADMIN or no_new_privs.
    pub(crate) fn load(&self) -> Result<(), Errno> {
        sys::seccomp::load(&self.instructions, self.flags).map(drop)
    }
}

/// Compiles a profile for the native architecture and those that it lists.
///
/// # Errors
/// An architecture, flag or argument that does not exist, and a filter that is too long.
pub fn compile(profile: &LinuxSeccomp) -> Result<Program, Error> {
    check(profile)?;
    let flags = profile
        .flags
        .iter()
        .try_fold(FilterFlags::empty(), |flags, name| {
            let flag = super::features::flag(name);
            flag.map(|flag| flags | flag)
                .ok_or_else(|| Error::Flag { name: name.clone() })
        })?;
    let architectures = architectures(profile)?;
    let mut assembler = Assembler::default();
    let mut entry = assembler.returning(KILL_PROCESS);
    let has_x32 = architectures.contains(&Architecture::X32);
    for architecture in architectures
        .iter()
        .filter(|a| **a != Architecture::X32)
        .rev()
    {
        let other = entry;
        let own = search(&mut assembler, profile, *architecture, has_x32);
        let number = load_number(&mut assembler, own);
        entry = assembler.branch(Compare::Equal, architecture.audit(), number, other);
    }
    assembler.go_to(entry);
    assembler.load(ARCHITECTURE);
    let instructions = assembler.finish();
    match instructions.len() {
        length @ 4097.. => Err(Error::TooLong { length }),
        _ => Ok(Program {
            instructions,
            flags,
        }),
    }
}

fn load_number(assembler: &mut Assembler, next: Label) -> Label {
    assembler.go_to(next);
    assembler.load(NUMBER)
}

fn check(profile: &LinuxSeccomp) -> Result<(), Error> {
    let mut actions = profile.syscalls.iter().map(|rule| rule.action);
    let asks = |action| action == Action::Notify;
    if asks(profile.default_action) || actions.any(asks) || profile.listener_path.is_some() {
        return Err(Error::Notify);
    }
    for rule in &profile.syscalls {
        if let Some(argument) = rule.args.iter().find(|argument| argument.index > 5) {
            return Err(Error::Argument {
                syscall: rule.names.first().cloned().unwrap_or_default(),
                index: argument.index,
            });
        }
    }
    Ok(())
}

/// The native architecture and those of the profile, each once.
fn architectures(profile: &LinuxSeccomp) -> Result<Vec<Architecture>, Error> {
    let mut found = vec![Architecture::NATIVE];
    for name in &profile.architectures {
        let known = Architecture::ALL
            .into_iter()
            .find(|known| known.name() == name);
        let known = known.ok_or_else(|| Error::Architecture { name: name.clone() })?;
        if !found.contains(&known) {
            found.push(known);
        }
    }
    Ok(found)
}

/// What happens to the calls from a number on.
struct Range<'a> {
    first: u32,
    fate: Fate<'a>,
}

/// What happens to a call.
#[derive(Clone, PartialEq)]
enum Fate<'a> {
    Return(u32),
    /// The first rule that fits decides, or the value.
    Conditional(Vec<&'a Syscall>, u32),
}

/// The search for a number among the calls of an architecture (and of x32, which shares its
/// value); the number is in the accumulator.
fn search(
    assembler: &mut Assembler,
    profile: &LinuxSeccomp,
    architecture: Architecture,
    has_x32: bool,
) -> Label {
    let mut ranges = ranges(profile, architecture, 0);
    if architecture == Architecture::X86_64 {
        if has_x32 {
            ranges.extend(self::ranges(profile, Architecture::X32, X32_BIT));
        } else {
            ranges.push(Range {
                first: X32_BIT,
                fate: Fate::Return(KILL_PROCESS),
            });
        }
    }
    ranges.dedup_by(|later, earlier| later.fate == earlier.fate);
    search_in(assembler, &ranges)
}

fn search_in(assembler: &mut Assembler, ranges: &[Range<'_>]) -> Label {
    let middle = ranges.len() / 2;
    match ranges {
        [] => assembler.returning(KILL_PROCESS),
        [only] => fate(assembler, &only.fate),
        [..] => {
            let (below, above) = ranges.split_at(middle);
            let first = above.first().map_or(0, |range| range.first);
            let above = search_in(assembler, above);
            let below = search_in(assembler, below);
            assembler.branch(Compare::GreaterEqual, first, above, below)
        }
    }
}

/// The calls of an architecture in the order of their numbers, without gaps, from `start` on.
fn ranges<'a>(profile: &'a LinuxSeccomp, architecture: Architecture, start: u32) -> Vec<Range<'a>> {
    let numbers = Numbers::of(architecture);
    let mut listed: Vec<(u32, usize)> = Vec::with_capacity(512);
    for (place, rule) in profile.syscalls.iter().enumerate() {
        let known = rule.names.iter().filter_map(|name| numbers.get(name));
        listed.extend(known.map(|number| (number, place)));
    }
    // By number, and rules for the same call in their order.
    listed.sort_unstable();
    let default = value(profile.default_action, profile.default_errno_ret);
    let mut ranges = vec![Range {
        first: start,
        fate: Fate::Return(default),
    }];
    for same in listed.chunk_by(|(a, _), (b, _)| a == b) {
        let Some((number, _)) = same.first() else {
            continue;
        };
        let rules = same
            .iter()
            .filter_map(|(_, place)| profile.syscalls.get(*place));
        add(&mut ranges, *number, fate_of(rules, default), default);
    }
    let newer = listed.last().map_or(start, |(number, _)| number + 1);
    if is_refusal(profile) && !listed.is_empty() {
        // Calls that the profile's author could not know of are not there, rather than forbidden:
        // libraries then take an older one.
        add_range(&mut ranges, newer, Fate::Return(ENOSYS));
    }
    ranges
}

/// One call, and the default after it.
fn add<'a>(ranges: &mut Vec<Range<'a>>, number: u32, fate: Fate<'a>, default: u32) {
    add_range(ranges, number, fate);
    add_range(ranges, number + 1, Fate::Return(default));
}

/// What is so from a number on; a range that is empty or like the one before is none.
fn add_range<'a>(ranges: &mut Vec<Range<'a>>, first: u32, fate: Fate<'a>) {
    if ranges.last().is_some_and(|last| last.first == first) {
        ranges.pop();
    }
    if ranges.last().is_none_or(|last| last.fate != fate) {
        ranges.push(Range { first, fate });
    }
}

fn is_refusal(profile: &LinuxSeccomp) -> bool {
    let errno = profile.default_errno_ret.unwrap_or(1);
    match profile.default_action {
        Action::Errno => errno != 38,
        Action::Kill | Action::KillProcess | Action::KillThread | Action::Trap => true,
        Action::Allow | Action::Log | Action::Trace | Action::Notify => false,
    }
}

fn fate_of<'a>(rules: impl Iterator<Item = &'a Syscall>, default: u32) -> Fate<'a> {
    let mut conditional = Vec::new();
    for rule in rules {
        if rule.args.is_empty() {
            let last = value(rule.action, rule.errno_ret);
            return match conditional.is_empty() {
                true => Fate::Return(last),
                false => Fate::Conditional(conditional, last),
            };
        }
        conditional.push(rule);
    }
    Fate::Conditional(conditional, default)
}

/// The value that a filter returns for an action (linux/seccomp.h).
fn value(action: Action, errno: Option<u32>) -> u32 {
    let errno = errno.unwrap_or(1) & 0xFFFF;
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

fn fate(assembler: &mut Assembler, fate: &Fate<'_>) -> Label {
    match fate {
        Fate::Return(value) => assembler.returning(*value),
        Fate::Conditional(rules, last) => {
            let last = assembler.returning(*last);
            rules.iter().rev().fold(last, |otherwise, rule| {
                let then = assembler.returning(value(rule.action, rule.errno_ret));
                rule.args.iter().rev().fold(then, |then, argument| {
                    condition(assembler, argument, then, otherwise)
                })
            })
        }
    }
}

/// One condition on an argument of 64 bits, which the kernel shows as two words.
fn condition(assembler: &mut Assembler, argument: &SyscallArg, yes: Label, no: Label) -> Label {
    let low = ARGUMENTS + 8 * argument.index;
    let high = low + 4;
    let (value_high, value_low) = words(argument.value);
    match argument.op {
        Operator::Equal => equal(assembler, (high, low), argument.value, yes, no),
        Operator::NotEqual => equal(assembler, (high, low), argument.value, no, yes),
        Operator::MaskedEqual => {
            let (wanted_high, wanted_low) = words(argument.value_two);
            assembler.branch(Compare::Equal, wanted_low, yes, no);
            assembler.mask(value_low);
            let rest = assembler.load(low);
            assembler.branch(Compare::Equal, wanted_high, rest, no);
            assembler.mask(value_high);
            assembler.load(high)
        }
        Operator::GreaterThan => order(
            assembler,
            (high, low),
            argument.value,
            Compare::Greater,
            yes,
            no,
        ),
        Operator::GreaterEqual => order(
            assembler,
            (high, low),
            argument.value,
            Compare::GreaterEqual,
            yes,
            no,
        ),
        Operator::LessThan => order(
            assembler,
            (high, low),
            argument.value,
            Compare::GreaterEqual,
            no,
            yes,
        ),
        Operator::LessEqual => order(
            assembler,
            (high, low),
            argument.value,
            Compare::Greater,
            no,
            yes,
        ),
    }
}

fn equal(
    assembler: &mut Assembler,
    (high, low): (u32, u32),
    value: u64,
    yes: Label,
    no: Label,
) -> Label {
    let (value_high, value_low) = words(value);
    assembler.branch(Compare::Equal, value_low, yes, no);
    let rest = assembler.load(low);
    assembler.branch(Compare::Equal, value_high, rest, no);
    assembler.load(high)
}

/// Whether the argument is greater; `compare` decides when the high words are the same.
fn order(
    assembler: &mut Assembler,
    (high, low): (u32, u32),
    value: u64,
    compare: Compare,
    yes: Label,
    no: Label,
) -> Label {
    let (value_high, value_low) = words(value);
    assembler.branch(compare, value_low, yes, no);
    let rest = assembler.load(low);
    let same = assembler.branch(Compare::Equal, value_high, rest, no);
    assembler.branch(Compare::Greater, value_high, yes, same);
    assembler.load(high)
}

/// The high and the low word.
fn words(value: u64) -> (u32, u32) {
    let high = u32::try_from(value >> 32).unwrap_or_default();
    let low = u32::try_from(value & 0xFFFF_FFFF).unwrap_or_default();
    (high, low)
}

#[cfg(test)]
mod tests;
