//! Which operation is legal in which status of a container.
//!
//! Source: runtime-spec, runtime.md "State" and "Lifecycle".

use spec::state::Status;

/// What can be asked of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Start,
    Kill,
    Delete,
    Exec,
    ExecPaused,
    Pause,
    Resume,
    Update,
    Watch,
    Checkpoint,
}

impl Operation {
    /// Whether the operation is legal in `status`.
    pub(crate) fn is_legal_in(self, status: Status) -> bool {
        match self {
            Self::Start => status == Status::Created,
            Self::Kill | Self::ExecPaused => {
                matches!(status, Status::Created | Status::Running | Status::Paused)
            }
            Self::Delete => status == Status::Stopped,
            Self::Exec | Self::Pause => matches!(status, Status::Created | Status::Running),
            Self::Resume => status == Status::Paused,
            Self::Checkpoint => matches!(status, Status::Running | Status::Paused),
            Self::Update | Self::Watch => status != Status::Stopped,
        }
    }

    /// Why the operation is not legal in `status`, in the words that runc's callers look for.
    pub(crate) fn refusal(self, id: &str, status: Status) -> String {
        match (self, status) {
            (Self::Start, Status::Stopped) => "cannot start a container that has stopped".into(),
            (Self::Start, Status::Running) => "cannot start an already running container".into(),
            (Self::Start, _) => format!("cannot start a container in the {status} state"),
            (Self::Exec, Status::Paused) => {
                "cannot exec in a paused container (use --ignore-paused to override)".into()
            }
            (Self::Exec | Self::ExecPaused, _) => format!("cannot exec in a {status} container"),
            (Self::Delete, _) => {
                format!("cannot delete container {id} that is not stopped: {status}")
            }
            (Self::Pause, _) => format!("container not running or created: {status}"),
            (Self::Resume, _) => format!("container not paused: {status}"),
            (Self::Checkpoint, _) => {
                format!("Container cannot be checkpointed in {status} state")
            }
            (Self::Watch, _) => format!("container with id {id} is not running"),
            (Self::Kill | Self::Update, _) => format!("container not running: {id} is {status}"),
        }
    }
}
