//! What filters do: run by an interpreter over all operators and edges, by the kernel, and beside
//! those of libseccomp.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail with the test, and say why one was skipped"
)]

mod libseccomp;

use fuzz::bpf::{self, Call};
use fuzz::calls::{ARCHITECTURES, Architecture};
use rustix::io::Errno;
use spec::runtime::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};
use sys::seccomp::FilterFlags;
use wharf_runtime::capabilities;
use wharf_runtime::seccomp::{Program, compile, default_profile};

const ALLOW: u32 = 0x7FFF_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = ERRNO | 1;
const ENOSYS: u32 = ERRNO | 38;

/// What the kernel would do with a call of an architecture.
fn run(program: &Program, architecture: &Architecture, name: &str, arguments: [u64; 6]) -> u32 {
    let number = architecture.number(name).unwrap();
    run_number(program, architecture.audit, number, arguments)
}

fn run_number(program: &Program, audit: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let call = Call {
        number,
        audit,
        arguments,
    };
    bpf::run(program.instructions(), &call).0
}

fn profile(default_action: Action, syscalls: Vec<Syscall>) -> LinuxSeccomp {
    LinuxSeccomp {
        default_action,
        default_errno_ret: None,
        architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        syscalls,
    }
}

fn rule(name: &str, action: Action, args: Vec<SyscallArg>) -> Syscall {
    Syscall {
        names: vec![name.to_owned()],
        action,
        errno_ret: None,
        args,
    }
}

fn native(program: &Program, name: &str, arguments: [u64; 6]) -> u32 {
    run(program, &NATIVE, name, arguments)
}

const NATIVE: Architecture = ARCHITECTURES[0];
const X86: Architecture = ARCHITECTURES[1];
const X32: Architecture = ARCHITECTURES[2];
const COMPATIBLE: [Architecture; 3] = [NATIVE, X86, X32];

#[test]
fn every_operator_compares_all_64_bits() {
    let edges = [
        0,
        1,
        0xFFFF_FFFF,
        0x1_0000_0000,
        0x1_0000_0001,
        u64::MAX - 1,
        u64::MAX,
    ];
    let holds = |op, argument: u64, value: u64, two: u64| match op {
        Operator::NotEqual => argument != value,
        Operator::LessThan => argument < value,
        Operator::LessEqual => argument <= value,
        Operator::Equal => argument == value,
        Operator::GreaterEqual => argument >= value,
        Operator::GreaterThan => argument > value,
        Operator::MaskedEqual => argument & value == two & value,
    };
    for op in [
        Operator::NotEqual,
        Operator::LessThan,
        Operator::LessEqual,
        Operator::Equal,
        Operator::GreaterEqual,
        Operator::GreaterThan,
        Operator::MaskedEqual,
    ] {
        for value in edges {
            let value_two = value & 0x1_0000_0001;
            let args = vec![SyscallArg {
                index: 2,
                value,
                value_two,
                op,
            }];
            let rules = vec![rule("read", Action::Allow, args)];
            let program = compile(&profile(Action::Errno, rules)).unwrap();
            for argument in edges {
                let expected = if holds(op, argument, value, value_two) {
                    ALLOW
                } else {
                    EPERM
                };
                let found = native(&program, "read", [9, 9, argument, 9, 9, 9]);
                assert_eq!(found, expected, "{argument:#x} {op:?} {value:#x}");
            }
        }
    }
}

