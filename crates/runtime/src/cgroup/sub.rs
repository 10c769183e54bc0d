//! Groups below a container's cgroup, for `exec --cgroup`, and where a process stands that moved
//! away from it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::process::Pid;

use super::group::{open_directory, read_at};
use super::{Cgroup, Error, Member};

/// A group below a container's cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubCgroup {
    /// The v1 controllers for which it is meant; none means every hierarchy.
    pub controllers: Vec<String>,
    /// Its path below the container's cgroup.
    pub path: PathBuf,
}

impl Cgroup {
    /// The cgroup with some of its directories replaced by groups below them, which must exist.
    ///
    /// # Errors
    /// When a controller is unknown, a path leads out of the cgroup, or a group is not there.
    pub fn below(self, subs: &[SubCgroup]) -> Result<Self, Error> {
        let mut cgroup = self;
        for sub in subs {
            for controller in &sub.controllers {
                let known = |member: &Member| member.controllers.contains(controller);
                if !cgroup.paths.0.iter().any(known) {
                    return Err(Error::UnknownController {
                        name: controller.clone(),
                    });
                }
            }
            for (member, directory) in cgroup.paths.0.iter_mut().zip(&mut cgroup.directories) {
                let is_meant = sub.controllers.is_empty()
                    || sub
                        .controllers
                        .iter()
                        .any(|c| member.controllers.contains(c));
                if !is_meant {
                    continue;
                }
                let relative = sub.path.strip_prefix("/").unwrap_or(&sub.path);
                let found = open_below(directory, relative).map_err(|errno| Error::Sub {
                    path: sub.path.clone(),
                    source: errno.into(),
                });
                if matches!(&found, Err(error) if error.leads_out()) {
                    return Err(Error::SubLeadsOut {
                        path: sub.path.clone(),
                    });
                }
                *directory = found?;
                member.path.push(relative);
            }
        }
        Ok(cgroup)
    }

    /// v2: a group whose controllers are given on to groups below may hold no processes. Then those
    /// of the container are where its init moved itself, and new ones belong there too.
    ///
    /// # Errors
    /// When it cannot be found.
    pub fn with_processes_of(self, init: Pid) -> Result<Self, Error> {
        let mut cgroup = self;
        let Some(index) = cgroup.paths.0.iter().position(Member::is_unified) else {
            return Ok(cgroup);
        };
        let (member, directory) = (&mut cgroup.paths.0[index], &mut cgroup.directories[index]);
        let failed = |path: &Path, errno| Error::io("finding the processes of", path, errno);
        let given_on = read_at(directory.as_fd(), "cgroup.subtree_control")
            .map_err(|errno| failed(&member.path, errno))?;
        if given_on.trim().is_empty() {
            return Ok(cgroup);
        }
        let path = format!("/proc/{}/cgroup", init.as_raw_pid());
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let below = text.lines().find_map(|line| line.strip_prefix("0::"));
        let mount = mount_point(&member.path).unwrap_or(&member.path);
        if let Some(moved) = below.and_then(|path| join_below(mount, &member.path, path)) {
            *directory = open_directory(&moved).map_err(|errno| failed(&moved, errno))?;
            member.path = moved;
        }
        Ok(cgroup)
    }
}

/// Where the hierarchy of a cgroup's directory is mounted.
fn mount_point(directory: &Path) -> Option<&Path> {
    let device = |path: &Path| rustix::fs::stat(path).map(|stat| stat.st_dev).ok();
    let own = device(directory);
    let above = |path: &&Path| device(path) == own;
    directory.ancestors().take_while(above).last()
}

/// The directory of `path`, a process' own cgroup in the hierarchy at `mount`, when it is below
/// `directory`.
fn join_below(mount: &Path, directory: &Path, path: &str) -> Option<PathBuf> {
    let whole = mount.join(path.strip_prefix('/')?);
    (whole != directory && whole.starts_with(directory)).then_some(whole)
}

fn open_below(directory: &impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    openat2(directory, path, flags, Mode::empty(), resolve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_moved_down_is_found_below_the_mount() {
        let mount = Path::new("/sys/fs/cgroup");
        let directory = mount.join("a/b");
        let found = |path| join_below(mount, &directory, path);
        assert_eq!(found("/a/b/c"), Some(directory.join("c")));
        assert_eq!(found("/a/b"), None);
        assert_eq!(found("/elsewhere"), None);
    }
}
