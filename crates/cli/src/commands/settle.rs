//! `wharf __settle`, which the engine runs behind a pull: nobody types it.

pub(crate) use engine::SETTLE_VERB as VERB;

/// Waits for the disk; the argument is the data root. There is nobody to tell an error to: what is
/// not on the disk for certain is known, and the next pull's process tries again.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let [data] = arguments else {
        return 125;
    };
    let Ok(data) = std::path::absolute(data) else {
        return 125;
    };
    // The directory that the command was called in may be on a file system that is to go.
    let left = rustix::process::chdir("/").is_ok();
    match engine::settle(&data) {
        Ok(()) if left => 0,
        _ => 125,
    }
}
