//! The container's init, from the clone to `execve`: a list of named steps. It never returns; what
//! fails is told to the parent with the step's name.
//!
//! The process was cloned from a single-threaded one, so ordinary Rust works here; it holds the
//! plan in the memory it shares no more with its parent.

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Signal;
use rustix::thread::CapabilitySet;

use super::Step;
use sys::signals::SignalSet;

use super::protocol::{FromInit, FromParent, expect_from_parent, tell_parent};
use crate::error::{Doing, Fault};
use crate::plan::{Container, Plan};
use crate::stdio::Stdio;
use crate::terminal::{self, Terminal};
use crate::{
    capabilities, credentials, environment, executable, hooks, namespaces, rlimits, rootfs, sysctl,
};

/// What init gets beside its plan.
pub(crate) struct Init<'a> {
    pub(crate) plan: &'a Plan<'a>,
    /// The conversation with the parent.
    pub(crate) socket: &'a OwnedFd,
    pub(crate) stdio: &'a Stdio,
    /// Files into which init writes itself to join its cgroups.
    pub(crate) cgroups: &'a [OwnedFd],
    /// Where `start` comes through when the parent is gone by then.
    pub(crate) fifo: Option<&'a OwnedFd>,
}

/// A failure and where.
type Failed = (Step, Fault);

trait At<T> {
    fn at(self, step: Step) -> Result<T, Failed>;
}

impl<T> At<T> for Result<T, Fault> {
    fn at(self, step: Step) -> Result<T, Failed> {
        self.map_err(|fault| (step, fault))
    }
}

