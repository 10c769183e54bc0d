//! Which devices a container may use: v1's allow list, or a program for v2.
//!
//! Source: runtime-spec, config-linux.md "Allowed Device list"; the kernel's cgroup-v1/devices
//! and cgroup-v2 documents. The devices that every container has are always allowed, as the
//! specification's default devices demand.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use spec::runtime::{DeviceRule, LinuxResources};

use super::{Cgroup, Error};

/// Type, major, minor, access.
const ALWAYS: [(char, Option<u32>, Option<u32>, &str); 11] = [
    ('c', None, None, "m"),
    ('b', None, None, "m"),
    ('c', Some(1), Some(3), "rwm"),
    ('c', Some(1), Some(5), "rwm"),
    ('c', Some(1), Some(7), "rwm"),
    ('c', Some(1), Some(8), "rwm"),
    ('c', Some(1), Some(9), "rwm"),
    ('c', Some(5), Some(0), "rwm"),
    ('c', Some(5), Some(1), "rwm"),
    ('c', Some(5), Some(2), "rwm"),
    ('c', Some(136), None, "rwm"),
];

/// A rule with every default filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) allow: bool,
    /// `a` for both kinds.
    pub(super) kind: char,
    pub(super) major: Option<u32>,
    pub(super) minor: Option<u32>,
    read: bool,
    write: bool,
    mknod: bool,
}

/// Applies the device rules, if there are any. `in_user_namespace`: a container there can make no
/// device node, so that where the caller may not set rules they are not missed.
pub(super) fn apply(
    cgroup: &Cgroup,
    resources: &LinuxResources,
    in_user_namespace: bool,
) -> Result<(), Error> {
    let rules = rules(resources)?;
    if rules.is_empty() {
        return Ok(());
    }
    let applied = match cgroup.directory_of("devices") {
        Some((member, directory)) if member.is_unified() => attach_program(directory, &rules),
        Some((_, directory)) => write_lists(directory, &rules),
        None => Err(Errno::OPNOTSUPP),
    };
    match applied {
        Err(Errno::PERM | Errno::ACCESS) if in_user_namespace => Ok(()),
        applied => applied.map_err(|errno| Error::io("setting the rules of", "devices", errno)),
    }
}

/// The rules with those that always hold; none where none are asked for.
pub(super) fn rules(resources: &LinuxResources) -> Result<Vec<Rule>, Error> {
    if resources.devices.is_empty() {
        return Ok(Vec::new());
    }
    let asked = resources.devices.iter().map(Rule::resolve);
    let mut rules = asked.collect::<Result<Vec<_>, _>>()?;
    rules.extend(
        ALWAYS.map(|(kind, major, minor, access)| Rule::of(true, kind, major, minor, access)),
    );
    Ok(rules)
}

impl Rule {
    fn of(allow: bool, kind: char, major: Option<u32>, minor: Option<u32>, access: &str) -> Self {
        let has = |letter| access.contains(letter);
        Self {
            allow,
            kind,
            major,
            minor,
            read: has('r'),
            write: has('w'),
            mknod: has('m'),
        }
    }

    fn resolve(rule: &DeviceRule) -> Result<Self, Error> {
        let unsupported = |what: String| Error::Unsupported {
            key: format!("linux.resources.devices: {what}"),
        };
        let kind = match rule.kind.as_deref().unwrap_or("a") {
            "a" => 'a',
            "c" => 'c',
            "b" => 'b',
            other => return Err(unsupported(format!("type {other:?}"))),
        };
        let number = |number: Option<i64>| match number {
            None | Some(-1) => Ok(None),
            Some(n) => u32::try_from(n)
                .map(Some)
                .map_err(|_| unsupported(format!("number {n}"))),
        };
        let access = rule.access.as_deref().unwrap_or("rwm");
        if let Some(letter) = access.chars().find(|letter| !"rwm".contains(*letter)) {
            return Err(unsupported(format!("access {letter:?}")));
        }
        Ok(Self::of(
            rule.allow,
            kind,
            number(rule.major)?,
            number(rule.minor)?,
            access,
        ))
    }

    pub(super) fn is_everything(self) -> bool {
        let access = self.read && self.write && self.mknod;
        self.kind == 'a' && self.major.is_none() && self.minor.is_none() && access
    }

    /// The letters of what it is about.
    pub(super) fn access(self) -> String {
        let letters = [(self.read, 'r'), (self.write, 'w'), (self.mknod, 'm')];
        letters
            .iter()
            .filter_map(|(on, letter)| on.then_some(*letter))
            .collect()
    }

    /// The line for v1's files.
    fn line(self, kind: char) -> String {
        let number = |n: Option<u32>| n.map_or("*".to_owned(), |n| n.to_string());
        let access = self.access();
        format!(
            "{kind} {}:{} {access}",
            number(self.major),
            number(self.minor)
        )
    }
}

