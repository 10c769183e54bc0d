//! The parent's part in making a process of a container: one clone, the id maps, the mounts that
//! need the host's rights, the hooks of the host's side, and the conversation with init. Beside
//! `id_mapped.rs`, this is the only place in wharf that clones.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{DupFlags, Errno};
use rustix::process::{DumpableBehavior, Pid};
use spec::runtime::{IdMapping, NamespaceType, NetDevice};
use sys::clone::{Child, Clone, clone3};

use super::child::Init;
use super::id_mapped::UserNamespaces;
use super::protocol::{self, FromInit, FromParent, hear_init, tell_init};
use crate::cgroup::{Cgroup, Unit};
use crate::create::Furnisher;
use crate::error::{Doing, Error, Fault};
use crate::intel_rdt::Group;
use crate::net_devices::{self, Moved};
use crate::plan::Plan;
use crate::process::Process;
use crate::rootfs::MappedTo;
use crate::rootfs::detach::{Detached, Maker};
use crate::seccomp::Filter;
use crate::stdio::Stdio;
use crate::trace::{self, Trace};
use crate::{credentials, executable, id_map, namespaces, rlimits};

/// A process that waits, fully furnished, for the word to execute its program.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    pub(crate) process: Process,
    socket: OwnedFd,
    trace: Trace<'a>,
    /// Network devices of the host that it got.
    net_devices: Option<Moved>,
}

/// What a launch needs beside the plan.
pub(crate) struct Launch<'a, 't> {
    pub(crate) plan: &'a Plan<'a>,
    pub(crate) stdio: &'a Stdio,
    pub(crate) cgroup: Option<&'a Cgroup>,
    pub(crate) resctrl: Option<&'a Group>,
    /// The unit whose owner has to move init into the cgroup, since the caller has no right to.
    pub(crate) attach_to: Option<&'a Unit>,
    /// The fifo that `start` writes to, when it will be another process.
    pub(crate) fifo: Option<&'a OwnedFd>,
    /// Score of the out-of-memory killer.
    pub(crate) oom_score_adj: Option<i32>,
    /// Who has something to do while init builds its root.
    pub(crate) furnisher: Option<&'a dyn Furnisher>,
    /// Who is told of the steps.
    pub(crate) trace: Trace<'t>,
}

impl<'a> Launch<'a, 'static> {
    /// The launch of a program without a container, which nobody counts or limits.
    pub(crate) fn bare(plan: &'a Plan<'a>, stdio: &'a Stdio) -> Self {
        Self {
            plan,
            stdio,
            cgroup: None,
            resctrl: None,
            attach_to: None,
            fifo: None,
            oom_score_adj: None,
            furnisher: None,
            trace: Trace::default(),
        }
    }
}

