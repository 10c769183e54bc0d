//! Filters run by a small interpreter over all operators and edges, and by the kernel.

use spec::runtime::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};

use super::super::default_profile;
use super::*;
use crate::capabilities;

const ALLOW: u32 = 0x7FFF_0000;
const EPERM: u32 = ERRNO | 1;

/// What the kernel's interpreter would return for a call.
fn run(program: &Program, audit: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = [number, audit, 0, 0].to_vec();
    for argument in arguments {
        let (high, low) = words(argument);
        data.extend([low, high]);
    }
    let (mut pc, mut accumulator) = (0usize, 0u32);
    loop {
        let Instruction { code, jt, jf, k } = program.instructions[pc];
        pc += 1;
        let holds = match code {
            0x06 => return k,
            0x20 => {
                accumulator = data[k as usize / 4];
                continue;
            }
            0x54 => {
                accumulator &= k;
                continue;
            }
            0x05 => {
                pc += k as usize;
                continue;
            }
            0x15 => accumulator == k,
            0x25 => accumulator > k,
            0x35 => accumulator >= k,
            other => panic!("unknown instruction {other:#x}"),
        };
        pc += usize::from(if holds { jt } else { jf });
    }
}

fn profile(default_action: Action, syscalls: Vec<Syscall>) -> LinuxSeccomp {
    LinuxSeccomp {
        default_action,
        default_errno_ret: None,
        architectures: Vec::new(),
        flags: Vec::new(),
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
    let number = Numbers::of(Architecture::NATIVE).get(name).unwrap();
    run(program, Architecture::NATIVE.audit(), number, arguments)
}

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
        Operator::MaskedEqual => argument & value == two,
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
        rule("read", Action::Allow, vec![]),
    ];
    let program = compile(&profile(Action::KillProcess, rules)).unwrap();
    assert_eq!(native(&program, "read", [1, 2, 0, 0, 0, 0]), 0x0003_0000);
    assert_eq!(native(&program, "read", [1, 3, 0, 0, 0, 0]), 0x7FFC_0000);
    assert_eq!(native(&program, "read", [2, 2, 0, 0, 0, 0]), ALLOW);
    assert_eq!(
        run(&program, Architecture::NATIVE.audit(), 100_000, [0; 6]),
        ENOSYS
    );
}

#[test]
fn a_foreign_architecture_kills() {
    let program = compile(&profile(Action::Allow, Vec::new())).unwrap();
    assert_eq!(native(&program, "read", [0; 6]), ALLOW);
    assert_eq!(run(&program, 0x1234, 0, [0; 6]), KILL_PROCESS);
}

#[test]
fn the_default_profile_gives_every_call_of_every_architecture_its_fate() {
    let profile = default_profile(&capabilities::default_set());
    let program = compile(&profile).unwrap();
    let allowed: Vec<&String> = profile.syscalls[0].names.iter().collect();
    for architecture in Architecture::COMPATIBLE {
        let numbers = Numbers::of(*architecture);
        let fate = |name, argument| {
            let number = numbers.get(name)?;
            Some(run(
                &program,
                architecture.audit(),
                number,
                [argument, 0, 0, 0, 0, 0],
            ))
        };
        for name in &allowed {
            assert!(
                matches!(fate(name, 0), None | Some(ALLOW)),
                "{architecture:?} {name}"
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
                "{architecture:?} {name}"
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

#[test]
fn a_search_takes_few_steps() {
    let program = compile(&default_profile(&capabilities::default_set())).unwrap();
    assert!(
        program.instructions.len() < 1500,
        "{}",
        program.instructions.len()
    );
}

#[test]
fn what_is_unknown_is_named() {
    let with = |change: fn(&mut LinuxSeccomp)| {
        let mut profile = profile(Action::Allow, Vec::new());
        change(&mut profile);
        compile(&profile).unwrap_err().to_string()
    };
    assert!(with(|p| p.architectures = vec!["SCMP_ARCH_VAX".into()]).contains("VAX"));
    assert!(with(|p| p.flags = vec!["FLAG_X".into()]).contains("FLAG_X"));
    assert!(with(|p| p.default_action = Action::Notify).contains("NOTIFY"));
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

/// The kernel takes the filter and obeys it; filters belong to threads, so that this one's end
/// takes it away.
#[test]
fn the_kernel_obeys_the_filter() {
    let mut profile = default_profile(&[]);
    profile
        .syscalls
        .insert(0, rule("getpriority", Action::Errno, Vec::new()));
    let program = compile(&profile).unwrap();
    let thread = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        program.load().unwrap();
        let denied = rustix::process::getpriority_user(rustix::process::Uid::ROOT);
        (
            denied,
            rustix::process::getpriority_process(None),
            std::fs::read("/proc/self/comm"),
        )
    });
    let (user, process, file) = thread.join().unwrap();
    assert_eq!((user, process), (Err(Errno::PERM), Err(Errno::PERM)));
    assert!(file.is_ok());
}
