//! What a container is right now: its status, gathered from the runtime's state and from the
//! record of its last end. Nothing is stored here; facts are read and status follows.

use std::path::PathBuf;
use std::time::Duration;

use monitor::ExitRecord;

use super::charge::Charge;
use super::record::Record;
use super::recover;
use super::restarts::Restarts;
use super::status::Status;
use crate::{Engine, Error, Paths};

/// A container at a moment.
#[derive(Debug, Clone)]
pub struct Live {
    /// What it is.
    pub status: Status,
    /// Its process, while it runs.
    pub pid: Option<i32>,
    /// When it was last started, RFC 3339.
    pub started_at: Option<String>,
    /// How it last ended, when it does not run.
    pub exit: Option<ExitRecord>,
    /// How often it was started again since its user did.
    pub restarts: u32,
    /// How it is, while it runs, if that is looked at.
    pub health: Option<monitor::Health>,
}

impl Engine {
    /// Whether a container's process lives without anybody in charge of it.
    pub(crate) fn runs_unattended(&self, record: &Record) -> bool {
        let is_held = || Charge::is_held(&self.paths, &record.id).unwrap_or(true);
        let runs = || look_once(&self.paths, record).is_ok_and(|live| live.pid.is_some());
        // It may just be starting or ending.
        runs() && !is_held() && runs()
    }
}

/// How often, and how long each time, a monitor is waited for that is about to tell: 2 seconds.
const PATIENCE: u32 = 400;
const NAP: Duration = Duration::from_millis(5);

impl Engine {
    /// The facts about a container, and what it is now.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`].
    pub fn look(&self, name: &str) -> Result<(Record, Live), Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        Ok((record, live))
    }
}

/// Looks at a container. Between the end of its process and the word of its monitor nothing true
/// can be said; that moment is waited out.
pub(super) fn look(paths: &Paths, record: &Record) -> Result<Live, Error> {
    for _ in 0..PATIENCE {
        let live = look_once(paths, record)?;
        let is_unsaid = live.exit.as_ref().is_some_and(recover::is_expected);
        if !is_unsaid || !Charge::is_held(paths, &record.id)? {
            return Ok(live);
        }
        std::thread::sleep(NAP);
    }
    look_once(paths, record)
}

fn look_once(paths: &Paths, record: &Record) -> Result<Live, Error> {
    let restarts = match record.may_restart() {
        true => Restarts::read(paths, &record.id)?,
        false => Restarts::default(),
    };
    match runtime::inspect(&paths.run_containers(), &record.id) {
        Ok((state, status)) => {
            if let Some(status) = running(status) {
                return Ok(Live {
                    status,
                    pid: Some(state.pid),
                    started_at: Some(state.created),
                    exit: None,
                    restarts: restarts.count,
                    health: health(paths, record)?,
                });
            }
        }
        Err(runtime::Error::NotFound { .. }) => {}
        Err(source) => {
            return Err(Error::Runtime {
                name: record.name.clone(),
                source,
            });
        }
    }
    let exit: Option<ExitRecord> = store::read_json(&exit_path(paths, record))?;
    let started_at = exit.as_ref().and_then(|exit| exit.started_at.clone());
    Ok(Live {
        // One that could not be started has a record of that, and still never ran.
        status: match started_at.is_some() {
            _ if restarts.waiting && Charge::is_held(paths, &record.id)? => Status::Restarting,
            true => Status::Exited,
            false => Status::Created,
        },
        pid: None,
        started_at,
        exit,
        restarts: restarts.count,
        health: None,
    })
}

fn health(paths: &Paths, record: &Record) -> Result<Option<monitor::Health>, Error> {
    match record.health {
        Some(_) => {
            let said = store::read_json(&paths.run_dir(&record.id).join(monitor::HEALTH))?;
            // Its monitor says nothing before the first look.
            Ok(Some(said.unwrap_or_default()))
        }
        None => Ok(None),
    }
}

fn running(status: spec::state::Status) -> Option<Status> {
    match status {
        spec::state::Status::Running => Some(Status::Running),
        spec::state::Status::Paused => Some(Status::Paused),
        // Until its program runs it counts as not started; what has ended is told by its record.
        spec::state::Status::Creating
        | spec::state::Status::Created
        | spec::state::Status::Stopped => None,
    }
}

/// Where the record of a container's end is.
pub(super) fn exit_path(paths: &Paths, record: &Record) -> PathBuf {
    let directory = match record.ephemeral {
        true => paths.run_dir(&record.id),
        false => paths.data_dir(&record.id),
    };
    directory.join("exit.json")
}