impl<'t> Launch<'_, 't> {
    /// Clones init and leads it to the point where only the program is missing. `hooks` is called
    /// once if the plan has hooks to run before the root changes.
    pub(crate) fn run(
        &self,
        hooks: impl FnOnce(Pid) -> Result<(), Error>,
    ) -> Result<Waiting<'t>, Error> {
        let waiting = self.begin()?;
        self.lead(waiting, hooks)
    }

    /// Clones init and gives it what it cannot get for itself; it goes on alone from here.
    pub(crate) fn begin(&self) -> Result<Waiting<'t>, Error> {
        let (mut ours, theirs) = protocol::pair().doing(|| "making a socket pair".to_owned())?;
        let is_furnished = !self.needs_furnishing();
        if is_furnished {
            // It finds the words waiting, and nobody waits for anybody.
            self.foretell(&ours)
                .doing(|| "telling the container's init to begin".to_owned())?;
        }
        let scheduling = &self.plan.scheduling;
        self.announce();
        let child = scheduling.start_on(|| self.clone_init(&theirs, &mut ours))?;
        drop(theirs);
        let process = Process {
            pid: child.pid,
            pidfd: child.pidfd,
            terminal: None,
            sources: Vec::new(),
        };
        let mut waiting = Waiting {
            process,
            socket: ours,
            net_devices: None,
            trace: self.trace,
        };
        let pid = waiting.process.pid;
        self.trace
            .say(|| format!("child process in init(): pid {pid}"));
        let furnished = match is_furnished {
            true => Ok(()),
            false => self.furnish(&mut waiting),
        };
        let furnished = furnished.and_then(|()| self.furnish_from_outside(pid));
        if furnished.is_err() {
            waiting.abandon();
        }
        furnished.map(|()| waiting)
    }

    /// Leads an init that has begun to the point where only the program is missing.
    pub(crate) fn lead(
        &self,
        mut waiting: Waiting<'t>,
        hooks: impl FnOnce(Pid) -> Result<(), Error>,
    ) -> Result<Waiting<'t>, Error> {
        let filter = self.plan.seccomp.as_ref();
        let outcome = waiting
            .listen(FromInitEnd::Ready, Some(hooks), filter)
            .and_then(|()| Ok(self.plan.scheduling.apply(waiting.process.pid)?));
        if outcome.is_err() {
            waiting.abandon();
        }
        outcome.map(|()| waiting)
    }

    /// Says what init will be.
    fn announce(&self) {
        let (plan, trace) = (self.plan, self.trace);
        trace.say(|| {
            let namespaces = trace::describe(&plan.namespaces);
            format!("nsexec container setup: namespaces: {namespaces}")
        });
        if let Some(mask) = plan.scheduling.initial_mask() {
            trace.say(|| format!("nsexec: affinity: {mask:#x}"));
        }
        if let Some(cgroup) = self.cgroup {
            let paths = cgroup.paths().by_mount_name();
            let paths = paths.iter().map(|(_, path)| path.display().to_string());
            trace.say(|| format!("cgroup: {}", paths.collect::<Vec<_>>().join(" ")));
        }
        if let Some(filter) = &plan.seccomp {
            let program = &filter.program;
            trace.say(|| format!("seccomp filter flags: {}", program.flags()));
            let length = program.instructions().len();
            trace.say(|| format!("seccomp filter: {length} instructions"));
        }
    }

    /// `ours` is the parent's end of the socket; init must not have it, or it would not hear that
    /// its parent died.
    fn clone_init(&self, socket: &OwnedFd, ours: &mut OwnedFd) -> Result<Child, Error> {
        let tasks = self
            .cgroup
            .map(Cgroup::join_fds)
            .transpose()
            .map_err(Error::Cgroup)?
            .unwrap_or_default();
        if self.plan.namespaces.join.is_empty() {
            return Ok(self.clone_once(socket, ours, &tasks, false)?);
        }
        self.clone_through_middle(socket, ours, &tasks)
    }

    fn clone_once(
        &self,
        socket: &OwnedFd,
        ours: &mut OwnedFd,
        tasks: &[OwnedFd],
        as_sibling: bool,
    ) -> Result<Child, Fault> {
        let init = Init {
            plan: self.plan,
            socket,
            stdio: self.stdio,
            cgroups: tasks,
            fifo: self.fifo,
        };
        let request = Clone {
            namespaces: self.plan.namespaces.at_clone(),
            into_cgroup: match self.attach_to {
                None => self.cgroup.and_then(Cgroup::clone_fd),
                Some(_) => None,
            },
            as_sibling,
        };
        clone3(&request, || {
            // In its place there is a second one of init's own end.
            let _ = rustix::io::dup3(socket, ours, DupFlags::CLOEXEC);
            init.run();
        })
        .doing(|| "cloning the container's first process".to_owned())
    }

    /// Namespaces are joined by a process in between, so that the caller stays where it is and
    /// init is born inside; it clones init as our child, not its own, and ends.
    fn clone_through_middle(
        &self,
        socket: &OwnedFd,
        parents: &mut OwnedFd,
        tasks: &[OwnedFd],
    ) -> Result<Child, Error> {
        let (ours, theirs) = protocol::pair().doing(|| "making a socket pair".to_owned())?;
        let middle = clone3(&Clone::default(), || {
            let report = self.middle(socket, parents, tasks).map_or_else(
                |fault| (-fault.errno.raw_os_error(), fault.doing),
                |child| (child.pid.as_raw_pid(), String::new()),
            );
            let mut packet = report.0.to_ne_bytes().to_vec();
            packet.extend_from_slice(report.1.as_bytes());
            let _ = sys::fds::send_with_fds(theirs.as_fd(), &packet, &[]);
            sys::exec::exit_now(0)
        })
        .doing(|| "cloning a helper".to_owned())?;
        // Its end must be the only one, so that its death is heard.
        drop(theirs);
        let mut packet = [0u8; 1024];
        let heard = sys::fds::receive_with_fds(ours.as_fd(), &mut packet)
            .doing(|| "waiting for the helper".to_owned())?;
        Process {
            pid: middle.pid,
            pidfd: middle.pidfd,
            terminal: None,
            sources: Vec::new(),
        }
        .wait()?;
        let clause = || "cloning init in the joined namespaces".to_owned();
        let (number, why) = packet
            .get(..heard.0)
            .and_then(<[u8]>::split_first_chunk::<4>)
            .ok_or(Errno::PROTO)
            .doing(clause)?;
        let number = i32::from_ne_bytes(*number);
        if number <= 0 {
            let why = String::from_utf8_lossy(why).into_owned();
            return Err(Error::parent(why, Errno::from_raw_os_error(-number)));
        }
        let pid = Pid::from_raw(number).ok_or(Errno::PROTO).doing(clause)?;
        // Init is our child and not yet waited for, so that its pid cannot mean another process.
        let pidfd =
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).doing(clause)?;
        Ok(Child { pid, pidfd })
    }

    /// What the process in between does. Whoever sees it or init in a joined pid namespace must
    /// not be able to look into them.
    fn middle(
        &self,
        socket: &OwnedFd,
        parents: &mut OwnedFd,
        tasks: &[OwnedFd],
    ) -> Result<Child, Fault> {
        let namespaces = &self.plan.namespaces;
        if namespaces.joined(NamespaceType::Pid).is_some() {
            rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
                .doing(|| "hiding from the container's processes".to_owned())?;
        }
        namespaces.enter()?;
        self.clone_once(socket, parents, tasks, true)
    }

    /// Whether there is anything that init cannot do for itself.
    fn needs_furnishing(&self) -> bool {
        let plan = self.plan;
        let devices = self.net_devices().is_some();
        let mounts = plan.container.as_ref();
        let mounts = mounts.is_some_and(|c| c.root.made_by_parent().next().is_some());
        self.attach_to.is_some()
            || plan.id_maps.is_some()
            || self.resctrl.is_some()
            || plan.namespaces.has_user()
            || self.oom_score_adj.is_some()
            || devices
            || mounts
    }

    fn foretell(&self, socket: &OwnedFd) -> Result<(), Errno> {
        tell_init(socket, FromParent::Go, &[])?;
        match self.plan.container {
            Some(_) => tell_init(socket, FromParent::Mounts, &[]),
            None => Ok(()),
        }
    }

    /// The network devices of the host that init gets.
    fn net_devices(&self) -> Option<&BTreeMap<String, NetDevice>> {
        let linux = self.plan.container.as_ref()?.config.linux.as_ref()?;
        Some(&linux.net_devices).filter(|devices| !devices.is_empty())
    }

    /// What init cannot do for itself.
    fn furnish(&self, waiting: &mut Waiting<'_>) -> Result<(), Error> {
        let pid = waiting.process.pid;
        if let Some(unit) = self.attach_to {
            unit.attach(pid).map_err(Error::Cgroup)?;
        }
        if let Some(maps) = self.plan.id_maps {
            id_map::write(pid, maps)?;
        }
        if let Some(group) = self.resctrl {
            group.add(pid)?;
        }
        if self.plan.namespaces.has_user() {
            rlimits::raise_hard(pid, &self.plan.process.rlimits);
        }
        if let Some(score) = self.oom_score_adj {
            write_oom_score(pid, score)?;
        }
        if let Some(devices) = self.net_devices() {
            waiting.net_devices = Some(net_devices::move_into(devices, pid)?);
        }
        waiting.tell(FromParent::Go, &[])?;
        let has_user = self.plan.namespaces.has_user();
        let maps = has_user.then(|| self.id_maps(pid)).transpose()?;
        if let Some((uids, _)) = &maps {
            self.give_streams(uids);
        }
        if self.plan.container.is_none() {
            return Ok(());
        }
        let mounts = self.prepare_mounts(pid, maps.as_ref())?;
        let borrowed: Vec<BorrowedFd<'_>> = mounts.iter().map(|m| m.mount.as_fd()).collect();
        waiting.tell(FromParent::Mounts, &borrowed)?;
        let sources = mounts.into_iter().flat_map(|detached| detached.sources);
        waiting.process.sources.extend(sources);
        Ok(())
    }

    /// What the caller of the runtime does for the container.
    fn furnish_from_outside(&self, pid: Pid) -> Result<(), Error> {
        let done = self.furnisher.map_or(Ok(()), |caller| caller.furnish(pid));
        done.map_err(|source| Error::Furnisher { source })
    }

    /// The maps of init's user namespace: those just written, or those of a namespace it joins.
    fn id_maps(&self, pid: Pid) -> Result<Maps, Error> {
        match self.plan.id_maps {
            Some(maps) => Ok((maps.uids.to_vec(), maps.gids.to_vec())),
            None => Ok(id_map::read(pid)?),
        }
    }

    /// The container's program may open its streams again by name (/dev/stdout), for which they
    /// must be its own; from inside, a pipe of the host's root cannot be given away.
    fn give_streams(&self, uids: &[IdMapping]) {
        let user = self.plan.process.user.uid;
        if let (Stdio::Fds { .. }, Some(owner)) = (self.stdio, id_map::host_id(uids, user)) {
            credentials::give_streams(owner, self.stdio.streams());
        }
    }

    /// The mounts that need the host's rights, detached and in the plan's order.
    fn prepare_mounts(&self, pid: Pid, maps: Option<&Maps>) -> Result<Vec<Detached>, Error> {
        let Some(container) = &self.plan.container else {
            return Ok(Vec::new());
        };
        let mut wanted = container.root.made_by_parent().peekable();
        if wanted.peek().is_none() {
            return Ok(Vec::new());
        }
        let of_container = maps.map(|maps| root_of(pid, maps)).transpose()?;
        let mut of_maps = UserNamespaces::default();
        let mut detached = Vec::new();
        for mount in wanted {
            let own = mount.idmap.as_ref().and_then(|map| map.own.as_ref());
            let own = own.map(|(uids, gids)| of_maps.with(uids, gids));
            let own = own.transpose()?;
            let mapped = match (&own, &of_container) {
                // Its root is nobody's: only bind mounts have maps of their own.
                (Some(namespace), _) => Some((namespace, (0, 0))),
                (None, Some((namespace, root))) => Some((namespace, *root)),
                (None, None) => None,
            };
            let mapped = mapped.map(|(namespace, (root_uid, root_gid))| MappedTo {
                user_namespace: namespace.as_fd(),
                root_uid,
                root_gid,
            });
            detached.push(mount.detach(Maker::Parent(mapped))?);
        }
        Ok(detached)
    }
}

