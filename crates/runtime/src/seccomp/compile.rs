//! From a profile to a program: for each architecture the calls as ranges of numbers with the same
//! fate (`rules.rs`), found by a binary search, and behind it the conditions on arguments
//! (`conditions.rs`).
//!
//! Source: seccomp(2).

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use spec::runtime::LinuxSeccomp;
use sys::seccomp::{FilterFlags, Instruction};

use super::architecture::{Architecture, X32_BIT};
use super::assembler::{Assembler, Compare, Label};
use super::conditions::{self, Ways};
use super::rules::{Fate, KILL_PROCESS, Range, Rules};
use super::{Error, check};

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The most instructions that the kernel takes (`BPF_MAXINSNS`).
const MOST_INSTRUCTIONS: usize = 4096;

/// A compiled filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(super) instructions: Vec<Instruction>,
    pub(super) flags: FilterFlags,
}

impl Program {
    /// What the kernel gets.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The flags that it is loaded with, as the kernel counts them.
    pub(crate) fn flags(&self) -> u32 {
        self.flags.bits()
    }

    /// Whether somebody must listen to it.
    pub(crate) fn has_listener(&self) -> bool {
        self.flags.contains(FilterFlags::NEW_LISTENER)
    }

    /// Puts the filter on the calling thread, which needs CAP_SYS_ADMIN or no_new_privs. Gives back
    /// the listener of a filter that has one.
    pub(crate) fn load(&self) -> Result<Option<OwnedFd>, Errno> {
        sys::seccomp::load(&self.instructions, self.flags)
    }
}

/// Compiles a profile for the native architecture and those that it lists.
///
/// # Errors
/// An architecture, flag or argument that does not exist, what the kernel could not do, and a
/// filter that is too long.
pub fn compile(profile: &LinuxSeccomp) -> Result<Program, Error> {
    check::check(profile)?;
    let flags = check::flags(profile)?;
    let architectures = architectures(profile)?;
    let rules = Rules::of(profile);
    let mut assembler = Assembler::default();
    let mut entry = assembler.returning(KILL_PROCESS);
    let has_x32 = architectures.contains(&Architecture::X32);
    let searched = |a: &&Architecture| **a != Architecture::X32 && a.names().is_some();
    for architecture in architectures.iter().filter(searched).rev() {
        let other = entry;
        let own = search(&mut assembler, &rules, *architecture, has_x32);
        let number = load_number(&mut assembler, own);
        entry = assembler.branch(Compare::Equal, architecture.audit(), number, other);
    }
    assembler.go_to(entry);
    assembler.load(ARCHITECTURE);
    let instructions = assembler.finish();
    match instructions.len() {
        length if length > MOST_INSTRUCTIONS => Err(Error::TooLong { length }),
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

/// The native architecture and those of the profile, each once.
fn architectures(profile: &LinuxSeccomp) -> Result<Vec<Architecture>, Error> {
    let mut found = vec![Architecture::NATIVE];
    for name in &profile.architectures {
        let known =
            Architecture::named(name).ok_or_else(|| Error::Architecture { name: name.clone() })?;
        if !found.contains(&known) {
            found.push(known);
        }
    }
    Ok(found)
}

/// The search for a number among the calls of an architecture (and of x32, which shares its
/// value); the number is in the accumulator.
fn search(
    assembler: &mut Assembler,
    rules: &Rules<'_>,
    architecture: Architecture,
    has_x32: bool,
) -> Label {
    let mut ranges = rules.ranges(architecture, 0);
    if architecture == Architecture::X86_64 {
        if has_x32 {
            ranges.extend(rules.ranges(Architecture::X32, X32_BIT));
        } else {
            ranges.push(Range {
                architecture,
                first: X32_BIT,
                fate: Fate::Return(KILL_PROCESS),
            });
        }
    }
    ranges.dedup_by(|later, earlier| match later.fate {
        Fate::Return(_) => later.fate == earlier.fate,
        Fate::Conditional(..) => false,
    });
    search_in(assembler, &ranges)
}

fn search_in(assembler: &mut Assembler, ranges: &[Range<'_>]) -> Label {
    let middle = ranges.len() / 2;
    match ranges {
        [] => assembler.returning(KILL_PROCESS),
        [only] => fate(assembler, only),
        [..] => {
            let (below, above) = ranges.split_at(middle);
            let first = above.first().map_or(0, |range| range.first);
            let above = search_in(assembler, above);
            let below = search_in(assembler, below);
            assembler.branch(Compare::GreaterEqual, first, above, below)
        }
    }
}

fn fate(assembler: &mut Assembler, range: &Range<'_>) -> Label {
    match &range.fate {
        Fate::Return(value) => assembler.returning(*value),
        Fate::Conditional(cases, last) => {
            let last = assembler.returning(*last);
            cases.iter().rev().fold(last, |no, case| {
                let then = assembler.returning(case.value);
                case.conditions.iter().rev().fold(then, |yes, argument| {
                    conditions::write(assembler, range.architecture, argument, Ways { yes, no })
                })
            })
        }
    }
}
