//! Kernel parameters of the container: only those that belong to one of its own namespaces.
//!
//! Source: runtime-spec, "linux.sysctl"; the lists follow namespaces(7) and the kernel's
//! Documentation/admin-guide/sysctl.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use spec::runtime::NamespaceType;

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

/// The namespace that a parameter belongs to.
fn owner(key: &str) -> Option<NamespaceType> {
    if IPC.contains(&key) || key.starts_with("fs.mqueue.") {
        return Some(NamespaceType::Ipc);
    }
    if key.starts_with("net.") {
        return Some(NamespaceType::Network);
    }
    matches!(key, "kernel.domainname" | "kernel.hostname").then_some(NamespaceType::Uts)
}

/// Writes the parameters through the container's own /proc, below `root`. It must be a procfs and
/// nothing but it: what an image or a volume puts in its place or on top of it would lead the value
/// elsewhere, to a file of the host's kernel (CVE-2025-52881).
pub(crate) fn apply(
    root: BorrowedFd<'_>,
    parameters: &BTreeMap<String, String>,
) -> Result<(), Fault> {
    if parameters.is_empty() {
        return Ok(());
    }
    let proc = proc_of(root).doing(|| "finding a procfs in the container's /proc".to_owned())?;
    for (key, value) in parameters {
        let path = PathBuf::from(format!("sys/{}", key.replace('.', "/")));
        let clause = || format!("setting {key} to {value:?}");
        let file = sys::path::open_beneath(proc.as_fd(), &path, OFlags::WRONLY).doing(clause)?;
        rustix::io::write(&file, value.as_bytes()).doing(clause)?;
    }
    Ok(())
}

fn proc_of(root: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    const PROC_SUPER_MAGIC: u32 = 0x9fa0;
    const PROC_ROOT_INODE: u64 = 1;
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let proc = sys::path::open_in_root(root, Path::new("/proc"), flags)?;
    let magic = rustix::fs::fstatfs(&proc)?.f_type;
    let is_root = rustix::fs::fstat(&proc)?.st_ino == PROC_ROOT_INODE;
    if u32::try_from(magic) == Ok(PROC_SUPER_MAGIC) && is_root {
        Ok(proc)
    } else {
        Err(Errno::XDEV)
    }
}
