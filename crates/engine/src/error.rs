//! What can go wrong in the engine. A variant says what was being done to which object; the cause
//! is its source. What the user reads is put together by front doors.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::Kind;
use crate::container::{Operation, Status};

/// Any failure of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No container has this name or id.
    #[error("no such container: {name}")]
    NoSuchContainer {
        /// As asked for.
        name: String,
    },
    /// A file that was asked for does not exist.
    #[error("no such file or directory: {path}")]
    NoSuchFile {
        /// As asked for, `CONTAINER:` before it if it is a container's.
        path: String,
    },
    /// No volume has this name.
    #[error("no such volume: {name}")]
    NoSuchVolume {
        /// As asked for.
        name: String,
    },
    /// A volume is in use.
    #[error("volume {name} is used by container {container}: remove that one first")]
    VolumeInUse {
        /// The volume.
        name: String,
        /// The container.
        container: String,
    },
    /// No network has this name or id.
    #[error("no such network: {name}")]
    NoSuchNetwork {
        /// As asked for.
        name: String,
    },
    /// The name of a new network is taken.
    #[error("network {name} exists already")]
    NetworkExists {
        /// The name.
        name: String,
    },
    /// A network is in use.
    #[error("network {name} is used by container {container}: disconnect or stop that one first")]
    NetworkInUse {
        /// The network.
        name: String,
        /// The container.
        container: String,
    },
    /// A container is connected to a network already, or is not.
    #[error("container {container} {state} the network {name}")]
    Connection {
        /// The container.
        container: String,
        /// How it stands to the network: `is not connected to`.
        state: &'static str,
        /// The network.
        name: String,
    },
    /// A network could not be made, or a container be connected to it.
    #[error("network {name}")]
    Network {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: network::Error,
    },
    /// Networks could not be looked at or changed.
    #[error(transparent)]
    Networks(#[from] network::Error),
    /// The beginning of an id means more than one container.
    #[error("{prefix:?} is the beginning of more than one container's id")]
    AmbiguousContainer {
        /// As asked for.
        prefix: String,
    },
    /// The name of a new container is taken.
    #[error("the name {name:?} is in use by container {owner}")]
    NameTaken {
        /// The name.
        name: String,
        /// The id of the container that has it, shortened.
        owner: String,
    },
    /// The operation is not legal in the container's status.
    #[error("cannot {operation} container {name}: it is {status}")]
    Status {
        /// What was asked for.
        operation: Operation,
        /// The container's name.
        name: String,
        /// What it is.
        status: Status,
    },
    /// Another process is just starting, ending or removing the container.
    #[error("container {name} is being started or removed by another process")]
    Busy {
        /// The container's name.
        name: String,
    },
    /// A value of the configuration is not possible.
    #[error("invalid {what}: {why}")]
    Invalid {
        /// The setting, in the user's words.
        what: &'static str,
        /// What is wrong and what is expected.
        why: String,
    },
    /// The caller has not the right to what was asked for.
    #[error("{what} needs {right}")]
    Forbidden {
        /// What was asked for.
        what: String,
        /// The missing right.
        right: &'static str,
    },
    /// What was asked for is not done by wharf, or not on this machine.
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// Why not.
        why: &'static str,
    },
    /// The container could not be started.
    #[error("cannot start container {name}: {message}")]
    NotStarted {
        /// The container's name.
        name: String,
        /// What `run` exits with: 125, 126 or 127.
        exit_code: i32,
        /// The monitor's words, with the causes.
        message: String,
    },
    /// The monitor ended before it said how the start went.
    #[error("the monitor of container {name} ended before it started the container")]
    MonitorLost {
        /// The container's name.
        name: String,
    },
    /// No id range is left for one more container.
    #[error("all {count} ranges of user ids are taken by running containers")]
    NoIdRange {
        /// How many there are.
        count: u32,
    },
    /// An operation on a file or another kernel object failed.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was being done, as `making`.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A document of ours could not be kept or read.
    #[error("keeping the books")]
    Store(#[from] store::Error),
    /// The runtime failed.
    #[error("container {name}")]
    Runtime {
        /// The container's name.
        name: String,
        /// Its error.
        #[source]
        source: runtime::Error,
    },
    /// The monitor could not be reached or understood.
    #[error("talking to the monitor of container {name}")]
    Monitor {
        /// The container's name.
        name: String,
        /// Why.
        #[source]
        source: monitor::Error,
    },
    /// An image could not be found, made, read or removed.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// An image is in use.
    #[error("image {image} is used by container {container}: remove that one first, or force it")]
    ImageInUse {
        /// The image, as asked for.
        image: String,
        /// The container's id, shortened.
        container: String,
    },
}

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoSuchContainer { .. }
            | Self::NoSuchVolume { .. }
            | Self::NoSuchNetwork { .. }
            | Self::NoSuchFile { .. } => Kind::NotFound,
            Self::VolumeInUse { .. }
            | Self::NetworkInUse { .. }
            | Self::Connection { .. }
            | Self::Status { .. }
            | Self::ImageInUse { .. } => Kind::Conflict,
            Self::NameTaken { .. } | Self::NetworkExists { .. } => Kind::AlreadyExists,
            Self::Network { source, .. } | Self::Networks(source) => of_network(source),
            Self::Invalid { .. } | Self::AmbiguousContainer { .. } => Kind::InvalidArgument,
            Self::Forbidden { .. } => Kind::Forbidden,
            Self::Busy { .. } | Self::NoIdRange { .. } => Kind::Unavailable,
            Self::Unsupported { .. } => Kind::Unsupported,
            Self::NotStarted {
                exit_code: 126 | 127,
                ..
            } => Kind::InvalidArgument,
            Self::NotStarted { .. } | Self::MonitorLost { .. } => Kind::Internal,
            Self::Io { source, .. } => of_io(source),
            Self::Store(error) => error.errno().map_or(Kind::Internal, of_errno),
            Self::Runtime { source, .. } => of_runtime(source),
            Self::Monitor { .. } => Kind::Internal,
            Self::Image(error) => of_image(error),
        }
    }

    /// The exit code of `run` and `exec` for this failure: 127 no such program, 126 not
    /// executable, 125 anything else.
    pub fn run_exit_code(&self) -> i32 {
        match self {
            Self::NotStarted { exit_code, .. } => *exit_code,
            Self::Runtime { source, .. } => source.exit_code(),
            _ => 125,
        }
    }

    /// What failed with the network `name`.
    pub(crate) fn of_network(name: &str, source: network::Error) -> Self {
        Self::Network {
            name: name.to_owned(),
            source,
        }
    }

    /// An operation on `path` that the kernel refused.
    pub(crate) fn io(
        operation: &'static str,
        path: &Path,
        source: impl Into<std::io::Error>,
    ) -> Self {
        Self::Io {
            operation,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

fn of_io(error: &std::io::Error) -> Kind {
    Errno::from_io_error(error).map_or(Kind::Internal, of_errno)
}

fn of_errno(errno: Errno) -> Kind {
    match errno {
        Errno::ACCESS | Errno::PERM | Errno::ROFS => Kind::Forbidden,
        Errno::NOSPC | Errno::DQUOT | Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
            Kind::Unavailable
        }
        _ => Kind::Internal,
    }
}

fn of_network(error: &network::Error) -> Kind {
    match error {
        network::Error::Exhausted { .. } => Kind::Unavailable,
        network::Error::AddressTaken { .. } => Kind::Conflict,
        network::Error::OutOfRange { .. } => Kind::InvalidArgument,
        _ => error.errno().map_or(Kind::Internal, of_errno),
    }
}

fn of_runtime(error: &runtime::Error) -> Kind {
    match error {
        runtime::Error::NotFound { .. } => Kind::NotFound,
        runtime::Error::AlreadyExists { .. } => Kind::AlreadyExists,
        runtime::Error::Status { .. } => Kind::Conflict,
        runtime::Error::Unsupported { .. } => Kind::Unsupported,
        runtime::Error::Invalid { .. } | runtime::Error::Executable { .. } => Kind::InvalidArgument,
        _ => Kind::Internal,
    }
}

fn of_image(error: &image::Error) -> Kind {
    match error {
        image::Error::NotFound { .. } | image::Error::NoSuchFile(_) => Kind::NotFound,
        image::Error::Registry(error) => of_registry(error),
        image::Error::NoPlatform { .. } => Kind::NotFound,
        image::Error::Unusable { .. } => Kind::Unsupported,
        image::Error::Reference { .. }
        | image::Error::Ambiguous { .. }
        | image::Error::BuiltIn { .. }
        | image::Error::NotExecutable { .. }
        | image::Error::SpecialFile(_) => Kind::InvalidArgument,
        image::Error::Io { source, .. } => of_io(source),
        _ => Kind::Internal,
    }
}

fn of_registry(error: &image::registry::Error) -> Kind {
    use image::registry::Error as Registry;
    match error {
        Registry::NotFound { .. } => Kind::NotFound,
        Registry::Unauthorized { .. }
        | Registry::Denied { .. }
        | Registry::Blocked { .. }
        | Registry::NotSigned { .. } => Kind::Forbidden,
        Registry::Unreachable { .. }
        | Registry::BrokenOff { .. }
        | Registry::RateLimited { .. }
        | Registry::Status { .. } => Kind::Unavailable,
        Registry::Settings { .. } => Kind::InvalidArgument,
        _ => Kind::Internal,
    }
}
