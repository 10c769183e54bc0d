//! `wharf __remove`, which the monitor of a `--rm` container runs when the container's starter is
//! gone: nobody types it.

use std::path::Path;

use crate::context;

pub(crate) use engine::REMOVE_VERB as VERB;

/// Removes what is left of a container; the arguments are both roots and the id. What cannot be
/// removed is found by the next command.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let [data, run, id] = arguments else {
        return 125;
    };
    let removed = context::open(Path::new(data), Path::new(run))
        .and_then(|engine| engine.remove_leftover(id));
    i32::from(removed.is_err())
}
