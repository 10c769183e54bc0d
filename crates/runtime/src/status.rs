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
    Pause,
    Resume,
}

impl Operation {
    /// Whether the operation is legal in `status`.
    pub(crate) fn is_legal_in(self, status: Status) -> bool {
        match self {
            Self::Start => status == Status::Created,
            Self::Kill => matches!(status, Status::Created | Status::Running | Status::Paused),
            Self::Delete => status == Status::Stopped,
            Self::Exec | Self::Pause => matches!(status, Status::Created | Status::Running),
            Self::Resume => status == Status::Paused,
        }
    }

    /// The verb for the user.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Kill => "kill",
            Self::Delete => "delete",
            Self::Exec => "exec in",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}
