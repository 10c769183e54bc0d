//! `wharf __settle`, which the engine runs behind a pull: nobody types it.

pub(crate) use engine::SETTLE_VERB as VERB;
use runtime::cgroup::Manager;

use crate::context;

/// Waits for the disk; the arguments are both roots. There is nobody to tell an error to: what is
/// not on the disk for certain is known, and the next pull's process tries again.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let [data, run] = arguments else {
        return 125;
    };
    let (Ok(data), Ok(run)) = (std::path::absolute(data), std::path::absolute(run)) else {
        return 125;
    };
    // The directory that the command was called in may be on a file system that is to go.
    let left = rustix::process::chdir("/").is_ok();
    let opened = context::open(&data, &run, Manager::default());
    match opened.map(|engine| engine.settle()) {
        Ok(Ok(())) if left => 0,
        _ => 125,
    }
}
