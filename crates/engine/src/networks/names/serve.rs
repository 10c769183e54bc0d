//! The process itself: it gives up what it does not need before it looks at the first question, for
//! those come from containers.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use spec::runtime::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};
use sys::seccomp::FilterFlags;

use super::facts::Facts;
use crate::{Error, Paths};

/// Fds for questions that were handed on, and connections.
const FDS: u64 = 4096;

/// Answers for the network with this id until nobody is left in it. `lock` says that this process
/// is there.
///
/// # Errors
/// Nobody is there to be told; the next command starts another one.
pub fn serve_names(
    data: &Path,
    run: &Path,
    id: &str,
    lock: OwnedFd,
    sockets: Vec<OwnedFd>,
) -> Result<(), Error> {
    let paths = Paths {
        data: data.to_owned(),
        run: run.to_owned(),
        executable: Default::default(),
    };
    let failed = |errno| {
        Error::io(
            "serving the names of",
            &run.join("networks").join(id),
            errno,
        )
    };
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(FDS.min(most)),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, limit).map_err(failed)?;
    let mut facts = Facts::new(paths, id)?;
    give_up_rights().map_err(failed)?;
    load_filter().map_err(failed)?;
    let served = dns::serve(sockets, &mut facts).map_err(failed);
    // Whoever leases an address next waits for the facts, and must then find this lock free.
    drop(lock);
    drop(facts);
    served
}

/// Nothing is left but what files grant to their owner.
fn give_up_rights() -> Result<(), Errno> {
    set_no_new_privs(true)?;
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        match capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability)?,
            Ok(false) => {}
            // Beyond the last one of this kernel.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
}

/// What the process calls; files it opens for reading alone.
const CALLS: &[&str] = &[
    "accept4",
    "brk",
    "clock_gettime",
    "close",
    "connect",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "exit",
    "exit_group",
    "fcntl",
    "flock",
    "fstat",
    "futex",
    "getdents64",
    "getpid",
    "getrandom",
    "getsockopt",
    "gettid",
    "inotify_add_watch",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "poll",
    "pread64",
    "read",
    "readlink",
    "readlinkat",
    "recvfrom",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_yield",
    "sendto",
    "sigaltstack",
    "statx",
    "tgkill",
    "write",
];

/// The flags of an opening that leads to writing.
const WRITES: OFlags = OFlags::WRONLY
    .union(OFlags::RDWR)
    .union(OFlags::CREATE)
    .union(OFlags::TRUNC);

/// The families of sockets.
const FAMILIES: [AddressFamily; 2] = [AddressFamily::INET, AddressFamily::INET6];

/// Lets nothing through that the process has no use for.
fn load_filter() -> Result<(), Errno> {
    let allow = |names: &[&str], args: Vec<SyscallArg>| Syscall {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        action: Action::Allow,
        errno_ret: None,
        args,
    };
    let reads = SyscallArg {
        index: 2,
        value: WRITES.bits().into(),
        value_two: 0,
        op: Operator::MaskedEqual,
    };
    let mut syscalls = vec![allow(CALLS, Vec::new()), allow(&["openat"], vec![reads])];
    syscalls.extend(FAMILIES.map(|family| {
        let is_family = SyscallArg {
            index: 0,
            value: family.as_raw().into(),
            value_two: 0,
            op: Operator::Equal,
        };
        allow(&["socket"], vec![is_family])
    }));
    let profile = LinuxSeccomp {
        default_action: Action::Errno,
        default_errno_ret: None,
        architectures: Vec::new(),
        flags: Some(Vec::new()),
        listener_path: None,
        listener_metadata: None,
        syscalls,
    };
    let program = runtime::seccomp::compile(&profile).map_err(|_| Errno::INVAL)?;
    sys::seccomp::load(program.instructions(), FilterFlags::empty()).map(drop)
}
