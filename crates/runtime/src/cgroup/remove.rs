//! Removing a cgroup's directory, also when the last processes in it are still on their way out.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::Timespec;
use rustix::io::Errno;
use rustix::thread::nanosleep;

/// What the kernel may take for the end of a process that has been killed, or that ends by itself.
const DYING_TIME: Duration = Duration::from_secs(10);

/// Between two tries.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000,
};

/// Removes a cgroup and those below; one that is gone is fine.
///
/// A process whose threads are all about to end is in no list any more, and its state is that of a
/// zombie, but it is in the cgroup until the last of them has gone: until then the kernel says that
/// the cgroup is busy.
pub(super) fn remove_directory(path: &Path) -> Result<(), Errno> {
    match remove_empty(path) {
        Err(Errno::BUSY | Errno::NOTEMPTY) => {}
        other => return other,
    }
    let entries =
        std::fs::read_dir(path).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO));
    for entry in entries?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_directory(&entry.path())?;
        }
    }
    let deadline = Instant::now() + DYING_TIME;
    loop {
        match remove_empty(path) {
            Err(Errno::BUSY) if Instant::now() < deadline => pause(),
            other => return other,
        }
    }
}

fn remove_empty(path: &Path) -> Result<(), Errno> {
    match rustix::fs::rmdir(path) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

fn pause() {
    // Whether it was interrupted does not matter: the next try tells.
    let _ = nanosleep(&PAUSE);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::cgroup::hierarchy;

    /// Its process is killed but not waited for.
    #[test]
    fn a_cgroup_goes_with_its_last_process_that_is_ending() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: needs root");
            return;
        }
        let hierarchies = hierarchy::mounted().unwrap();
        let mount = &hierarchies.first().unwrap().mount;
        let path = mount.join(format!("wharf-test-ending-{}", std::process::id()));
        for _ in 0..20 {
            std::fs::create_dir(&path).unwrap();
            if let Ok(memory) = std::fs::read(mount.join("cpuset.mems")) {
                std::fs::write(path.join("cpuset.mems"), memory).unwrap();
                let processors = std::fs::read(mount.join("cpuset.cpus")).unwrap();
                std::fs::write(path.join("cpuset.cpus"), processors).unwrap();
            }
            let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
            std::fs::write(path.join("cgroup.procs"), child.id().to_string()).unwrap();
            child.kill().unwrap();
            let removed = remove_directory(&path);
            child.wait().unwrap();
            assert_eq!(removed, Ok(()));
        }
    }
}
