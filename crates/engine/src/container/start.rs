//! Starting a container: the documents for its monitor, then the monitor, which makes and runs it
//! and stays beside it. After that the monitor is in charge.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use monitor::protocol::{FRAME_MAX, FromClient, FromMonitor};
use monitor::{EXIT_VERSION, ExitRecord};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use store::Durability;
use sys::spawn::Spawn;

use super::attach::{self, Streams};
use super::charge::Charge;
use super::config::LogDriver;
use super::create::Created;
use super::live::{exit_path, look};
use super::plan::Plan;
use super::record::Record;
use super::recover;
use super::sharing::UserSpace;
use super::status::Operation;
use crate::{Engine, Error, program};

/// A container that runs.
#[derive(Debug)]
pub struct Started {
    record: Record,
    /// Kept by whoever will remove the container at its end.
    charge: Option<Charge>,
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

impl Engine {
    /// Starts a container that was just made. With `streams` the socket is attached from the
    /// first byte on.
    ///
    /// # Errors
    /// [`Error::NotStarted`] when its program could not be run; a container that is to be removed
    /// at its end is gone then.
    pub fn start_created(
        &self,
        created: Created,
        streams: Option<Streams>,
    ) -> Result<Started, Error> {
        let Created { record, charge } = created;
        self.launch(record, charge, streams)
    }

    /// Starts a container; `None` when it runs already.
    ///
    /// # Errors
    /// As [`Engine::start_created`], and [`Error::Status`].
    pub fn start(&self, name: &str, streams: Option<Streams>) -> Result<Option<Started>, Error> {
        let record = self.find(name)?;
        match self.take_charge(&record, Operation::Start)? {
            Some(charge) => self.launch(record, charge, streams).map(Some),
            None => Ok(None),
        }
    }

    fn launch(
        &self,
        record: Record,
        charge: Charge,
        streams: Option<Streams>,
    ) -> Result<Started, Error> {
        match self.try_launch(&record, &charge, streams) {
            Ok((pid, socket, warnings)) => Ok(Started {
                charge: Some(charge).filter(|_| record.config.auto_remove),
                record,
                pid,
                socket,
                warnings,
            }),
            Err(error) => {
                // The first error is the one to tell; what stays is swept.
                let _ = recover::clear_up(&self.paths, charge, &record.id);
                Err(error)
            }
        }
    }

    fn try_launch(
        &self,
        record: &Record,
        charge: &Charge,
        streams: Option<Streams>,
    ) -> Result<(i32, OwnedFd, Vec<String>), Error> {
        let plan = self.plan(record)?;
        let directory = charge.directory();
        store::write_json(
            &directory.join("config.json"),
            &plan.config,
            Durability::Boot,
        )?;
        let monitor = self.monitor_config(record, directory, &plan);
        store::write_json(&directory.join("monitor.json"), &monitor, Durability::Boot)?;
        if !record.config.auto_remove {
            expect_the_worst(&exit_path(&self.paths, record))?;
        }
        let failed = |errno| Error::io("talking to the monitor of", directory, errno);
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(failed)?;
        if let Some(streams) = streams {
            attach::send(ours.as_fd(), streams).map_err(failed)?;
        }
        let sealed = self.needs_seal(plan.user);
        spawn(directory, theirs.as_fd(), charge.lock(), sealed)?;
        drop(theirs);
        let pid = hear(&ours, record)?;
        Ok((pid, ours, plan.warnings))
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
            bundle: directory.to_owned(),
            terminal: config.terminal,
            open_stdin: config.open_stdin,
            stdin_once: config.stdin_once,
            log: match config.log {
                LogDriver::None => None,
                LogDriver::JsonFile {
                    max_size,
                    max_files,
                } => Some(monitor::Log {
                    path: self.log_path(record),
                    max_size,
                    max_files,
                }),
            },
            exit_path: exit_path(&self.paths, record),
            exit_durable: !config.auto_remove,
            cleanup: match config.auto_remove {
                true => program::removal(&self.paths, &record.id),
                false => Vec::new(),
            },
            id_range: plan.id_range.clone(),
        }
    }

    /// Takes part in the removal of a `--rm` container after its end was heard on the socket.
    ///
    /// # Errors
    /// When something of it stays.
    pub fn remove_ended(&self, started: Started) -> Result<(), Error> {
        let Some(charge) = started.charge else {
            return Ok(());
        };
        // A monitor that is gone already needs no telling.
        let _ = FromClient::Removing.send(started.socket.as_fd());
        recover::remove_all(
            &self.paths,
            charge,
            &started.record.id,
            Some(&started.record),
        )
    }
}