fn write_lists(directory: BorrowedFd<'_>, rules: &[Rule]) -> Result<(), Errno> {
    let open = |file| {
        openat(
            directory,
            file,
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    };
    let (allow, deny) = (open("devices.allow")?, open("devices.deny")?);
    for rule in rules {
        let file = if rule.allow { &allow } else { &deny };
        let write = |line: &str| rustix::io::write(file, line.as_bytes()).map(|_| ());
        if rule.is_everything() {
            write("a")?;
            continue;
        }
        // v1 takes "a" only for everything at once.
        let kinds: &[char] = if rule.kind == 'a' {
            &['c', 'b']
        } else {
            &[rule.kind]
        };
        for kind in kinds {
            write(&rule.line(*kind))?;
        }
    }
    Ok(())
}

fn attach_program(directory: BorrowedFd<'_>, rules: &[Rule]) -> Result<(), Errno> {
    let program = sys::bpf::load_device_program(&assemble(rules))?;
    sys::bpf::attach_device_program(directory, program.as_fd())
}

// eBPF, as much as is needed: the context is r1, r2 holds the type, r3 the accesses that are
// still to be decided, r4 and r5 the numbers, r0 the answer.
const LOAD_WORD: u8 = 0x61;
const MOV_REGISTER: u8 = 0xbf;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const JUMP_EQUAL: u8 = 0x15;
const JUMP_NOT_EQUAL: u8 = 0x55;
const MOV: u8 = 0xb7;
const EXIT: u8 = 0x95;

const TYPE_BLOCK: i32 = 1;
const TYPE_CHARACTER: i32 = 2;
const ACCESS_MKNOD: i32 = 1;
const ACCESS_READ: i32 = 2;
const ACCESS_WRITE: i32 = 4;
const EVERY_ACCESS: i32 = ACCESS_MKNOD | ACCESS_READ | ACCESS_WRITE;

/// One `struct bpf_insn`.
fn instruction(code: u8, destination: u8, source: u8, offset: i16, value: i32) -> u64 {
    let [v0, v1, v2, v3] = value.to_ne_bytes();
    let [o0, o1] = offset.to_ne_bytes();
    u64::from_ne_bytes([code, source << 4 | destination, o0, o1, v0, v1, v2, v3])
}

/// For each kind of access the last rule that matches decides, so the rules are tried backwards;
/// nothing matching is a refusal.
fn assemble(rules: &[Rule]) -> Vec<u64> {
    let mut program = vec![
        instruction(LOAD_WORD, 2, 1, 0, 0),
        instruction(MOV_REGISTER, 3, 2, 0, 0),
        instruction(AND, 2, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, 3, 0, 0, 16),
        instruction(LOAD_WORD, 4, 1, 4, 0),
        instruction(LOAD_WORD, 5, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        program.extend(block(*rule));
        // What cannot be reached may not stand there.
        if rule.is_everything() {
            return program;
        }
    }
    program.extend(answer(false));
    program
}

fn answer(allow: bool) -> [u64; 2] {
    [
        instruction(MOV, 0, 0, 0, i32::from(allow)),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

/// The conditions of one rule, each jumping past its end when it fails, and its answer.
fn block(rule: Rule) -> Vec<u64> {
    let access = [
        (rule.read, ACCESS_READ),
        (rule.write, ACCESS_WRITE),
        (rule.mknod, ACCESS_MKNOD),
    ];
    let mask: i32 = access
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, bit)| bit)
        .sum();
    let equals = |register: u8, value: i32| instruction(JUMP_NOT_EQUAL, register, 0, 0, value);
    let mut block = Vec::new();
    match rule.kind {
        'c' => block.push(equals(2, TYPE_CHARACTER)),
        'b' => block.push(equals(2, TYPE_BLOCK)),
        _ => {}
    }
    let numbers = [(4, rule.major), (5, rule.minor)];
    block.extend(numbers.iter().filter_map(|(register, number)| {
        number.map(|number| equals(*register, number.cast_signed()))
    }));
    match (mask == EVERY_ACCESS, rule.allow) {
        (true, _) => {}
        // What is allowed needs no more deciding; all must be.
        (false, true) => block.extend([instruction(AND, 3, 0, 0, !mask), equals(3, 0)]),
        (false, false) => block.extend([
            instruction(MOV_REGISTER, 1, 3, 0, 0),
            instruction(AND, 1, 0, 0, mask),
            instruction(JUMP_EQUAL, 1, 0, 0, 0),
        ]),
    }
    block.extend(answer(rule.allow));
    let length = block.len();
    for (at, word) in block.iter_mut().enumerate() {
        let mut bytes = word.to_ne_bytes();
        if matches!(bytes[0], JUMP_NOT_EQUAL | JUMP_EQUAL) {
            let past_the_end = i16::try_from(length - at - 1).unwrap_or(i16::MAX);
            [bytes[2], bytes[3]] = past_the_end.to_ne_bytes();
            *word = u64::from_ne_bytes(bytes);
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_lines_have_wildcards() {
        assert_eq!(
            Rule::of(true, 'c', Some(136), None, "rwm").line('c'),
            "c 136:* rwm"
        );
        assert!(
            Rule::resolve(&DeviceRule::default())
                .unwrap()
                .is_everything()
        );
    }

    #[test]
    fn each_condition_jumps_to_the_next_rule() {
        let block = block(Rule::of(true, 'c', Some(1), Some(3), "r"));
        // type, major, minor, two for the access, answer, exit
        assert_eq!(block.len(), 7);
        let jump = |at: usize| {
            let bytes = block[at].to_ne_bytes();
            i16::from_ne_bytes([bytes[2], bytes[3]])
        };
        assert_eq!((jump(0), jump(1), jump(2), jump(4)), (6, 5, 4, 2));
    }

    #[test]
    fn the_kernel_accepts_the_program() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: the_kernel_accepts_the_program: needs root");
            return;
        }
        let nothing = Rule::of(false, 'a', None, None, "rwm");
        let some = Rule::of(false, 'b', Some(8), None, "w");
        let always =
            ALWAYS.map(|(kind, major, minor, access)| Rule::of(true, kind, major, minor, access));
        for rules in [
            vec![],
            always.to_vec(),
            [&[nothing, some][..], &always].concat(),
            [&always[..], &[nothing, some, nothing]].concat(),
        ] {
            sys::bpf::load_device_program(&assemble(&rules)).unwrap();
        }
    }
}