impl Init<'_> {
    /// Does every step and executes the program.
    pub(crate) fn run(&self) -> Infallible {
        let (step, fault) = match self.steps() {
            Err(failed) => failed,
            Ok(never) => match never {},
        };
        let code = if step == Step::Execute && fault.errno == Errno::NOENT {
            127
        } else {
            126
        };
        let _ = tell_parent(self.socket, &FromInit::Failed { step, fault });
        sys::exec::exit_now(code)
    }

    fn steps(&self) -> Result<Infallible, Failed> {
        self.hear(FromParent::Go, Step::Parent)?;
        let labels = self.plan.labels.open().at(Step::Labels)?;
        self.join_cgroups().at(Step::Cgroup)?;
        self.enter_namespaces().at(Step::Namespaces)?;
        if self.plan.bare.is_none() {
            rustix::process::setsid()
                .doing(|| "leading a session".into())
                .at(Step::Session)?;
            self.join_keyring().at(Step::Session)?;
        }
        let terminal = match &self.plan.container {
            Some(container) => self.build(container)?,
            None => {
                self.settle_bare()?;
                if let Some(root) = &self.plan.joins_root {
                    rootfs::on_host::enter(root.as_fd()).at(Step::PivotRoot)?;
                }
                self.open_terminal(current_root().at(Step::Terminal)?.as_fd())?
            }
        };
        self.set_streams(terminal.as_ref()).at(Step::Terminal)?;
        drop(terminal);
        self.plan.labels.apply(&labels).at(Step::Labels)?;
        drop(labels);
        // Before the limit of open files is the program's.
        self.let_go().at(Step::Start)?;
        rlimits::apply(&self.plan.process.rlimits).at(Step::Rlimits)?;
        self.plan.own_scheduling.apply().at(Step::Scheduling)?;
        let entered = self.enter_working_directory();
        if self.plan.bare.is_none() {
            self.take_on_credentials().at(Step::Credentials)?;
        }
        self.tie_to_parent().at(Step::Credentials)?;
        if matches!(&entered, Err(fault) if is_denied(fault)) {
            // The user may have rights there that the container's root has not (a directory of a
            // user on a network file system).
            self.enter_working_directory().at(Step::WorkingDirectory)?;
        } else {
            entered.at(Step::WorkingDirectory)?;
        }
        let program = self.find_program().at(Step::Execute)?;
        let head = executable::head(&program);
        // Looked for while no filter stands in the way.
        let environment = self.environment();
        self.heed_signals().at(Step::Start)?;
        // Whoever decides about calls is told now, since the parent may be gone at the start.
        let filter = self.plan.seccomp.as_ref();
        let is_asked = filter.is_some_and(|filter| filter.listener.is_some());
        if is_asked {
            self.restrict()?;
        }
        tell_parent(self.socket, &FromInit::Ready)
            .doing(|| "saying that all is ready".into())
            .at(Step::Start)?;
        self.wait_for_start().at(Step::Start)?;
        if !is_asked {
            self.restrict()?;
        }
        if let Some(container) = &self.plan.container {
            // The image's, as a rule: the filter is for them, too.
            hooks::start_container(container.config, &container.state, &environment)
                .at(Step::Hooks)?;
        }
        Err((Step::Execute, self.execute(&program, &head, &environment)))
    }

    fn hear(&self, message: FromParent, step: Step) -> Result<Vec<OwnedFd>, Failed> {
        expect_from_parent(self.socket, message)
            .doing(|| format!("waiting for the parent's {message:?}"))
            .at(step)
    }

    /// Everything that makes the container; gives back its terminal.
    fn build(&self, container: &Container<'_>) -> Result<Option<Terminal>, Failed> {
        let config = container.config;
        set_names(config).at(Step::HostName)?;
        if self
            .plan
            .namespaces
            .create
            .contains(sys::clone::Namespaces::NET)
        {
            loopback()?;
        }
        // What is made gets the mode that is asked for, whatever the caller's mask.
        let mask = rustix::process::umask(Mode::empty());
        let own = container.root.prepare().at(Step::RootFs)?;
        let sent = self.hear(FromParent::Mounts, Step::RootFs)?;
        let built = container.root.build(own, sent).at(Step::RootFs)?;
        let root = &built.root;
        let terminal = self.open_terminal(root.as_fd())?;
        if let Some(terminal) = &terminal {
            terminal::bind_console(root.as_fd(), terminal.slave.as_fd()).at(Step::Terminal)?;
        }
        built.close().at(Step::RootFs)?;
        if let Some(linux) = &config.linux {
            sysctl::apply(&linux.sysctl).at(Step::Sysctl)?;
        }
        let (masked, readonly) = (container.root.masked, container.root.readonly_paths);
        rootfs::mask(root.as_fd(), masked, readonly).at(Step::MaskedPaths)?;
        rustix::process::umask(mask);
        self.run_hooks(container, root.as_fd())?;
        if container.root.shares_mounts {
            rootfs::on_host::enter(root.as_fd()).at(Step::PivotRoot)?;
        } else if container.root.no_pivot {
            rootfs::pivot_root::move_root(root.as_fd()).at(Step::PivotRoot)?;
        } else {
            rootfs::pivot_root::pivot_root(root.as_fd(), container.root.shares())
                .at(Step::PivotRoot)?;
        }
        container.root.close_off().at(Step::PivotRoot)?;
        Ok(terminal)
    }

    /// What a program without a container gets.
    fn settle_bare(&self) -> Result<(), Failed> {
        let Some(bare) = &self.plan.bare else {
            return Ok(());
        };
        if self
            .plan
            .namespaces
            .create
            .contains(sys::clone::Namespaces::NET)
        {
            loopback()?;
        }
        if let Some(directory) = bare.chroot {
            rootfs::bare::chroot(directory).at(Step::PivotRoot)?;
        }
        if bare.fresh_proc {
            rootfs::bare::fresh_proc().at(Step::RootFs)?;
        }
        Ok(())
    }

    /// The parent runs the hooks of the host's side, then init those of the container's side.
    fn run_hooks(&self, container: &Container<'_>, root: BorrowedFd<'_>) -> Result<(), Failed> {
        if !hooks::before_pivot(container.config) {
            return Ok(());
        }
        tell_parent(self.socket, &FromInit::RunHooks)
            .doing(|| "asking for the hooks".into())
            .at(Step::Hooks)?;
        self.hear(FromParent::HooksDone, Step::Hooks)?;
        // They stand in the new root, as with runc.
        rustix::process::fchdir(root)
            .doing(|| "entering the new root".to_owned())
            .at(Step::Hooks)?;
        hooks::create_container(container.config, &container.state).at(Step::Hooks)
    }

    /// cgroup v1: the only thread moves itself, which does not wait for all others of the host.
    fn join_cgroups(&self) -> Result<(), Fault> {
        for tasks in self.cgroups {
            rustix::io::write(tasks, b"0").doing(|| "joining a cgroup".to_owned())?;
        }
        Ok(())
    }

    /// Keys of whoever calls us are not the container's. Some kernels have none.
    fn join_keyring(&self) -> Result<(), Fault> {
        let Some(name) = &self.plan.keyring else {
            return Ok(());
        };
        match sys::keyring::join_session(name) {
            Ok(()) | Err(Errno::NOSYS | Errno::PERM) => Ok(()),
            Err(errno) => Err(Fault::new("making a session keyring", errno)),
        }
    }

    fn enter_namespaces(&self) -> Result<(), Fault> {
        let namespaces = &self.plan.namespaces;
        if !namespaces.by_child().is_empty() {
            namespaces::unshare(namespaces.by_child())?;
        }
        namespaces.enter_rest()?;
        let container = self.plan.container.as_ref();
        if let Some(linux) = container.and_then(|c| c.config.linux.as_ref()) {
            // Before the ids change: after that, our files in /proc are somebody else's.
            namespaces::set_time_offsets(&linux.time_offsets)?;
        }
        if namespaces.has_user() {
            become_root_inside()?;
        }
        Ok(())
    }

    fn open_terminal(&self, root: BorrowedFd<'_>) -> Result<Option<Terminal>, Failed> {
        if !self.stdio.is_terminal() {
            return Ok(None);
        }
        let mut terminal =
            terminal::open(root, self.plan.process.console_size).at(Step::Terminal)?;
        if matches!(self.stdio, Stdio::RelayedTerminal) {
            terminal::leave_line_feeds(&terminal).at(Step::Terminal)?;
        }
        let user = self.plan.process.user.uid;
        let owner = rustix::fs::Uid::from_raw(user);
        rustix::fs::fchown(&terminal.slave, Some(owner), None)
            .doing(|| format!("giving the terminal to user {user}"))
            .at(Step::Terminal)?;
        let message = FromInit::Terminal(terminal.master);
        tell_parent(self.socket, &message)
            .doing(|| "handing out the terminal".into())
            .at(Step::Terminal)?;
        let FromInit::Terminal(master) = message else {
            return Ok(None);
        };
        terminal.master = master;
        Ok(Some(terminal))
    }

    fn set_streams(&self, terminal: Option<&Terminal>) -> Result<(), Fault> {
        match (self.stdio, terminal) {
            (_, Some(terminal)) => terminal::take(&terminal.slave)?,
            (
                Stdio::Fds {
                    stdin,
                    stdout,
                    stderr,
                },
                None,
            ) => {
                terminal::use_as_streams(stdin.as_fd(), stdout.as_fd(), stderr.as_fd())?;
            }
            (Stdio::Inherit | Stdio::Terminal | Stdio::RelayedTerminal, None) => {}
        }
        if self.plan.bare.is_none() {
            terminal::use_own_null()?;
        }
        let streams = [
            rustix::stdio::stdin(),
            rustix::stdio::stdout(),
            rustix::stdio::stderr(),
        ];
        credentials::give_streams(self.plan.process.user.uid, streams);
        Ok(())
    }

    fn enter_working_directory(&self) -> Result<(), Fault> {
        let path = &self.plan.process.cwd;
        match change_directory(path) {
            // The image need not have it, as with Docker.
            Err(Errno::NOENT) if self.plan.container.is_some() => {
                let mut directories = std::fs::DirBuilder::new();
                let made = directories.recursive(true).mode(0o755).create(path);
                made.doing(|| format!("making {}", path.display()))?;
                change_directory(path)
            }
            other => other,
        }
        .doing(|| format!("entering the working directory {}", path.display()))?;
        // A working directory outside of the root would be a way out (CVE-2024-21626). The kernel
        // names one that cannot be reached with a word before its path.
        let clause = || {
            let path = path.display();
            format!("the working directory {path} is outside of the container")
        };
        let entered = rustix::process::getcwd(Vec::new()).doing(clause)?;
        match entered.to_bytes().first() {
            Some(b'/') => Ok(()),
            _ => Err(Fault::new(clause(), Errno::NOENT)),
        }
    }

    fn tie_to_parent(&self) -> Result<(), Fault> {
        if self.plan.dies_with_parent {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
                .doing(|| "tying the container to its monitor".to_owned())?;
        }
        Ok(())
    }

    /// Without arguments there is nothing to find, and nothing will be started.
    fn find_program(&self) -> Result<CString, Fault> {
        let Some(name) = self.plan.argv.first() else {
            return Ok(CString::default());
        };
        executable::find(name, &self.plan.envp)
            .map_err(|missing| Fault::new(missing.why, missing.errno))
    }

    /// The environment with the HOME of the container's user database; a bare program has its own.
    fn environment(&self) -> Vec<CString> {
        let mut environment = self.plan.envp.clone();
        if self.plan.bare.is_none() {
            let user = self.plan.process.user.uid;
            environment.extend(environment::missing_home(&self.plan.envp, user));
        }
        environment
    }

    /// Who enters a container that waits for its start can look through the descriptors of its init
    /// (CVE-2024-21626): nothing is left open that leads to the host.
    fn let_go(&self) -> Result<(), Fault> {
        let kept: Vec<BorrowedFd<'_>> = std::iter::once(self.socket.as_fd())
            .chain(self.fifo.map(AsFd::as_fd))
            .collect();
        sys::fds::close_all_but(3 + self.plan.preserve_fds, &kept)
            .doing(|| "closing file descriptors".to_owned())
    }

    /// What asks a program to end asks the container that waits for its program, too.
    fn heed_signals(&self) -> Result<(), Fault> {
        if self.fifo.is_none() {
            return Ok(());
        }
        let ending: Vec<i32> = ["TERM", "INT", "HUP", "QUIT"]
            .iter()
            .filter_map(|name| sys::signals::signal_number(name))
            .collect();
        sys::signals::end_on(&ending).doing(|| "heeding signals".to_owned())
    }

    fn wait_for_start(&self) -> Result<(), Fault> {
        let clause = || "waiting for the start".to_owned();
        let Some(fifo) = self.fifo else {
            return expect_from_parent(self.socket, FromParent::Start)
                .doing(clause)
                .map(|_| ());
        };
        let mut byte = [0u8; 1];
        loop {
            match rustix::io::read(fifo, &mut byte) {
                Err(Errno::INTR) => {}
                other => return other.doing(clause).map(|_| ()),
            }
        }
    }

    /// Without `no_new_privs`, loading the filter takes a right that the program may not have.
    fn take_on_credentials(&self) -> Result<(), Fault> {
        let process = self.plan.process;
        let kept = if self.plan.seccomp.is_some() && !process.no_new_privileges {
            CapabilitySet::SYS_ADMIN
        } else {
            CapabilitySet::empty()
        };
        credentials::take_on(&process.user, self.plan.capabilities.as_ref(), kept)
    }

    /// The last thing before `execve`: the filter is the program's and need not allow what we do.
    fn restrict(&self) -> Result<(), Failed> {
        self.settle().at(Step::Execute)?;
        self.load_seccomp().at(Step::Seccomp)
    }

    fn load_seccomp(&self) -> Result<(), Fault> {
        let no_new_privileges = self.plan.process.no_new_privileges;
        if no_new_privileges {
            rustix::thread::set_no_new_privs(true).doing(|| "setting no_new_privs".to_owned())?;
        }
        let Some(filter) = &self.plan.seccomp else {
            return Ok(());
        };
        let clause = || "loading the filter".to_owned();
        if !no_new_privileges {
            capabilities::raise(CapabilitySet::SYS_ADMIN).doing(clause)?;
        }
        match filter.program.load().doing(clause)? {
            Some(listener) => tell_parent(self.socket, &FromInit::Listener(listener))
                .doing(|| "handing out the filter's listener".to_owned()),
            None => Ok(()),
        }
    }

    /// The program's environment: a program without a container has the caller's as it is.
    /// What the program must not inherit of ours: file descriptors and ways with signals.
    fn settle(&self) -> Result<(), Fault> {
        // Nothing of ours may be inherited, whoever forgot a flag (CVE-2024-21626).
        let keep = 3 + self.plan.preserve_fds;
        sys::fds::close_range_cloexec(keep).doing(|| "closing file descriptors".to_owned())?;
        sys::signals::reset_dispositions();
        let mask = if self.plan.blocks_signals {
            SignalSet::all()
        } else {
            SignalSet::of(&[])
        };
        mask.set_mask()
            .doing(|| "setting the signal mask".to_owned())
    }

    fn execute(&self, program: &CStr, head: &[u8], environment: &[CString]) -> Fault {
        let errno = sys::exec::execve(program, &self.plan.argv, environment);
        let why = executable::refusal(program, head, errno);
        let why = why.unwrap_or_else(|| format!("exec {}", program.to_string_lossy()));
        Fault::new(why, errno)
    }
}