/// The user namespace of the process `pid`, and its root's ids on the host.
fn root_of(pid: Pid, (uids, gids): &Maps) -> Result<(OwnedFd, (u32, u32)), Fault> {
    let user_namespace = namespaces::open_of(pid, NamespaceType::User)?;
    let root = id_map::host_id(uids, 0).zip(id_map::host_id(gids, 0));
    let root = root
        .ok_or(Errno::OVERFLOW)
        .doing(|| "finding the container's root in its id maps".to_owned())?;
    Ok((user_namespace, root))
}

/// The ranges of user ids and of group ids.
type Maps = (Vec<IdMapping>, Vec<IdMapping>);

/// Up to which message the parent listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FromInitEnd {
    Ready,
    Closed,
}

impl Waiting<'_> {
    /// Lets init execute the program and sees to it that it did.
    pub(crate) fn start(mut self) -> Result<Process, Error> {
        self.trace.say(|| "setns_init: about to exec".to_owned());
        let started = self.tell(FromParent::Start, &[]).and_then(|()| {
            self.listen(
                FromInitEnd::Closed,
                None::<fn(Pid) -> Result<(), Error>>,
                None,
            )
        });
        match started {
            Ok(()) => Ok(self.process),
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    /// Leaves init waiting at its fifo for another process to start it.
    pub(crate) fn leave(self) -> Process {
        self.process
    }

    fn tell(&self, message: FromParent, fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
        match tell_init(&self.socket, message, fds) {
            // Init is gone; what it said last is waiting to be heard.
            Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(Error::parent(
                format!("telling the container's init {message:?}"),
                errno,
            )),
        }
    }

    fn listen<F: FnOnce(Pid) -> Result<(), Error>>(
        &mut self,
        end: FromInitEnd,
        mut hooks: Option<F>,
        filter: Option<&Filter<'_>>,
    ) -> Result<(), Error> {
        loop {
            let message =
                hear_init(&self.socket).doing(|| "listening to the container's init".to_owned())?;
            match (message, end) {
                (FromInit::Ready, FromInitEnd::Ready) => {
                    let words = "init: closing the pipe to signal completion";
                    self.trace
                        .say(|| format!("{words}: all but the program is ready"));
                    return Ok(());
                }
                (FromInit::Closed, FromInitEnd::Closed) => {
                    self.trace.say(|| "the program runs".to_owned());
                    return Ok(());
                }
                (FromInit::Terminal(master), _) => self.process.terminal = Some(master),
                (FromInit::Failed { step, fault }, _) => return Err(self.failure(step, fault)),
                (FromInit::RunHooks, FromInitEnd::Ready) => {
                    if let Some(hooks) = hooks.take() {
                        self.trace
                            .say(|| "running the hooks of the host's side".to_owned());
                        hooks(self.process.pid)?;
                    }
                    self.tell(FromParent::HooksDone, &[])?;
                }
                (FromInit::Listener(fd), FromInitEnd::Ready) => {
                    if let Some(listener) = filter.and_then(|filter| filter.listener.as_ref()) {
                        listener.send(fd.as_fd(), self.process.pid)?;
                    }
                }
                (FromInit::Closed, FromInitEnd::Ready) => return Err(self.ended_early()),
                (FromInit::Ready | FromInit::RunHooks | FromInit::Listener(_), _) => {
                    return Err(Error::parent(
                        "following init's order of messages",
                        Errno::PROTO,
                    ));
                }
            }
        }
    }

    fn failure(&self, step: super::Step, fault: Fault) -> Error {
        let found = !matches!(fault.errno, Errno::NOENT | Errno::NOTDIR);
        if step == super::Step::Execute && fault.doing.starts_with(executable::PREFIX) {
            return Error::Executable {
                why: fault.doing,
                found,
            };
        }
        let source = fault.errno.into();
        Error::Init {
            step,
            fault,
            source,
        }
    }

    fn ended_early(&self) -> Error {
        let how = match self.process.wait() {
            Ok(exit) => format!("{exit:?}"),
            Err(error) => error.to_string(),
        };
        Error::parent(
            format!("init ended before it was ready ({how})"),
            Errno::CHILD,
        )
    }

    /// Kills and reaps an init that cannot go on.
    pub(crate) fn abandon(&mut self) {
        if let Some(devices) = &mut self.net_devices {
            devices.give_back();
        }
        self.process.end();
    }
}

fn write_oom_score(pid: Pid, score: i32) -> Result<(), Error> {
    let path = format!("/proc/{}/oom_score_adj", pid.as_raw_pid());
    std::fs::write(path, score.to_string()).map_err(|source| Error::Parent {
        doing: format!(
            "setting the score of the out-of-memory killer to {score} (lowering it needs \
             CAP_SYS_RESOURCE)"
        ),
        source,
    })
}
