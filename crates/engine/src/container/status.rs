//! What a container is at a moment, and which operation is legal then. The facts that the status
//! follows from are gathered in `live.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made and never started.
    Created,
    /// Its process runs.
    Running,
    /// Its processes stand still.
    Paused,
    /// Its process ended, and is about to be started again.
    Restarting,
    /// Its process ended.
    Exited,
}

/// What can be asked of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Run its process.
    Start,
    /// End its process, gently first.
    Stop,
    /// Send a signal.
    Kill,
    /// Run one more process.
    Exec,
    /// Connect to its streams.
    Attach,
    /// Make its processes stand still.
    Pause,
    /// Let them go on.
    Unpause,
    /// Remove it.
    Remove,
    /// Show what it uses.
    Stats,
    /// Show its processes.
    Top,
    /// Use its namespaces.
    Enter,
    /// Copy files.
    Copy,
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Do it.
    Go,
    /// It is so already.
    Nothing,
    /// Refuse.
    Conflict,
}

impl Status {
    /// Whether `operation` is legal in this status.
    pub(crate) fn judge(self, operation: Operation) -> Verdict {
        use Operation::{
            Attach, Copy, Enter, Exec, Kill, Pause, Remove, Start, Stats, Stop, Top, Unpause,
        };
        use Status::{Created, Exited, Paused, Restarting, Running};
        match (operation, self) {
            (Start | Remove, Created | Exited)
            | (Stop | Kill | Attach | Stats | Top | Enter, Running | Paused)
            | (Exec | Pause, Running)
            | (Copy, Created | Running | Paused | Exited)
            | (Stop, Restarting)
            | (Unpause, Paused) => Verdict::Go,
            (Start, Running | Restarting) | (Stop, Created | Exited) => Verdict::Nothing,
            (Start, Paused)
            | (Kill | Attach | Unpause | Stats | Top | Enter, Created | Exited)
            | (Exec | Pause, Created | Paused | Exited)
            | (Unpause, Running)
            | (Remove, Running | Paused | Restarting)
            | (Kill | Attach | Exec | Pause | Unpause | Stats | Top | Enter | Copy, Restarting) => {
                Verdict::Conflict
            }
        }
    }

    /// Whether there is something to do for `operation`.
    ///
    /// # Errors
    /// [`Error::Status`], naming the container `name`, when it is not legal.
    pub(crate) fn require(self, operation: Operation, name: &str) -> Result<bool, Error> {
        match self.judge(operation) {
            Verdict::Go => Ok(true),
            Verdict::Nothing => Ok(false),
            Verdict::Conflict => Err(Error::Status {
                operation,
                name: name.to_owned(),
                status: self,
            }),
        }
    }

    /// Whether somebody is beside it, so that `ps` shows it.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// Docker's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "not started yet",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "not running",
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Exec => "exec in",
            Self::Attach => "attach to",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Remove => "remove",
            Self::Stats => "show what is used by",
            Self::Top => "show the processes of",
            Self::Enter => "enter",
            Self::Copy => "copy files of",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_a_running_container_is_a_conflict() {
        let error = Status::Running
            .require(Operation::Remove, "web")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot remove container web: it is running"
        );
        assert_eq!(error.kind(), crate::Kind::Conflict);
    }

    #[test]
    fn starting_what_runs_and_stopping_what_does_not_is_nothing() {
        assert!(!Status::Running.require(Operation::Start, "web").unwrap());
        assert!(!Status::Exited.require(Operation::Stop, "web").unwrap());
        assert!(!Status::Created.require(Operation::Stop, "web").unwrap());
    }

    #[test]
    fn a_paused_container_can_be_killed_but_takes_no_new_process() {
        assert_eq!(Status::Paused.judge(Operation::Kill), Verdict::Go);
        assert_eq!(Status::Paused.judge(Operation::Exec), Verdict::Conflict);
    }
}
