//! `create`: a container from a bundle, with init waiting for `start`.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use spec::runtime::{Config, Hook, Hooks, NamespaceType};

use crate::cgroup::{self, Cgroup, Manager};
use crate::container::{Container, RECORD_VERSION, Record, is_valid_id};
use crate::error::{Doing, Error};
use crate::init::holder::Holder;
use crate::init::parent::{Launch, Waiting};
use crate::plan::Plan;
use crate::process::Process;
use crate::rootfs::on_host::RootOnHost;
use crate::stdio::Stdio;
use crate::trace::Trace;
use crate::{handover, hooks, intel_rdt, notify};
use spec::state::Status;
use store::Draft;

/// What `create` needs to know beside the bundle.
#[derive(Debug)]
pub struct Request<'a> {
    /// The directory of all state directories.
    pub root: &'a Path,
    /// The id: a name without slashes.
    pub id: &'a str,
    /// The directory that relative paths start from, with `config.json`.
    pub bundle: &'a Path,
    /// The bundle's configuration, from [`crate::load`].
    pub config: Config,
    /// Where the configuration is, when it is another file than the bundle's.
    pub config_path: Option<&'a Path>,
    /// The standard streams.
    pub stdio: Stdio,
    /// The state directory exists already and belongs to the caller.
    pub adopt: bool,
    /// The container is killed when the caller dies.
    pub dies_with_parent: bool,
    /// Another process will call [`crate::start`]; the caller goes.
    pub start_later: bool,
    /// Move the root by chroot instead of pivot_root.
    pub no_pivot: bool,
    /// The container keeps the session keyring of the caller.
    pub no_new_keyring: bool,
    /// How many fds after the standard streams are passed on.
    pub preserve_fds: u32,
    /// How many of these are sockets that the program is told of in `LISTEN_FDS`; they come first.
    pub listen_fds: u32,
    /// The program gets a socket to tell that it is ready ([`crate::NotifySocket`]).
    pub notify: bool,
    /// A listening unix socket that gets the master of the terminal.
    pub console_socket: Option<&'a Path>,
    /// A listening unix socket that gets a pidfd of init.
    pub pidfd_socket: Option<&'a Path>,
    /// Who makes the cgroup.
    pub cgroup_manager: &'a Manager,
    /// Where compiled filters are kept for the next container with the same profile.
    pub filters: Option<&'a Path>,
    /// Gives the container's namespaces what only the caller knows how to, as a network.
    pub furnisher: Option<&'a dyn Furnisher>,
    /// Who is told of the steps.
    pub trace: Trace<'a>,
}

/// Whoever has something to do in a container's namespaces before its program is executed: while
/// init builds the root, so that nobody waits for the other.
pub trait Furnisher: std::fmt::Debug {
    /// Called once, in the caller's own namespaces, with init's pid.
    ///
    /// # Errors
    /// Whatever went wrong; the container is not made then.
    fn furnish(&self, pid: Pid) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// A created container whose init is a child of the caller.
#[derive(Debug)]
pub struct Created<'a> {
    container: Container,
    waiting: Waiting<'a>,
}

impl Created<'_> {
    /// Init's id.
    pub fn pid(&self) -> Pid {
        self.waiting.process.pid
    }

    /// Executes the program.
    ///
    /// # Errors
    /// When init could not execute it or a `poststart` hook failed; the container is gone then.
    pub fn start(self) -> Result<Process, Error> {
        let Self {
            container, waiting, ..
        } = self;
        let started = waiting.start().and_then(|process| {
            let told = hooks::after_start(&container);
            told.inspect_err(|_| process.end()).map(|()| process)
        });
        if started.is_err() {
            undo(&container, true);
            // Whatever they say, it is the failure above that the user has to know.
            hooks::after_stop(&container);
        }
        started
    }

    /// Leaves the container to whoever calls [`crate::start`].
    pub fn leave(self) -> Process {
        self.waiting.leave()
    }
}

