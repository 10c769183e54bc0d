//! Kernel parameters of the container: only those that belong to one of its own namespaces.
//!
//! Source: runtime-spec, "linux.sysctl"; the lists follow namespaces(7) and the kernel's
//! Documentation/admin-guide/sysctl.

use std::collections::BTreeMap;
use std::path::Path;

use spec::runtime::NamespaceType;
use sys::procfs::Procfs;

use crate::error::{Doing, Error, Fault};
use crate::namespaces::Namespaces;

/// Parameters that each ipc namespace has for itself.
const IPC: [&str; 9] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.shm_next_id",
];

/// Refuses every parameter that would change the host.
pub(crate) fn check(
    parameters: &BTreeMap<String, String>,
    namespaces: &Namespaces,
) -> Result<(), Error> {
    for key in parameters.keys() {
        let Some(kind) = owner(key) else {
            return Err(refused(
                key,
                "it belongs to no namespace and would change the host",
            ));
        };
        if namespaces.is_shared(kind) {
            let why = format!("the container shares the host's {} namespace", kind.name());
            return Err(refused(key, &why));
        }
    }
    Ok(())
}

fn refused(key: &str, why: &str) -> Error {
    Error::Invalid {
        key: format!("linux.sysctl {key:?}"),
        why: why.to_owned(),
    }
}

/// The namespace that a parameter belongs to; without one it is the host's.
pub fn owner(key: &str) -> Option<NamespaceType> {
    if IPC.contains(&key) || key.starts_with("fs.mqueue.") {
        return Some(NamespaceType::Ipc);
    }
    if key.starts_with("net.") {
        return Some(NamespaceType::Network);
    }
    matches!(key, "kernel.domainname" | "kernel.hostname").then_some(NamespaceType::Uts)
}

/// Writes the parameters of the calling process' namespaces, through the host's /proc: what the
/// container has there may be anything.
pub(crate) fn apply(parameters: &BTreeMap<String, String>) -> Result<(), Fault> {
    if parameters.is_empty() {
        return Ok(());
    }
    let procfs = Procfs::open().doing(|| "opening the host's /proc".to_owned())?;
    for (key, value) in parameters {
        let path = Path::new("sys").join(key.replace('.', "/"));
        let clause = || format!("setting {key} to {value:?}");
        let file = procfs.open_for_writing(&path).doing(clause)?;
        rustix::io::write(&file, value.as_bytes()).doing(clause)?;
    }
    Ok(())
}
