//! The verbs of this same program that the engine runs it with: the monitor, and the removal of a
//! `--rm` container whose starter is gone. Front doors recognise them by these names.

use std::path::Path;

use crate::Paths;

/// `wharf __monitor RUN_DIRECTORY`, with the starter's socket as fd 3 and the lock as fd 4.
pub const MONITOR_VERB: &str = "__monitor";

/// `wharf __remove DATA_ROOT RUN_ROOT ID`.
pub const REMOVE_VERB: &str = "__remove";

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
