//! The process beside a container, from its first instruction to its last: `monitor` watches the
//! container, and what it held is released here, after everybody was told of the end.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::charge::Charge;
use super::find::{self, RECORD};
use super::launch::MONITOR;
use super::recover;
use crate::{Error, Paths};

/// Runs the monitor of the container `id` below these roots. `starter` is the socket to whoever
/// spawned it, `lock` the container's lock; the process should exit when this returns.
///
/// # Errors
/// Nobody is there to be told; what could not be released is found by the next command.
pub fn supervise(
    data: &Path,
    run: &Path,
    id: &str,
    starter: OwnedFd,
    lock: OwnedFd,
) -> Result<(), Error> {
    let paths = Paths {
        data: data.to_owned(),
        run: run.to_owned(),
        executable: Default::default(),
    };
    let charge = Charge::inherited(&paths, id, lock);
    let failed = |source| Error::Monitor {
        name: id.to_owned(),
        source,
    };
    if !monitor::begins(starter.as_fd()).map_err(failed)? {
        // The starter takes back what it made, or was killed, and the next command does.
        return Ok(());
    }
    let Some(config) = store::read_json(&charge.directory().join(MONITOR))? else {
        return Ok(());
    };
    let mut ended = monitor::run(&config, starter).map_err(failed)?;
    let released = release(&paths, charge, id, || ended.tell().map_err(failed));
    ended.take_leave().map_err(failed).and(released)
}

/// Lets nobody find a container that is not to stay, then has everybody told, and then takes the
/// time to release what it held.
fn release(
    paths: &Paths,
    charge: Charge,
    id: &str,
    tell: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    if paths.data_dir(id).join(RECORD).exists() {
        let told = tell();
        return recover::clear_up(paths, charge, id).and(told);
    }
    let record = find::record(paths, id)?;
    recover::forget(paths, &charge, id, record.as_ref())?;
    let told = tell();
    recover::release(paths, &charge, id)?;
    recover::remove_all(paths, charge, id, record.as_ref()).and(told)
}
