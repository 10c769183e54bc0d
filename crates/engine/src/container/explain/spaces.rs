//! The namespaces of a container, and who else is in them.

use serde::Serialize;
use spec::runtime::NamespaceType;

use crate::{Engine, Error};

/// A namespace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Space {
    /// Its kind, as in /proc.
    pub kind: &'static str,
    /// The kernel's number of it.
    pub id: u64,
    /// Whose it is.
    pub whose: Whose,
    /// Other containers that are in it.
    pub shared_with: Vec<String>,
}

/// Whose a namespace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// The container's, perhaps with other containers.
    Container,
    /// That of whoever asks: the host's.
    Host,
}

/// The namespaces of the process `pid`, which belongs to the container `id`.
pub(super) fn of(engine: &Engine, pid: i32, id: &str) -> Result<Vec<Space>, Error> {
    let others: Vec<(String, i32)> = engine
        .list(false)?
        .into_iter()
        .filter(|(record, _)| record.id != id)
        .filter_map(|(record, live)| Some((record.name, live.pid?)))
        .collect();
    let spaces = NamespaceType::ALL.into_iter().filter_map(|kind| {
        let number = number(&pid.to_string(), kind)?;
        let is_here = |pid: &i32| self::number(&pid.to_string(), kind) == Some(number);
        let is_hosts = self::number("self", kind) == Some(number);
        let shared = others.iter().filter(|(_, pid)| !is_hosts && is_here(pid));
        Some(Space {
            kind: kind.proc_name(),
            id: number,
            whose: match is_hosts {
                true => Whose::Host,
                false => Whose::Container,
            },
            shared_with: shared.map(|(name, _)| name.clone()).collect(),
        })
    });
    Ok(spaces.collect())
}

fn number(process: &str, kind: NamespaceType) -> Option<u64> {
    let path = format!("/proc/{process}/ns/{}", kind.proc_name());
    Some(rustix::fs::stat(path).ok()?.st_ino)
}

/// The lines of a map of the user namespace of a process.
pub(super) fn id_map(pid: i32, file: &str) -> Vec<String> {
    let text = sys::proc::read(&format!("/proc/{pid}/{file}")).unwrap_or_default();
    let lines = text.lines();
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect()
}

/// The names of the devices in the network namespace of a process.
pub(super) fn network_devices(pid: i32) -> Vec<String> {
    let text = sys::proc::read(&format!("/proc/{pid}/net/dev")).unwrap_or_default();
    let lines = text.lines().skip(2);
    let names = lines.filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.trim().to_owned()).collect()
}
