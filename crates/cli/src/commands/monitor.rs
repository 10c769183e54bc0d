//! `wharf __monitor`, which the engine runs beside each container: nobody types it.

use std::path::Path;

pub(crate) use engine::MONITOR_VERB as VERB;

/// The fds that the engine passes on.
const STARTER: i32 = 3;
const LOCK: i32 = 4;

/// Runs the monitor of the container whose run directory is the one argument. There is nobody to
/// tell an error to but the one who finds the container unattended.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let Some(directory) = arguments.first() else {
        return 125;
    };
    let path = Path::new(directory).join("monitor.json");
    let (Ok(Some(config)), Ok(starter), Ok(lock)) = (
        store::read_json(&path),
        sys::fds::inherited(STARTER),
        sys::fds::inherited(LOCK),
    ) else {
        return 125;
    };
    match monitor::run(&config, starter, lock) {
        Ok(()) => 0,
        Err(_) => 125,
    }
}
