//! The same profile through libseccomp, as runc hands it over: both filters must decide alike.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arbitrary::Unstructured;
use fuzz::bpf::{self, Call};
use fuzz::calls::{ARCHITECTURES, Architecture};
use fuzz::random::Random;
use fuzz::seccomp::{Case, case};
use spec::runtime::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};
use sys::seccomp::Instruction;
use wharf_runtime::capabilities;
use wharf_runtime::seccomp::{compile, default_profile};

/// Builds the program that asks libseccomp; `None` and the reason where it is not there.
fn oracle(directory: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seccomp/libseccomp.c");
    let program = directory.join("libseccomp");
    let mut cc = Command::new("cc");
    cc.arg("-o").arg(&program).arg(source).arg("-lseccomp");
    match cc.output() {
        Ok(output) if output.status.success() => Some(program),
        _ => {
            println!("skipped: needs cc and libseccomp's headers (libseccomp-dev)");
            None
        }
    }
}

/// libseccomp's program; `None` for what it refuses: rules that contradict each other.
fn ask(oracle: &Path, profile: &LinuxSeccomp) -> Option<Vec<Instruction>> {
    let mut child = Command::new(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let words = words(profile);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(words.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.code() {
        Some(0) => {}
        Some(2) => return None,
        other => panic!("{other:?} for {words}"),
    }
    let instruction = |bytes: &[u8; 8]| {
        let [c0, c1, jt, jf, k0, k1, k2, k3] = *bytes;
        Instruction {
            code: u16::from_ne_bytes([c0, c1]),
            jt,
            jf,
            k: u32::from_ne_bytes([k0, k1, k2, k3]),
        }
    };
    let (instructions, _) = output.stdout.as_chunks::<8>();
    Some(instructions.iter().map(instruction).collect())
}

/// The profile as `libseccomp.c` reads it.
fn words(profile: &LinuxSeccomp) -> String {
    let default = value(profile.default_action, profile.default_errno_ret);
    let mut text = format!("default {default:x}\n");
    for name in &profile.architectures {
        let name = name.trim_start_matches("SCMP_ARCH_").to_lowercase();
        writeln!(text, "arch {name}").unwrap();
    }
    for rule in &profile.syscalls {
        let action = value(rule.action, rule.errno_ret);
        if action == default {
            continue;
        }
        for name in &rule.names {
            for conditions in groups(rule) {
                write!(text, "rule {action:x} {name} {}", conditions.len()).unwrap();
                for SyscallArg {
                    index,
                    value,
                    value_two,
                    op,
                } in conditions
                {
                    let op = number(*op);
                    write!(text, " {index} {op} {value:x} {value_two:x}").unwrap();
                }
                text.push('\n');
            }
        }
    }
    text
}

/// The conditions of a rule that must hold together.
fn groups(rule: &Syscall) -> Vec<&[SyscallArg]> {
    let mut indices: Vec<u32> = rule.args.iter().map(|argument| argument.index).collect();
    indices.sort_unstable();
    let is_repeated = indices.is_sorted_by(|a, b| a < b);
    match is_repeated {
        true => vec![&rule.args],
        false => rule.args.chunks(1).collect(),
    }
}

/// `enum scmp_compare`.
fn number(op: Operator) -> u32 {
    match op {
        Operator::NotEqual => 1,
        Operator::LessThan => 2,
        Operator::LessEqual => 3,
        Operator::Equal => 4,
        Operator::GreaterEqual => 5,
        Operator::GreaterThan => 6,
        Operator::MaskedEqual => 7,
    }
}

fn value(action: Action, errno: Option<u32>) -> u32 {
    match action {
        Action::Kill | Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Errno => 0x0005_0000 | errno.unwrap_or(1),
        Action::Notify => 0x7FC0_0000,
        Action::Trace => 0x7FF0_0000 | errno.unwrap_or(1),
        Action::Log => 0x7FFC_0000,
        Action::Allow => 0x7FFF_0000,
    }
}

/// Whether the two may differ about a call: it is younger than this libseccomp, or reached through
/// another one; or several rules with conditions and different actions are about it, whose order
/// libseccomp leaves open.
fn is_open(profile: &LinuxSeccomp, architecture: &Architecture, number: u32) -> bool {
    let is = |name: &str| architecture.number(name) == Some(number);
    let about = profile.syscalls.iter().filter(|rule| {
        let mut names = rule.names.iter();
        !rule.args.is_empty() && names.any(|name| is(name))
    });
    let mut actions: Vec<u32> = about
        .map(|rule| value(rule.action, rule.errno_ret))
        .collect();
    actions.dedup();
    is("socketcall") || is("ipc") || is("file_setattr") || actions.len() > 1
}

#[test]
fn libseccomp_decides_alike() {
    const ENOSYS: u32 = 0x0005_0026;
    let directory = tempfile::tempdir().unwrap();
    let Some(oracle) = oracle(directory.path()) else {
        return;
    };
    let mut random = Random::new(7);
    let mut compared = 0;
    for _ in 0..400 {
        let bytes: Vec<u8> = (0..512)
            .flat_map(|_| random.number().to_le_bytes())
            .collect();
        let Case { profile, calls } = case(&mut Unstructured::new(&bytes)).unwrap();
        let Some(theirs) = ask(&oracle, &profile) else {
            continue;
        };
        let ours = compile(&profile).unwrap();
        for (architecture, call) in calls {
            let (ours, _) = bpf::run(ours.instructions(), &call);
            let (theirs, _) = bpf::run(&theirs, &call);
            // That calls are not there which the profile does not know is runc's addition.
            if ours == ENOSYS || is_open(&profile, &architecture, call.number) {
                continue;
            }
            let words = words(&profile);
            assert_eq!(ours, theirs, "{call:?} of {}:\n{words}", architecture.name);
            compared += 1;
        }
    }
    println!("compared {compared} calls");
    assert!(compared > 2000, "{compared}");
}

#[test]
fn libseccomp_reads_the_default_profile_alike() {
    let directory = tempfile::tempdir().unwrap();
    let Some(oracle) = oracle(directory.path()) else {
        return;
    };
    let profile = default_profile(&capabilities::default_set());
    let theirs = ask(&oracle, &profile).unwrap();
    let ours = compile(&profile).unwrap();
    let names = profile.syscalls.iter().flat_map(|rule| &rule.names);
    // Of a newer kernel. x32 is left out: it lacks calls that no table says are missing.
    let names = names.filter(|name| *name != "uretprobe");
    for architecture in &ARCHITECTURES[..2] {
        let numbers = names.clone().filter_map(|name| architecture.number(name));
        // The newest that Debian's libseccomp knows.
        for number in numbers.filter(|number| number & 0xFFFF < 449) {
            for argument in [0, 1, 2, 40, 0x7E02_0000, 0x1000_0000, 0xFFFF_FFFF] {
                let call = Call {
                    number,
                    audit: architecture.audit,
                    arguments: [argument; 6],
                };
                let (ours, _) = bpf::run(ours.instructions(), &call);
                let (theirs, _) = bpf::run(&theirs, &call);
                assert_eq!(ours, theirs, "{call:?}");
            }
        }
    }
}
