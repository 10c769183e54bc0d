//! Launching a container: its monitor is spawned first, so that it gets up while everything else is
//! made ready; when its documents are written it is told to begin, and from then on it is in charge.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use monitor::protocol::{FRAME_MAX, FromClient, FromMonitor};
use monitor::{EXIT_VERSION, ExitRecord, FileFormat};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use store::Durability;
use sys::spawn::Spawn;

use super::attach::{self, Streams};
use super::charge::Charge;
use super::config::{ContainerConfig, LogDriver, Rotation};
use super::live::exit_path;
use super::plan::Plan;
use super::record::Record;
use super::recover;
use super::restarts::stopped_mark;
use super::sharing::{self, UserSpace};
use crate::{Engine, Error, program};

/// The document of a monitor, in its container's run directory.
pub(super) const MONITOR: &str = "monitor.json";

/// Where systemd's journal takes entries.
pub(super) const JOURNAL: &str = "/run/systemd/journal/socket";

/// A container that runs.
#[derive(Debug)]
pub struct Started {
    record: Record,
    /// The monitor's pid is not told: it is nobody's business. This is the container's.
    pub pid: i32,
    /// The socket to the monitor; attached if that was asked for.
    pub socket: OwnedFd,
    /// What is not as it should be.
    pub warnings: Vec<String>,
}

impl Started {
    /// Its facts.
    pub fn record(&self) -> &Record {
        &self.record
    }
}

/// A monitor that waits for the word to begin; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    socket: OwnedFd,
}

