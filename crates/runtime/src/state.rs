//! `state` and `list`: what the runtime says of its containers.

use std::path::Path;

use crate::container::{Container, Record};
use crate::error::{Doing, Error};
use spec::state::Status;

/// The state document of the container `id` below `root`.
///
/// # Errors
/// [`Error::NotFound`].
pub fn state(root: &Path, id: &str) -> Result<spec::state::State, Error> {
    Ok(Container::open(root, id)?.state())
}

/// The facts and the status of the container `id` below `root`.
///
/// # Errors
/// [`Error::NotFound`].
pub fn inspect(root: &Path, id: &str) -> Result<(Record, Status), Error> {
    let container = Container::open(root, id)?;
    let status = container.status();
    Ok((container.record, status))
}

/// Every container below `root`, by id. One that vanishes meanwhile is passed over.
///
/// # Errors
/// When `root` cannot be read; a missing one has no containers.
pub fn list(root: &Path) -> Result<Vec<(Record, Status)>, Error> {
    let clause = || format!("reading {}", root.display());
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(clause)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.doing(clause)?.file_name();
        match inspect(root, &name.to_string_lossy()) {
            Ok(container) => found.push(container),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    Ok(found)
}

/// The processes of the container `id` below `root`, in the caller's pid namespace.
///
/// # Errors
/// [`Error::NotFound`], or a cgroup that cannot be read.
pub fn processes(root: &Path, id: &str) -> Result<Vec<i32>, Error> {
    let container = Container::open(root, id)?;
    match container.cgroup() {
        Some(cgroup) => cgroup.processes().map_err(Error::Cgroup),
        None => Ok(container
            .pid()
            .map(|pid| pid.as_raw_pid())
            .into_iter()
            .collect()),
    }
}