/// Enters a directory that no link of /proc leads to: those lead to directories of processes, ours
/// among them.
fn change_directory(path: &Path) -> Result<(), Errno> {
    use rustix::fs::{CWD, ResolveFlags, openat2};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS)?;
    rustix::process::fchdir(directory)
}

fn set_names(config: &spec::runtime::Config) -> Result<(), Fault> {
    if let Some(name) = config.hostname.as_deref().filter(|name| !name.is_empty()) {
        rustix::system::sethostname(name.as_bytes())
            .doing(|| format!("setting the host name {name:?}"))?;
    }
    if let Some(name) = config.domainname.as_deref().filter(|name| !name.is_empty()) {
        rustix::system::setdomainname(name.as_bytes())
            .doing(|| format!("setting the domain name {name:?}"))?;
    }
    Ok(())
}

fn is_denied(fault: &Fault) -> bool {
    matches!(fault.errno, Errno::ACCESS | Errno::PERM)
}

/// In a new or joined user namespace the process has every capability but still its old ids.
fn become_root_inside() -> Result<(), Fault> {
    let clause = || "becoming root of the user namespace".to_owned();
    let (uid, gid) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    match rustix::thread::set_thread_groups(&[]) {
        Ok(()) | Err(Errno::PERM) => {}
        Err(errno) => return Err(Fault::new(clause(), errno)),
    }
    rustix::thread::set_thread_res_gid(gid, gid, gid).doing(clause)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).doing(clause)
}

fn loopback() -> Result<(), Failed> {
    sys::loopback::bring_up()
        .doing(|| "bringing lo up".into())
        .at(Step::Loopback)
}

fn current_root() -> Result<OwnedFd, Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/", flags, Mode::empty()).doing(|| "opening the root".to_owned())
}