impl Engine {
    /// Spawns the monitor of the container `id`.
    pub(super) fn spawn_monitor(
        &self,
        config: &ContainerConfig,
        charge: &Charge,
        id: &str,
    ) -> Result<Waiting, Error> {
        let sealed = self.needs_seal(sharing::user_space(config, &self.host)?);
        let failed = |errno| Error::io("starting the monitor of", charge.directory(), errno);
        let (socket, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(failed)?;
        let argv = program::monitor(&self.paths, id).map(CString::new);
        let argv = argv.into_iter().collect::<Result<Vec<_>, _>>();
        let argv = argv.map_err(|_| failed(Errno::INVAL))?;
        spawn(&argv, theirs.as_fd(), charge.lock(), sealed).map_err(failed)?;
        Ok(Waiting { socket })
    }

    /// Writes down what the monitor needs, and lets it begin.
    pub(super) fn launch(
        &self,
        record: Record,
        charge: Charge,
        waiting: Waiting,
        streams: Option<Streams>,
    ) -> Result<Started, Error> {
        let begun = self
            .write_documents(&record, &charge)
            .and_then(|plan| Ok((begin(&waiting, &charge, streams)?, plan)))
            .and_then(|((), plan)| Ok((hear(&waiting.socket, &record)?, plan)));
        match begun {
            Ok((pid, plan)) => Ok(Started {
                record,
                pid,
                socket: waiting.socket,
                warnings: plan.warnings,
            }),
            // The monitor clears up itself after what it could not start.
            Err(error @ Error::NotStarted { .. }) => Err(error),
            Err(error) => {
                // The first error is the one to tell; what stays is swept.
                let _ = recover::clear_up(&self.paths, charge, &record.id);
                Err(error)
            }
        }
    }

    fn write_documents(&self, record: &Record, charge: &Charge) -> Result<Plan, Error> {
        let warnings = self.connect_on_paper(record)?;
        let mut plan = self.plan(record)?;
        plan.warnings.extend(warnings);
        let directory = charge.directory();
        let path = directory.join("config.json");
        store::write_json(&path, &plan.config, Durability::Boot)?;
        let monitor = self.monitor_config(record, directory, &plan);
        store::write_json(&directory.join(MONITOR), &monitor, Durability::Boot)?;
        if record.may_restart() {
            store::remove_tree(&stopped_mark(&self.paths, &record.id))?;
        }
        if !record.ephemeral {
            expect_the_worst(&exit_path(&self.paths, record))?;
        }
        Ok(plan)
    }

    /// Whether the container could write to our executable: it could as the host's root, or as
    /// the user who owns it.
    pub(super) fn needs_seal(&self, user: UserSpace) -> bool {
        user != UserSpace::Own || !self.host.may_map_ranges()
    }

    fn monitor_config(&self, record: &Record, directory: &Path, plan: &Plan) -> monitor::Config {
        let config = &record.config;
        monitor::Config {
            id: record.id.clone(),
            root: self.paths.run_containers(),
            filters: Some(self.paths.filters()),
            bundle: directory.to_owned(),
            removes: config.auto_remove,
            cgroup_manager: self.cgroup_manager.clone(),
            terminal: config.terminal,
            open_stdin: config.open_stdin,
            stdin_once: config.stdin_once,
            log: self.monitor_log(record),
            health: self.probe(record),
            exit_path: (!record.ephemeral).then(|| exit_path(&self.paths, record)),
            id_range: plan.id_range.clone(),
        }
    }

    fn monitor_log(&self, record: &Record) -> Option<monitor::Log> {
        let file = |format, rotation: Rotation| {
            monitor::Log::File(monitor::FileLog {
                format,
                path: self.log_path(record),
                max_size: rotation.max_size,
                max_files: rotation.max_files,
            })
        };
        Some(match &record.config.log {
            LogDriver::None => return None,
            LogDriver::JsonFile(rotation) => file(FileFormat::Json, *rotation),
            LogDriver::KubernetesFile(rotation) => file(FileFormat::Kubernetes, *rotation),
            LogDriver::Journald { tag } => monitor::Log::Journal(monitor::JournalLog {
                socket: JOURNAL.into(),
                id: record.id.clone(),
                name: record.name.clone(),
                tag: tag.clone().unwrap_or_else(|| record.name.clone()),
            }),
        })
    }

    /// The exit code of a container whose monitor was killed, after clearing up.
    ///
    /// # Errors
    /// When something of it stays.
    pub fn end_of_lost(&self, started: &Started) -> Result<i32, Error> {
        let record = &started.record;
        let exit: Option<ExitRecord> = store::read_json(&exit_path(&self.paths, record))?;
        if let Some(charge) = Charge::take_over(self.paths.run_dir(&record.id))? {
            recover::clear_up(&self.paths, charge, &record.id)?;
        }
        Ok(exit.map_or(137, |exit| exit.code))
    }
}

/// Writes down, before the monitor begins, how it ends if nobody lives to tell: the monitor
/// replaces it.
pub(super) fn expect_the_worst(path: &Path) -> Result<(), Error> {
    let now = store::time::now_rfc3339();
    let record = ExitRecord {
        version: EXIT_VERSION,
        code: 137,
        signal: Some(9),
        oom_killed: false,
        started_at: Some(now.clone()),
        finished_at: now,
        error: Some(recover::MONITOR_KILLED.to_owned()),
        oom_kill: None,
        sent: None,
        memory_peak: None,
        cpu_time: None,
        block_read: None,
        block_written: None,
        log_lost: 0,
    };
    Ok(store::write_json(path, &record, Durability::Boot)?)
}

/// The first fd after the standard streams and those that the monitor gets.
const FIRST_FREE_FD: i32 = 5;

fn spawn(
    argv: &[CString],
    socket: BorrowedFd<'_>,
    lock: BorrowedFd<'_>,
    sealed: bool,
) -> Result<(), Errno> {
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let ourselves = match sealed {
        true => sys::sealed_self::sealed()?,
        false => None,
    };
    let ourselves = ourselves.map(|file| rustix::io::fcntl_dupfd_cloexec(file, FIRST_FREE_FD));
    let ourselves = ourselves.transpose()?;
    let path = match &ourselves {
        Some(fd) => format!("/proc/self/fd/{}", fd.as_raw_fd()),
        None => "/proc/self/exe".to_owned(),
    };
    let monitor = Spawn {
        program: &CString::new(path).map_err(|_| Errno::INVAL)?,
        argv,
        envp: &[program::MONITOR_ENVIRONMENT.to_owned()],
        fds: &[
            (null.as_fd(), 0),
            (null.as_fd(), 1),
            (null.as_fd(), 2),
            (socket, 3),
            (lock, 4),
        ],
        new_session: true,
    };
    monitor.start().map(drop)
}

fn begin(waiting: &Waiting, charge: &Charge, streams: Option<Streams>) -> Result<(), Error> {
    let socket = waiting.socket.as_fd();
    let said = match streams {
        Some(streams) => attach::send(socket, streams),
        None => FromClient::Begin.send(socket),
    };
    said.map_err(|errno| Error::io("talking to the monitor of", charge.directory(), errno))
}

/// Waits for the monitor's first word.
fn hear(socket: &OwnedFd, record: &Record) -> Result<i32, Error> {
    let name = || record.name.clone();
    let mut buffer = vec![0; FRAME_MAX];
    match FromMonitor::receive(socket.as_fd(), &mut buffer) {
        Ok(Some(FromMonitor::Started { pid })) => Ok(pid),
        Ok(Some(FromMonitor::Failed { exit_code, message })) => Err(Error::NotStarted {
            name: name(),
            exit_code,
            message: message.into_owned(),
        }),
        Ok(_) => Err(Error::MonitorLost { name: name() }),
        Err(source) => Err(Error::Monitor {
            name: name(),
            source,
        }),
    }
}
