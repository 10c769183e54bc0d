//! `wharf __probe`, which a monitor runs to look whether its container is well: nobody types it.

use std::path::Path;

pub(crate) use engine::PROBE_VERB as VERB;
use runtime::cgroup::Manager;

use crate::context;
use crate::error_text::sentence;
use crate::output;

/// Takes one look; the arguments are both roots and the id.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let [data, run, id] = arguments else {
        return 125;
    };
    // Nothing is started, so nobody makes a cgroup.
    let opened = context::open(Path::new(data), Path::new(run), Manager::default());
    let looked = opened.and_then(|engine| engine.take_look(id));
    match looked {
        Ok((code, said)) => {
            output::print(&said);
            code
        }
        Err(error) => {
            output::print(&sentence(&error));
            1
        }
    }
}
