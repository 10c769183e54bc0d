//! What can go wrong in the runtime: one error type, and the fault that a step of the container's
//! init reports. Exit codes of front doors are derived here, words for the user are put together
//! from these clauses by whoever stops the error.

use std::path::PathBuf;

use rustix::io::Errno;

use crate::init::Step;

/// A failed operation inside one step: what was being done to which object, and the kernel's
/// answer. Rooms return it; the step's name is added by whoever called the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A clause such as `mounting proc at /proc`.
    pub doing: String,
    /// The kernel's answer.
    pub errno: Errno,
}

impl Fault {
    /// A fault of `doing`, which is a clause without a full stop.
    pub fn new(doing: impl Into<String>, errno: Errno) -> Self {
        Self {
            doing: doing.into(),
            errno,
        }
    }
}

/// Adds what was being done to a bare errno.
pub(crate) trait Doing<T> {
    /// Turns the errno into a [`Fault`] whose clause is only built on failure.
    fn doing(self, clause: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T> Doing<T> for Result<T, Errno> {
    fn doing(self, clause: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|errno| Fault::new(clause(), errno))
    }
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, clause: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|error| {
            Fault::new(clause(), Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })
    }
}

/// Any failure of the runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The container's init could not do one of its steps.
    #[error("{}", .fault.doing)]
    Init {
        /// Which step of `init/child.rs`.
        step: Step,
        /// What it was doing.
        fault: Fault,
        /// The kernel's answer again, as the cause.
        #[source]
        source: std::io::Error,
    },
    /// The parent's own part of making a container failed.
    #[error("{}", .doing)]
    Parent {
        /// What it was doing.
        doing: String,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// The caller's own part of making a container failed.
    #[error("furnishing the container")]
    Furnisher {
        /// Its error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// `config.json` is missing or is not what the specification asks for.
    #[error("reading {}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: spec::Error,
    },
    /// The bundle asks for something that wharf or this kernel does not do.
    #[error("{what} is not supported")]
    Unsupported {
        /// The configuration key with its value.
        what: String,
    },
    /// A value of the configuration is not possible.
    #[error("{key}: {why}")]
    Invalid {
        /// The configuration key.
        key: String,
        /// What is wrong and what is expected.
        why: String,
    },
    /// The program that the container shall run cannot be run.
    #[error("{}", .why)]
    Executable {
        /// One clause naming the program.
        why: String,
        /// Whether it exists (126) or not (127).
        found: bool,
    },
    /// No container has this id.
    #[error("container {id:?} does not exist")]
    NotFound {
        /// The id asked for.
        id: String,
    },
    /// The id is taken.
    #[error("container {id:?} already exists")]
    AlreadyExists {
        /// The id asked for.
        id: String,
    },
    /// The operation is not legal in the container's status.
    #[error("{why}")]
    Status {
        /// What is not legal in which status.
        why: String,
    },
    /// A cgroup could not be made, limited, joined or removed.
    #[error("preparing the cgroup")]
    Cgroup(#[source] crate::cgroup::Error),
    /// The seccomp profile could not be compiled.
    #[error("compiling the seccomp profile")]
    Seccomp(#[source] crate::seccomp::Error),
    /// A hook failed.
    #[error("error running {kind} hook #{index}: {}: {why}", .path.display())]
    Hook {
        /// Which of the six lists.
        kind: &'static str,
        /// Its place in the list, from 0.
        index: usize,
        /// The program.
        path: PathBuf,
        /// How it ended.
        why: String,
    },
    /// CRIU could not do what it was asked for.
    #[error("criu failed: {why} (see {})", .log.display())]
    Criu {
        /// The reason in its log.
        why: String,
        /// Its log.
        log: PathBuf,
    },
    /// The state directory could not be read or written.
    #[error("keeping the container's state")]
    Store(#[from] store::Error),
}

impl Error {
    /// There is nothing to start.
    pub(crate) fn without_process() -> Self {
        Self::Invalid {
            key: "process".to_owned(),
            why: "a container cannot be started without one".to_owned(),
        }
    }

    /// A failure of the parent's own part.
    pub(crate) fn parent(doing: impl Into<String>, errno: Errno) -> Self {
        Self::Parent {
            doing: doing.into(),
            source: errno.into(),
        }
    }

    /// Whether a hook failed, here or in init.
    pub(crate) fn is_of_hook(&self) -> bool {
        let step = Step::Hooks;
        matches!(self, Self::Hook { .. })
            || matches!(self, Self::Init { step: s, .. } if *s == step)
    }

    /// The exit code that `run` and `exec` give for this: 127 no such program, 126 not
    /// executable, 125 anything else.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Executable { found: false, .. } => 127,
            Self::Executable { found: true, .. } => 126,
            Self::Init {
                step: Step::Execute,
                fault,
                ..
            } => match fault.errno {
                Errno::NOENT | Errno::NOTDIR => 127,
                _ => 126,
            },
            _ => 125,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Parent {
            doing: fault.doing,
            source: fault.errno.into(),
        }
    }
}