/// Makes a container; on failure nothing of it is left.
///
/// # Errors
/// Anything that [`Error`] names.
pub fn create(mut request: Request<'_>) -> Result<Created<'_>, Error> {
    check_terminal(&request, &request.config)?;
    let mut container = claim(&request, &request.config)?;
    if request.config.process.is_none() {
        request.config.process = Some(nothing_to_run());
    }
    if request.notify
        && let Err(fault) = notify::furnish(&container, &mut request.config)
    {
        undo(&container, !request.adopt);
        return Err(fault.into());
    }
    let config = &request.config;
    match build(&request, config, &mut container) {
        Ok(waiting) => Ok(Created { container, waiting }),
        Err(error) => {
            undo(&container, !request.adopt);
            if error.is_of_hook() {
                // The environment stood already, so that its end is one like any other.
                hooks::after_stop(&container);
            }
            Err(error)
        }
    }
}

/// What init is made as when the configuration has no process: it waits for a start that
/// [`crate::start`] refuses.
fn nothing_to_run() -> spec::runtime::Process {
    spec::runtime::Process {
        cwd: "/".into(),
        ..Default::default()
    }
}

fn check_terminal(request: &Request<'_>, config: &Config) -> Result<(), Error> {
    let Some(process) = &config.process else {
        return match request.start_later {
            true => Ok(()),
            false => Err(Error::without_process()),
        };
    };
    let terminal = process.terminal;
    let why = match (terminal, request.console_socket, request.start_later) {
        (true, None, true) => "cannot allocate tty if detached without --console-socket",
        (false, Some(_), _) => "a console socket needs process.terminal to be true",
        _ => return Ok(()),
    };
    Err(Error::Invalid {
        key: "process.terminal".to_owned(),
        why: why.to_owned(),
    })
}

/// Makes the state directory: its creation is what claims the id.
pub(crate) fn claim(request: &Request<'_>, config: &Config) -> Result<Container, Error> {
    let id = request.id;
    if !is_valid_id(id) {
        let why = format!("{id:?} may only have letters, digits and _ + - . (no leading dot)");
        return Err(Error::Invalid {
            key: "id".to_owned(),
            why,
        });
    }
    let directory = request.root.join(id);
    if !request.adopt {
        std::fs::create_dir_all(request.root)
            .doing(|| format!("making {}", request.root.display()))?;
        let mode = Mode::from_raw_mode(0o711);
        match rustix::fs::mkdir(&directory, mode) {
            Err(rustix::io::Errno::EXIST) => {
                return Err(Error::AlreadyExists {
                    id: request.id.to_owned(),
                });
            }
            made => made.doing(|| format!("making {}", directory.display()))?,
        }
    }
    let bundle = absolute(request.bundle);
    let rootfs = config
        .root
        .as_ref()
        .map(|root| bundle.join(&root.path))
        .unwrap_or_default();
    let hooks = |list: fn(&Hooks) -> &Vec<Hook>| {
        config.hooks.as_ref().map(list).cloned().unwrap_or_default()
    };
    let record = Record {
        version: RECORD_VERSION,
        oci_version: config.oci_version.clone(),
        id: request.id.to_owned(),
        pid: 0,
        start_time: 0,
        bundle,
        config: request.config_path.map(absolute),
        rootfs,
        created: store::time::now_rfc3339(),
        owner: rustix::process::geteuid().as_raw(),
        annotations: config.annotations.clone(),
        no_new_keyring: request.no_new_keyring,
        poststart: hooks(|hooks| &hooks.poststart),
        poststop: hooks(|hooks| &hooks.poststop),
        shares_pids: !config
            .linux
            .as_ref()
            .is_some_and(|linux| linux.makes(NamespaceType::Pid)),
        processless: config.process.is_none(),
        root_on_host: None,
        intel_rdt: None,
        cgroup: None,
        unit: None,
    };
    Ok(Container { directory, record })
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn build<'a>(
    request: &Request<'a>,
    config: &Config,
    container: &mut Container,
) -> Result<Waiting<'a>, Error> {
    let (cgroup, holder) = make_cgroup(request, config, container)?;
    let linux = config.linux.as_ref();
    if let Some(wanted) = linux.and_then(|linux| linux.intel_rdt.as_ref()) {
        container.record.intel_rdt = Some(intel_rdt::prepare(wanted, request.id)?);
    }
    let launched = launch(request, config, container, cgroup.as_ref());
    // Init is in it now, so that nobody has to hold it any longer.
    drop(holder);
    launched
}

/// Makes the cgroup; a scope of systemd stands as long as the holder that is given back.
pub(crate) fn make_cgroup(
    request: &Request<'_>,
    config: &Config,
    container: &mut Container,
) -> Result<(Option<Cgroup>, Option<Holder>), Error> {
    let bus = match request.cgroup_manager {
        Manager::Disabled => {
            cgroup::refuse_limits(config).map_err(Error::Cgroup)?;
            return Ok((None, None));
        }
        Manager::Cgroupfs => None,
        Manager::Systemd(bus) => Some((bus, Holder::start()?)),
    };
    let scope = bus.as_ref().map(|(bus, holder)| (*bus, holder.pid()));
    let made = cgroup::of_container(config, request.id, scope).map_err(Error::Cgroup)?;
    let (cgroup, unit) = made.map_or((None, None), |made| (Some(made.cgroup), made.unit));
    container.record.cgroup = cgroup.as_ref().map(|cgroup| cgroup.paths().clone());
    container.record.unit = unit;
    Ok((cgroup, bus.map(|(_, holder)| holder)))
}

