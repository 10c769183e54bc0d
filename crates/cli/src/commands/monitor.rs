//! `wharf __monitor`, which the engine runs beside each container: nobody types it.

use std::path::Path;

pub(crate) use engine::MONITOR_VERB as VERB;

/// The fds that the engine passes on.
const STARTER: i32 = 3;
const LOCK: i32 = 4;

/// Runs the monitor of a container; the arguments are both roots and the id. There is nobody to
/// tell an error to but the one who finds the container unattended.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let ([data, run, id], Ok(starter), Ok(lock)) = (
        arguments,
        sys::fds::inherited(STARTER),
        sys::fds::inherited(LOCK),
    ) else {
        return 125;
    };
    match engine::supervise(Path::new(data), Path::new(run), id, starter, lock) {
        Ok(()) => 0,
        Err(_) => 125,
    }
}
