//! The verb of this same program that the engine runs beside each container. Front doors recognise
//! it by this name.

use std::ffi::CStr;

use crate::Paths;

/// `wharf __monitor DATA_ROOT RUN_ROOT ID`, with the starter's socket as fd 3 and the lock as fd 4.
pub const MONITOR_VERB: &str = "__monitor";

/// The whole environment of a monitor: a small heap for a process that lives long and mostly waits.
/// Large blocks get pages of their own, so that the untouched buffers of a silent container take
/// no memory; nothing is taken in advance, and freed blocks are not kept for reuse.
pub(crate) const MONITOR_ENVIRONMENT: &CStr = c"GLIBC_TUNABLES=glibc.malloc.tcache_count=0:\
glibc.malloc.mmap_threshold=8192:glibc.malloc.top_pad=0";

/// `wharf __probe DATA_ROOT RUN_ROOT ID`: one look at a container's health.
pub const PROBE_VERB: &str = "__probe";

/// `wharf __settle DATA_ROOT`: waits until what was pulled is on the disk.
pub const SETTLE_VERB: &str = "__settle";

/// `wharf __names DATA_ROOT RUN_ROOT ID SOCKETS`: answers for the names of a network, with a lock as
/// fd 3 and so many sockets after it.
pub const NAMES_VERB: &str = "__names";

/// The fd of that lock.
pub const NAMES_LOCK: i32 = 3;

/// The arguments that answer for the network `id`.
pub(crate) fn names(paths: &Paths, id: &str, sockets: usize) -> [String; 6] {
    let (data, run) = (paths.data.to_string_lossy(), paths.run.to_string_lossy());
    let sockets = sockets.to_string();
    ["wharf", NAMES_VERB, &data, &run, id, &sockets].map(str::to_owned)
}

/// The arguments that wait for the disk.
pub(crate) fn settle(paths: &Paths) -> [String; 3] {
    ["wharf", SETTLE_VERB, &paths.data.to_string_lossy()].map(str::to_owned)
}

/// The arguments that take a look at the container `id`.
pub(crate) fn probe(paths: &Paths, id: &str) -> [String; 5] {
    let (data, run) = (paths.data.to_string_lossy(), paths.run.to_string_lossy());
    ["wharf", PROBE_VERB, &data, &run, id].map(str::to_owned)
}

/// The arguments that run the monitor of the container `id`.
pub(crate) fn monitor(paths: &Paths, id: &str) -> [String; 5] {
    let (data, run) = (paths.data.to_string_lossy(), paths.run.to_string_lossy());
    ["wharf", MONITOR_VERB, &data, &run, id].map(str::to_owned)
}