impl Engine {
    /// The exit code of a container whose monitor was killed, after clearing up.
    ///
    /// # Errors
    /// When something of it stays.
    pub fn end_of_lost(&self, started: Started) -> Result<i32, Error> {
        let Started { record, charge, .. } = started;
        let exit: Option<ExitRecord> = store::read_json(&exit_path(&self.paths, &record))?;
        if let Some(charge) = charge {
            recover::clear_up(&self.paths, charge, &record.id)?;
        } else {
            self.remove_leftover(&record.id)?;
        }
        Ok(exit.map_or(137, |exit| exit.code))
    }
}

/// Writes down, before the monitor begins, how it ends if nobody lives to tell: the monitor
/// replaces it.
fn expect_the_worst(path: &Path) -> Result<(), Error> {
    let now = store::time::now_rfc3339();
    let record = ExitRecord {
        version: EXIT_VERSION,
        code: 137,
        signal: Some(9),
        oom_killed: false,
        started_at: Some(now.clone()),
        finished_at: now,
        error: Some(recover::MONITOR_KILLED.to_owned()),
    };
    Ok(store::write_json(path, &record, Durability::Boot)?)
}

/// The first fd after the standard streams and those that the monitor gets.
const FIRST_FREE_FD: i32 = 5;

fn spawn(
    directory: &Path,
    socket: BorrowedFd<'_>,
    lock: BorrowedFd<'_>,
    sealed: bool,
) -> Result<(), Error> {
    let failed = |errno: Errno| Error::io("starting the monitor of", directory, errno);
    let open = |path: &str, flags| {
        rustix::fs::open(
            path,
            flags | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
    };
    let null = open("/dev/null", rustix::fs::OFlags::RDWR).map_err(failed)?;
    let ourselves = match sealed {
        true => Some(
            sys::sealed_self::sealed()
                .and_then(|fd| rustix::io::fcntl_dupfd_cloexec(&fd, FIRST_FREE_FD))
                .map_err(failed)?,
        ),
        false => None,
    };
    let path = match &ourselves {
        Some(fd) => format!("/proc/self/fd/{}", fd.as_raw_fd()),
        None => "/proc/self/exe".to_owned(),
    };
    let string = |text: &str| CString::new(text).map_err(|_| failed(Errno::INVAL));
    let argv = program::monitor(directory)
        .iter()
        .map(|argument| string(argument))
        .collect::<Result<Vec<_>, _>>()?;
    let monitor = Spawn {
        program: &string(&path)?,
        argv: &argv,
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
    monitor.start().map(drop).map_err(failed)
}

/// Waits for the monitor's first word.
fn hear(socket: &OwnedFd, record: &Record) -> Result<i32, Error> {
    let name = || record.name.clone();
    let mut buffer = vec![0; FRAME_MAX];
    match FromMonitor::receive(socket.as_fd(), &mut buffer) {
        Ok(Some(FromMonitor::Started { pid })) => Ok(pid),
        Ok(Some(FromMonitor::Failed { exit_code, message })) => {
            let message = message.into_owned();
            // The monitor of a --rm container waits for this; another is gone.
            let _ = FromClient::Removing.send(socket.as_fd());
            Err(Error::NotStarted {
                name: name(),
                exit_code,
                message,
            })
        }
        Ok(_) => Err(Error::MonitorLost { name: name() }),
        Err(source) => Err(Error::Monitor {
            name: name(),
            source,
        }),
    }
}

impl Engine {
    /// Takes charge of a container that does not run, for `operation`; `None` when there is
    /// nothing to do. Somebody who is just starting, ending or removing it is waited for a while.
    pub(super) fn take_charge(
        &self,
        record: &Record,
        operation: Operation,
    ) -> Result<Option<Charge>, Error> {
        for _ in 0..PATIENCE {
            let live = look(&self.paths, record)?;
            if !live.status.require(operation, &record.name)? {
                return Ok(None);
            }
            if let Some(charge) = Charge::take(&self.paths, &record.id)? {
                return self.check_charge(charge, record).map(Some);
            }
            std::thread::sleep(NAP);
        }
        Err(Error::Busy {
            name: record.name.clone(),
        })
    }

    /// Clears up after a monitor that was killed, and makes sure that the container still exists.
    fn check_charge(&self, charge: Charge, record: &Record) -> Result<Charge, Error> {
        let is_there = super::find::record(&self.paths, &record.id)?.is_some();
        if !is_there {
            charge.give_up()?;
            return Err(Error::NoSuchContainer {
                name: record.name.clone(),
            });
        }
        recover::release(&self.paths, &charge, &record.id)?;
        Ok(charge)
    }
}

/// How often, and how long each time, somebody else's charge is waited for: 10 seconds.
const PATIENCE: u32 = 2000;
const NAP: std::time::Duration = std::time::Duration::from_millis(5);
