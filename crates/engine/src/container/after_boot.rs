//! Starting the containers whose policy asks for it, after a boot or after their monitors were
//! killed.

use super::live::look;
use super::record::Record;
use super::recover;
use super::restarts::{RestartPolicy, stopped_mark};
use super::status::Status;
use crate::{Engine, Error};

/// A container that was to be started.
#[derive(Debug)]
pub struct StartedAgain {
    /// Its name.
    pub name: String,
    /// What came of it.
    pub outcome: Result<(), Error>,
}

impl Engine {
    /// Starts every container that should run and does not: those that always run, those that the
    /// user had not stopped, and those whose last end nobody lived to write down. Gives back the
    /// names, each with what came of it.
    ///
    /// # Errors
    /// When the containers cannot be listed.
    pub fn start_after_boot(&self) -> Result<Vec<StartedAgain>, Error> {
        let mut started = Vec::new();
        for (record, _) in self.list(true)? {
            let wanted = self.should_run(&record);
            if wanted.as_ref().is_ok_and(|wanted| !wanted) {
                continue;
            }
            let outcome = wanted.and_then(|_| self.start(&record.id, None)).map(drop);
            started.push(StartedAgain {
                name: record.name,
                outcome,
            });
        }
        Ok(started)
    }

    fn should_run(&self, record: &Record) -> Result<bool, Error> {
        let live = look(&self.paths, record)?;
        if live.status != Status::Exited {
            return Ok(false);
        }
        let was_cut_off = live.exit.as_ref().is_some_and(recover::is_by_lost_monitor);
        Ok(match record.config.restart {
            RestartPolicy::No => false,
            RestartPolicy::Always => true,
            RestartPolicy::UnlessStopped => !stopped_mark(&self.paths, &record.id).exists(),
            RestartPolicy::OnFailure { .. } => was_cut_off,
        })
    }
}
