//! `wharf __names`, which the engine runs for each network: nobody types it.

use std::path::Path;

use engine::NAMES_LOCK as LOCK;
pub(crate) use engine::NAMES_VERB as VERB;

/// Answers for the names of a network; the arguments are both roots, its id and the number of
/// sockets. There is nobody to tell an error to; the next command starts another process.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let ([data, run, id, sockets], Ok(lock)) = (arguments, sys::fds::inherited(LOCK)) else {
        return 125;
    };
    let numbers = (LOCK + 1..).take(sockets.parse().unwrap_or(0));
    let sockets = numbers.map(sys::fds::inherited).collect::<Result<_, _>>();
    // The directory that the command was called in may be on a file system that is to go.
    let (Ok(sockets), Ok(())) = (sockets, rustix::process::chdir("/")) else {
        return 125;
    };
    match engine::serve_names(Path::new(data), Path::new(run), id, lock, sockets) {
        Ok(()) => 0,
        Err(_) => 125,
    }
}