fn launch<'a>(
    request: &Request<'a>,
    config: &Config,
    container: &mut Container,
    cgroup: Option<&Cgroup>,
) -> Result<Waiting<'a>, Error> {
    let record = container.record.clone();
    // What hooks are told: they run once the environment is made.
    let state = container.state_as(Status::Created);
    let mut plan = Plan {
        dies_with_parent: request.dies_with_parent,
        preserve_fds: request.preserve_fds,
        keyring: container.keyring(),
        ..Plan::of_container(
            config,
            &record.bundle,
            record.cgroup.as_ref(),
            state,
            request.no_pivot,
            request.filters,
        )?
    };
    plan.tell_of_listening(request.listen_fds);
    let root = plan.container.as_ref().and_then(|c| c.root.on_host());
    container.record.root_on_host = root.map(RootOnHost::before).transpose()?;
    let fifo = request
        .start_later
        .then(|| make_fifo(container))
        .transpose()?;
    let launch = Launch {
        plan: &plan,
        stdio: &request.stdio,
        cgroup,
        resctrl: record.intel_rdt.as_ref(),
        attach_to: record.closed_unit(cgroup),
        fifo: fifo.as_ref(),
        oom_score_adj: plan.process.oom_score_adj,
        furnisher: request.furnisher,
        trace: request.trace,
    };
    let mut waiting = launch.begin()?;
    // Written while init works, and named once the container is what the name says.
    let draft = match draft(container, waiting.process.pid) {
        Ok(draft) => draft,
        Err(error) => {
            waiting.abandon();
            return Err(error);
        }
    };
    let mut waiting = launch.lead(waiting, |_| {
        let state = container.state_as(Status::Created);
        let Some(hooks) = &config.hooks else {
            return Ok(());
        };
        hooks::run("prestart", &hooks.prestart, &state)?;
        hooks::run("createRuntime", &hooks.create_runtime, &state)
    })?;
    let kept = keep(request, container, draft, &waiting);
    if kept.is_err() {
        // Whoever cannot be remembered must not live.
        waiting.abandon();
    }
    kept.map(|()| waiting)
}

/// Writes the facts about a container whose init has begun.
fn draft(container: &mut Container, pid: Pid) -> Result<Draft, Error> {
    container.record.pid = pid.as_raw_pid();
    container.record.start_time =
        sys::proc::start_time(pid).doing(|| "reading init's start time".to_owned())?;
    container.draft()
}

/// Makes the facts known and hands the terminal out.
fn keep(
    request: &Request<'_>,
    container: &mut Container,
    draft: Draft,
    waiting: &Waiting<'_>,
) -> Result<(), Error> {
    match &mut container.record.root_on_host {
        // Init has just mounted it.
        Some(root) => {
            root.note()?;
            container.save()?;
        }
        None => draft.publish()?,
    }
    let sockets = (request.console_socket, request.pidfd_socket);
    handover::hand_out(&waiting.process, sockets.0, sockets.1)?;
    Ok(())
}

/// A fifo that init reads and that keeps itself open, so that a writer finds a reader exactly as
/// long as init waits.
fn make_fifo(container: &Container) -> Result<OwnedFd, Error> {
    let path = container.fifo();
    let clause = || format!("making {}", path.display());
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::from_raw_mode(0o600)).doing(clause)?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(&path, flags, Mode::empty()).doing(clause)?)
}

/// Takes back what a failed creation made, last things first; each step is safe to repeat.
pub(crate) fn undo(container: &Container, remove_directory: bool) {
    // What cannot be removed now is found by its id later.
    let _ = container.remove_cgroup();
    if let Some(root) = &container.record.root_on_host {
        let _ = root.remove();
    }
    if let Some(group) = &container.record.intel_rdt {
        group.remove();
    }
    let _ = std::fs::remove_file(container.fifo());
    let _ = std::fs::remove_file(container.directory.join("state.json"));
    if remove_directory {
        let _ = store::remove_tree(&container.directory);
    }
}
