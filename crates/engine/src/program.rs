//! The verbs of this same program that the engine runs it with: the monitor, and the removal of a
//! `--rm` container whose starter is gone. Front doors recognise them by these names.

use std::ffi::CStr;
use std::path::Path;

use crate::Paths;

/// `wharf __monitor RUN_DIRECTORY`, with the starter's socket as fd 3 and the lock as fd 4.
pub const MONITOR_VERB: &str = "__monitor";

/// `wharf __remove DATA_ROOT RUN_ROOT ID`.
pub const REMOVE_VERB: &str = "__remove";

/// The whole environment of a monitor: a small heap for a process that lives long and mostly waits.
/// Large blocks get pages of their own, so that the untouched buffers of a silent container take
/// no memory; nothing is taken in advance, and freed blocks are not kept for reuse.
pub(crate) const MONITOR_ENVIRONMENT: &CStr = c"GLIBC_TUNABLES=glibc.malloc.tcache_count=0:\
glibc.malloc.mmap_threshold=8192:glibc.malloc.top_pad=0";

/// The arguments that run a monitor.
pub(crate) fn monitor(directory: &Path) -> Vec<String> {
    arguments(&[MONITOR_VERB, &directory.to_string_lossy()])
}

/// The arguments that remove a container.
pub(crate) fn removal(paths: &Paths, id: &str) -> Vec<String> {
    let (data, run) = (paths.data.to_string_lossy(), paths.run.to_string_lossy());
    arguments(&[REMOVE_VERB, &data, &run, id])
}

fn arguments(words: &[&str]) -> Vec<String> {
    std::iter::once(&"wharf")
        .chain(words)
        .map(|word| (*word).to_owned())
        .collect()
}
