//! The floor under every container engine: the smallest program that makes the same namespaces,
//! mounts and cgroups as a container of ours, executes a program in them, waits and removes the
//! cgroups. It parses no configuration, drops no right, filters no system call and writes no
//! record, so what it costs, the kernel costs. `cargo xtask bench` measures everything against it.
//!
//! `floor run [--user] ROOTFS CGROUP PROGRAM ARGUMENTS…`
//! `floor exec CGROUP PID PROGRAM ARGUMENTS…`
//! `floor unpack DIRECTORY BLOB…`

mod cgroups;
mod mounts;
mod unpack;

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitOptions};
use rustix::thread::ThreadNameSpaceType;
use sys::clone::{Clone, Namespaces, clone3};

use cgroups::Cgroups;

/// What went wrong, and why.
type Failure = (String, Errno);

/// Where the ids of a container's user namespace begin on the host. Beyond what any engine or
/// any account uses; nothing is written to disk with them.
const FIRST_ID: u32 = 0x7000_0000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["run", "--user", root, cgroup, program @ ..] => run(root, cgroup, program, true),
        ["run", root, cgroup, program @ ..] => run(root, cgroup, program, false),
        ["unpack", directory, blobs @ ..] => unpack::unpack(directory, blobs)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| {
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                (format!("unpacking: {error}"), errno)
            }),
        ["exec", cgroup, pid, program @ ..] => exec(cgroup, pid, program),
        _ => Err(("usage: floor run|exec …".to_owned(), Errno::INVAL)),
    };
    outcome.unwrap_or_else(|(what, errno)| {
        eprintln!("floor: {what}: {errno}");
        ExitCode::from(125)
    })
}

/// A new container over the directory `root`; with a user namespace if `user`.
fn run(root: &str, cgroup: &str, program: &[&str], user: bool) -> Result<ExitCode, Failure> {
    let program = Program::new(program)?;
    let cgroups = Cgroups::make(cgroup)?;
    let (ready, go) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at("pipe")?;
    // The cgroup namespace comes later: its root is where the process is as it is made.
    let mut namespaces = Namespaces::all() - Namespaces::CGROUP - Namespaces::TIME;
    if !user {
        namespaces.remove(Namespaces::USER);
    }
    let request = Clone {
        namespaces,
        into_cgroup: cgroups.clone_into(),
        as_sibling: false,
    };
    let child = clone3(&request, || {
        let ready = user.then_some(&ready);
        report(child_of_run(Path::new(root), &cgroups, &program, ready));
    })
    .at("clone3")?;
    if user {
        map_ids(child.pid)?;
        rustix::io::write(&go, b"0").at("letting the child go")?;
    }
    let code = wait(child.pid)?;
    cgroups.remove()?;
    Ok(code)
}

fn child_of_run(
    root: &Path,
    cgroups: &Cgroups,
    program: &Program,
    ready: Option<&OwnedFd>,
) -> Failure {
    let steps = || {
        cgroups.join()?;
        sys::unshare::unshare(Namespaces::CGROUP).at("the cgroup namespace")?;
        if let Some(ready) = ready {
            rustix::io::read(ready, &mut [0; 1]).at("waiting for the id maps")?;
            become_root()?;
        }
        mounts::build(root, cgroups, ready.is_none())?;
        rustix::system::sethostname(b"floor").at("sethostname")
    };
    steps().map_or_else(|failure| failure, |()| program.execute())
}

/// One more program in the container whose first process is `pid`.
fn exec(cgroup: &str, pid: &str, program: &[&str]) -> Result<ExitCode, Failure> {
    let program = Program::new(program)?;
    let cgroups = Cgroups::open(cgroup)?;
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(("PID".to_owned(), Errno::INVAL))?;
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).at("pidfd_open")?;
    // Who joins a pid namespace is not in it, only its children are: join, then clone.
    join(&pidfd, ThreadNameSpaceType::PROCESS_ID)?;
    let request = Clone {
        into_cgroup: cgroups.clone_into(),
        ..Clone::default()
    };
    let child = clone3(&request, || {
        let others = ThreadNameSpaceType::MOUNT
            | ThreadNameSpaceType::NETWORK
            | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
            | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
            | ThreadNameSpaceType::CONTROL_GROUP;
        let joined = cgroups.join().and_then(|()| join(&pidfd, others));
        report(joined.map_or_else(|failure| failure, |()| program.execute()));
    })
    .at("clone3")?;
    wait(child.pid)
}

fn join(pidfd: &OwnedFd, namespaces: ThreadNameSpaceType) -> Result<(), Failure> {
    rustix::thread::move_into_thread_name_spaces(pidfd.as_fd(), namespaces).at("setns")
}

/// Says what failed in the child, whose end tells the parent.
fn report((what, errno): Failure) {
    eprintln!("floor: {what}: {errno}");
}

fn map_ids(child: Pid) -> Result<(), Failure> {
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{}/{file}", child.as_raw_nonzero());
        std::fs::write(&path, format!("0 {FIRST_ID} 65536")).at(&path)?;
    }
    Ok(())
}

fn become_root() -> Result<(), Failure> {
    let (uid, gid) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    rustix::thread::set_thread_res_gid(gid, gid, gid).at("setresgid")?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).at("setresuid")
}

fn wait(child: Pid) -> Result<ExitCode, Failure> {
    let end = rustix::process::waitpid(Some(child), WaitOptions::empty()).at("waitpid")?;
    let code = end.and_then(|(_, status)| status.exit_status());
    Ok(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255),
    ))
}

/// What to execute, in the form the kernel takes.
struct Program {
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    fn new(words: &[&str]) -> Result<Self, Failure> {
        let arguments: Result<Vec<CString>, _> = words.iter().map(|w| CString::new(*w)).collect();
        match arguments {
            Ok(arguments) if !arguments.is_empty() => Ok(Program {
                arguments,
                environment: vec![c"PATH=/bin".to_owned()],
            }),
            _ => Err(("PROGRAM".to_owned(), Errno::INVAL)),
        }
    }

    /// Comes back only with the reason why not.
    fn execute(&self) -> Failure {
        let errno = sys::exec::execve(&self.arguments[0], &self.arguments, &self.environment);
        ("execve".to_owned(), errno)
    }
}

/// Names the step that failed.
trait At<T> {
    fn at(self, step: &str) -> Result<T, Failure>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: &str) -> Result<T, Failure> {
        self.map_err(|errno| (step.to_owned(), errno))
    }
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, step: &str) -> Result<T, Failure> {
        self.map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            (step.to_owned(), errno)
        })
    }
}
