//! What can go wrong with cgroups.

use std::path::PathBuf;

use rustix::io::Errno;

/// A failed operation on a cgroup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused an operation on a file or directory.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A value could not be set.
    #[error("setting {file} to {value:?}")]
    Limit {
        /// The cgroup file.
        file: String,
        /// What was written.
        value: String,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// Limits were asked for by somebody who may not make cgroups.
    #[error(
        "limits need the right to make a cgroup below {}: run as root, or let the host delegate \
         a cgroup v2 subtree to you",
        .path.display()
    )]
    Permission {
        /// Where one would have to be made.
        path: PathBuf,
    },
    /// The kernel or the host has no such limit.
    #[error("{key} needs the {controller} controller, which this host does not offer")]
    NoController {
        /// The key of `config.json`.
        key: &'static str,
        /// The controller's name.
        controller: &'static str,
    },
    /// The controller is there and cannot limit this: a size of huge pages that there is not, or a
    /// newer kernel's.
    #[error("{key} needs {file}, which the {controller} controller of this host does not have")]
    NoFile {
        /// The key of `config.json`.
        key: &'static str,
        /// The controller's name.
        controller: &'static str,
        /// The file that is missing.
        file: String,
    },
    /// A limit that wharf does not set yet.
    #[error("{key} is not supported")]
    Unsupported {
        /// The key of `config.json`.
        key: String,
    },
    /// A v1 controller that no hierarchy of the container has.
    #[error("unknown controller {name}")]
    UnknownController {
        /// Its name.
        name: String,
    },
    /// A group below the container's that cannot be entered.
    #[error("error adding pid to the cgroup {} below the container's", .path.display())]
    Sub {
        /// Its path.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A path that does not stay below the container's cgroup.
    #[error("bad sub cgroup path: {} is not below the container's cgroup", .path.display())]
    SubLeadsOut {
        /// The path.
        path: PathBuf,
    },
    /// A path that cannot be a cgroup's.
    #[error("linux.cgroupsPath: {path:?} {why}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Whatever goes into the cgroup stands still.
    #[error("container's cgroup unexpectedly frozen: {}", .path.display())]
    Frozen {
        /// Its directory.
        path: PathBuf,
    },
    /// systemd did not do what it was asked for.
    #[error("{operation} {unit} by way of systemd")]
    Systemd {
        /// What it should do.
        operation: &'static str,
        /// The unit.
        unit: String,
        /// Why it did not.
        #[source]
        source: crate::dbus::Error,
    },
    /// An annotation that sets a property of a systemd unit is wrong.
    #[error("annotation {key}: {why}")]
    Annotation {
        /// Its name.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// A limit without a cgroup.
    #[error("linux.resources has limits, and no cgroup shall be made for them")]
    NoCgroup,
    /// Somebody else's processes are in the cgroup.
    #[error("container's cgroup is not empty: other processes are in {}", .path.display())]
    InUse {
        /// Its directory.
        path: PathBuf,
    },
}

impl Error {
    pub(super) fn io(operation: &'static str, path: impl Into<PathBuf>, errno: Errno) -> Self {
        Self::Io {
            operation,
            path: path.into(),
            source: errno.into(),
        }
    }

    /// Whether a value was refused that may be taken once another has changed.
    pub(super) fn may_be_order(&self) -> bool {
        let Self::Limit { source, .. } = self else {
            return false;
        };
        matches!(
            Errno::from_io_error(source),
            Some(Errno::INVAL | Errno::BUSY)
        )
    }

    /// Whether a path met the border that it was resolved below.
    pub(super) fn leads_out(&self) -> bool {
        matches!(self, Self::Sub { source, .. }
            if Errno::from_io_error(source) == Some(Errno::XDEV))
    }

    /// Whether a right was missing.
    pub(super) fn is_permission(&self) -> bool {
        let Self::Io { source, .. } = self else {
            return false;
        };
        matches!(
            Errno::from_io_error(source),
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS)
        )
    }
}