#[test]
fn all_conditions_must_hold_and_the_first_fitting_rule_counts() {
    let equal = |index, value| SyscallArg {
        index,
        value,
        value_two: 0,
        op: Operator::Equal,
    };
    let rules = vec![
        rule("read", Action::Trap, vec![equal(0, 1), equal(1, 2)]),
        rule("read", Action::Log, vec![equal(0, 1)]),
        rule("write", Action::Trap, vec![equal(0, 1)]),
        rule("write", Action::Allow, vec![]),
    ];
    let program = compile(&profile(Action::KillProcess, rules)).unwrap();
    assert_eq!(native(&program, "read", [1, 2, 0, 0, 0, 0]), 0x0003_0000);
    assert_eq!(native(&program, "read", [1, 3, 0, 0, 0, 0]), 0x7FFC_0000);
    assert_eq!(native(&program, "read", [2, 2, 0, 0, 0, 0]), KILL_PROCESS);
    // A rule without conditions wins, wherever it stands.
    assert_eq!(native(&program, "write", [1, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(run_number(&program, NATIVE.audit, 100_000, [0; 6]), ENOSYS);
}

#[test]
fn a_foreign_architecture_kills() {
    let program = compile(&profile(Action::Allow, Vec::new())).unwrap();
    assert_eq!(native(&program, "read", [0; 6]), ALLOW);
    assert_eq!(run_number(&program, 0x1234, 0, [0; 6]), KILL_PROCESS);
}

#[test]
fn the_default_profile_gives_every_call_of_every_architecture_its_fate() {
    let profile = default_profile(&capabilities::default_set());
    let program = compile(&profile).unwrap();
    let allowed: Vec<&String> = profile.syscalls[0].names.iter().collect();
    for architecture in &COMPATIBLE {
        let fate = |name, argument| {
            let number = architecture.number(name)?;
            let arguments = [argument, 0, 0, 0, 0, 0];
            Some(run_number(&program, architecture.audit, number, arguments))
        };
        for name in &allowed {
            assert!(
                matches!(fate(name, 0), None | Some(ALLOW)),
                "{} {name}",
                architecture.name
            );
        }
        for name in [
            "mount",
            "kexec_load",
            "init_module",
            "bpf",
            "keyctl",
            "io_uring_setup",
        ] {
            assert!(
                matches!(fate(name, 0), Some(EPERM)),
                "{} {name}",
                architecture.name
            );
        }
        assert_eq!(fate("clone3", 0), Some(ENOSYS));
        assert_eq!(fate("clone", 17), Some(ALLOW));
        assert_eq!(fate("clone", 0x1000_0000), Some(EPERM));
        assert_eq!(fate("socket", 1), Some(ALLOW));
        for family in [
            AF_VSOCK,
            1 << 32 | AF_VSOCK,
            u64::from(u32::MAX) << 32 | AF_VSOCK,
        ] {
            assert_eq!(fate("socket", family), Some(EPERM), "{family:#x}");
        }
        assert_eq!(fate("socket", AF_XDP), Some(ALLOW));
        assert_eq!(fate("personality", 1), Some(EPERM));
    }
}

const AF_VSOCK: u64 = 40;
const AF_XDP: u64 = 44;

#[test]
fn capabilities_open_their_calls() {
    let granted = capabilities::parse("SYS_ADMIN")
        .into_iter()
        .collect::<Vec<_>>();
    let program = compile(&default_profile(&granted)).unwrap();
    for name in ["mount", "clone3", "unshare", "lsm_list_modules"] {
        assert_eq!(native(&program, name, [0; 6]), ALLOW, "{name}");
    }
    assert_eq!(native(&program, "reboot", [0; 6]), EPERM);
}

/// Kernels since 5.11 keep a map of the calls that are always allowed and do not run the filter for
/// them; on older ones each call takes these steps.
#[test]
fn a_search_takes_few_steps() {
    let profile = default_profile(&capabilities::default_set());
    let program = compile(&profile).unwrap();
    let length = program.instructions().len();
    assert!(length < 600, "{length}");
    let names = profile.syscalls.iter().filter(|rule| rule.args.is_empty());
    for name in names.flat_map(|rule| &rule.names) {
        let Some(number) = NATIVE.number(name) else {
            continue;
        };
        let call = Call {
            number,
            audit: NATIVE.audit,
            arguments: [0; 6],
        };
        let (_, steps) = bpf::run(program.instructions(), &call);
        assert!(steps <= 12, "{name} takes {steps} of {length} instructions");
    }
}

#[test]
fn what_is_unknown_is_named() {
    let with = |change: fn(&mut LinuxSeccomp)| {
        let mut profile = profile(Action::Allow, Vec::new());
        change(&mut profile);
        compile(&profile).unwrap_err().to_string()
    };
    assert!(with(|p| p.architectures = vec!["SCMP_ARCH_VAX".into()]).contains("VAX"));
    assert!(with(|p| p.flags = Some(vec!["FLAG_X".into()])).contains("FLAG_X"));
    assert!(with(|p| p.default_action = Action::Notify).contains("NOTIFY"));
    assert!(with(|p| p.default_errno_ret = Some(1)).contains("defaultErrnoRet"));
    let args = vec![SyscallArg {
        index: 6,
        value: 0,
        value_two: 0,
        op: Operator::Equal,
    }];
    let sixth = compile(&profile(
        Action::Allow,
        vec![rule("read", Action::Log, args)],
    ));
    assert!(sixth.unwrap_err().to_string().contains("argument 6"));
}

/// Sockets and System V IPC of programs of 32 bits go through other calls.
#[test]
fn calls_behind_other_calls_have_the_same_fate() {
    let mut denying = profile(Action::Allow, vec![rule("socket", Action::Errno, vec![])]);
    denying.syscalls.push(rule("shmat", Action::Errno, vec![]));
    denying.architectures = vec!["SCMP_ARCH_X86".to_owned()];
    let program = compile(&denying).unwrap();
    assert_eq!(run(&program, &X86, "socket", [0; 6]), EPERM);
    assert_eq!(run(&program, &X86, "socketcall", [1, 0, 0, 0, 0, 0]), EPERM);
    assert_eq!(run(&program, &X86, "socketcall", [2, 0, 0, 0, 0, 0]), ALLOW);
    for version in [0, 1 << 16] {
        let arguments = [version | 21, 0, 0, 0, 0, 0];
        assert_eq!(run(&program, &X86, "ipc", arguments), EPERM);
    }
    // The family is behind a pointer: none of these sockets can be let through, or all are refused.
    let family = SyscallArg {
        index: 0,
        value: AF_VSOCK,
        value_two: 0,
        op: Operator::Equal,
    };
    for (default, action, expected) in [
        (Action::Allow, Action::Errno, EPERM),
        (Action::Errno, Action::Allow, EPERM),
    ] {
        let mut profile = profile(default, vec![rule("socket", action, vec![family.clone()])]);
        profile.architectures = vec!["SCMP_ARCH_X86".to_owned()];
        // So that socketcall is not newer than all others.
        profile.syscalls.push(rule("statx", Action::Log, vec![]));
        let program = compile(&profile).unwrap();
        assert_eq!(
            run(&program, &X86, "socketcall", [1, 0, 0, 0, 0, 0]),
            expected
        );
    }
}

/// The private calls of ARM have large numbers, which do not make all below them known.
#[test]
fn arms_private_calls_are_no_newer_calls() {
    let mut profile = default_profile(&[]);
    profile.architectures = vec!["SCMP_ARCH_ARM".to_owned()];
    let program = compile(&profile).unwrap();
    const ARM: u32 = 0x4000_0028;
    assert_eq!(run_number(&program, ARM, 0xF0005, [0; 6]), ALLOW);
    assert_eq!(run_number(&program, ARM, 0xF0004, [0; 6]), EPERM);
    assert_eq!(run_number(&program, ARM, 1000, [0; 6]), ENOSYS);
}

/// Architectures whose programs no kernel runs that wharf is built for are known by name.
#[test]
fn every_architecture_of_the_specification_is_known() {
    let names = "X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC \
        PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB";
    let mut profile = default_profile(&[]);
    profile.architectures = names
        .split_whitespace()
        .map(|name| format!("SCMP_ARCH_{name}"))
        .collect();
    let program = compile(&profile).unwrap();
    for architecture in &ARCHITECTURES {
        let arguments = [0; 6];
        assert_eq!(
            run(&program, architecture, "read", arguments),
            ALLOW,
            "{architecture:?}"
        );
    }
    const PARISC: u32 = 15;
    assert_eq!(run_number(&program, PARISC, 3, [0; 6]), KILL_PROCESS);
}

/// The kernel takes the filter and obeys it; filters belong to threads, so that this one's end
/// takes it away.
#[test]
fn the_kernel_obeys_the_filter() {
    let mut profile = default_profile(&[]);
    let mut denied = rule("getpriority", Action::Errno, Vec::new());
    denied.errno_ret = Some(13);
    profile.syscalls.insert(0, denied);
    let program = compile(&profile).unwrap();
    let thread = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        sys::seccomp::load(program.instructions(), FilterFlags::empty()).unwrap();
        let denied = rustix::process::getpriority_user(rustix::process::Uid::ROOT);
        let file = std::fs::read("/proc/self/comm");
        (denied, rustix::process::getpriority_process(None), file)
    });
    let (user, process, file) = thread.join().unwrap();
    assert_eq!((user, process), (Err(Errno::ACCESS), Err(Errno::ACCESS)));
    assert!(file.is_ok());
}
