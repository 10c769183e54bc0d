//! Lists of processors and memory nodes that a container is bound to: only those that this machine
//! has.

use super::config::Resources;
use crate::Error;

/// The processors and the memory nodes that the kernel uses now.
const PROCESSORS: &str = "/sys/devices/system/cpu/online";
const NODES: &str = "/sys/devices/system/node/online";

/// Refuses lists that are none, and numbers that are not there.
pub(super) fn check(wanted: &Resources) -> Result<(), Error> {
    for (what, list, online) in [
        ("list of processors", &wanted.cpuset_cpus, PROCESSORS),
        ("list of memory nodes", &wanted.cpuset_mems, NODES),
    ] {
        if let Some(list) = list {
            check_list(what, list, online)?;
        }
    }
    Ok(())
}

fn check_list(what: &'static str, list: &str, online: &str) -> Result<(), Error> {
    let numbers = runtime::parse_id_list(list).map_err(|why| Error::Invalid { what, why })?;
    // A kernel without several nodes has no such file, and one node.
    let there = std::fs::read_to_string(online).unwrap_or_else(|_| "0".to_owned());
    let there = there.trim();
    let known = runtime::parse_id_list(there).unwrap_or_default();
    match numbers.into_iter().find(|number| !known.contains(number)) {
        Some(number) => Err(Error::Invalid {
            what,
            why: format!("{list:?} has {number}, and this machine has {there}"),
        }),
        None => Ok(()),
    }
}
