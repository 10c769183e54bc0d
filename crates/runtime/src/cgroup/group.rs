//! A container's cgroup: one directory in each hierarchy, made together, entered by the child
//! itself, and removed together.

use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, openat, rmdir};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use spec::runtime::LinuxResources;

use super::hierarchy::{self, Hierarchy};
use super::remove::remove_directory;
use super::{Error, Unit};

/// The cgroup in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The name of the hierarchy's mount point; empty for a v2 hierarchy that stands alone.
    pub name: String,
    /// The v1 controllers; empty for v2.
    pub controllers: Vec<String>,
    /// The absolute path of the directory.
    pub path: PathBuf,
}

/// Where a cgroup is in every hierarchy: what has to be remembered of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Paths(pub Vec<Member>);

impl Paths {
    /// The name of each hierarchy's mount point with the cgroup's directory there.
    pub fn by_mount_name(&self) -> Vec<(&str, &Path)> {
        self.0
            .iter()
            .map(|member| (member.name.as_str(), member.path.as_path()))
            .collect()
    }

    /// Removes it if nobody is in it and nothing below it, as most often at an end; says whether it
    /// is gone now.
    pub(crate) fn remove_unused(&self) -> bool {
        let mut members = self.0.iter();
        members.all(|member| matches!(rmdir(&member.path), Ok(()) | Err(Errno::NOENT)))
    }
}

impl Member {
    fn new(hierarchy: &Hierarchy, path: &Path) -> Self {
        Self {
            name: hierarchy.name(),
            controllers: hierarchy.controllers.clone(),
            path: hierarchy.mount.join(path),
        }
    }

    /// Whether this is the v2 hierarchy.
    pub fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }
}

/// A cgroup that stands.
#[derive(Debug)]
pub struct Cgroup {
    pub(super) paths: Paths,
    /// A directory for each member, in the same order.
    pub(super) directories: Vec<OwnedFd>,
}

impl Cgroup {
    /// Makes the directory `path` in each hierarchy, with nobody in it; on failure none stays.
    pub(super) fn create(hierarchies: &[Hierarchy], path: &Path) -> Result<Self, Error> {
        if let Some(first) = hierarchies.first() {
            let path = first.mount.join(path);
            if !processes_below(&path)?.is_empty() {
                return Err(Error::InUse { path });
            }
        }
        refuse_frozen(hierarchies, path)?;
        Self::complete(hierarchies, path).map_err(|(partial, error)| {
            // Nothing is in it yet; what cannot be removed is found again by its name.
            let _ = partial.remove();
            error
        })
    }

    /// Makes the directory `path` in those hierarchies where nobody did so yet, for whoever made it
    /// in some; what there is comes back with the error.
    pub(super) fn complete(hierarchies: &[Hierarchy], path: &Path) -> Result<Self, (Self, Error)> {
        let mut cgroup = Self {
            paths: Paths::default(),
            directories: Vec::new(),
        };
        for hierarchy in hierarchies {
            if let Err(error) = cgroup.add(hierarchy, path) {
                return Err((cgroup, error));
            }
        }
        Ok(cgroup)
    }

    fn add(&mut self, hierarchy: &Hierarchy, path: &Path) -> Result<(), Error> {
        let directory = hierarchy.mount.join(path);
        let mut above = hierarchy.mount.clone();
        for part in path.components() {
            if hierarchy.unified {
                enable_controllers(&above);
            }
            above.push(part);
            make(&above)?;
            if hierarchy.offers_v1("cpuset") {
                inherit_cpuset(&above)?;
            }
        }
        let fd = open_directory(&directory)
            .map_err(|errno| Error::io("opening the cgroup", &directory, errno))?;
        self.paths.0.push(Member::new(hierarchy, path));
        self.directories.push(fd);
        Ok(())
    }

    /// Opens a cgroup that was made earlier; hierarchies in which it is gone are left out.
    ///
    /// # Errors
    /// When it is gone everywhere.
    pub fn open(paths: &Paths) -> Result<Self, Error> {
        let cgroup = Self::open_existing(paths.0.iter().cloned())?;
        match (cgroup.directories.first(), paths.0.first()) {
            (None, Some(member)) => {
                Err(Error::io("opening the cgroup", &member.path, Errno::NOENT))
            }
            _ => Ok(cgroup),
        }
    }

    /// Opens whatever is at `path` in each hierarchy, which may be nothing.
    pub(super) fn find(hierarchies: &[Hierarchy], path: &Path) -> Result<Self, Error> {
        Self::open_existing(
            hierarchies
                .iter()
                .map(|hierarchy| Member::new(hierarchy, path)),
        )
    }

    fn open_existing(members: impl Iterator<Item = Member>) -> Result<Self, Error> {
        let mut cgroup = Self {
            paths: Paths::default(),
            directories: Vec::new(),
        };
        for member in members {
            match open_directory(&member.path) {
                Ok(fd) => {
                    cgroup.paths.0.push(member);
                    cgroup.directories.push(fd);
                }
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::io("opening the cgroup", &member.path, errno)),
            }
        }
        Ok(cgroup)
    }

    /// Where it is.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The directory of the v2 hierarchy, into which `clone3` puts a new process.
    pub fn clone_fd(&self) -> Option<BorrowedFd<'_>> {
        self.members()
            .find(|(member, _)| member.is_unified())
            .map(|(_, fd)| fd)
    }

    /// v2: whether the caller has the right to move itself in, which it needs in the group above
    /// both.
    pub(super) fn can_be_entered(&self) -> bool {
        let Some((member, _)) = self.members().find(|(member, _)| member.is_unified()) else {
            return true;
        };
        let Some((mount, own)) = hierarchy::own_place() else {
            return false;
        };
        let theirs = member.path.strip_prefix(&mount).unwrap_or(&member.path);
        let both = own.components().zip(theirs.components());
        let above: PathBuf = both
            .take_while(|(ours, theirs)| ours == theirs)
            .map(|(part, _)| part)
            .collect();
        let file = mount.join(above).join("cgroup.procs");
        rustix::fs::accessat(CWD, file, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
    }

    /// Files of the v1 hierarchies: a single-threaded process that writes `0` into each moves
    /// itself in. That avoids the wait for every other thread of the host that moving a process
    /// from outside may take.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn join_fds(&self) -> Result<Vec<OwnedFd>, Error> {
        self.members()
            .filter(|(member, _)| !member.is_unified())
            .map(|(member, fd)| {
                openat(fd, "tasks", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
                    .map_err(|errno| Error::io("opening", member.path.join("tasks"), errno))
            })
            .collect()
    }

    /// Moves another process in, in every hierarchy.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_process(&self, pid: u32) -> Result<(), Error> {
        self.members().try_for_each(|(member, directory)| {
            write_at(directory, "cgroup.procs", &pid.to_string())
                .map_err(|errno| Error::io("moving a process into", &member.path, errno))
        })
    }

    /// Every process in it and below, in the caller's pid namespace.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn processes(&self) -> Result<Vec<i32>, Error> {
        let member = self
            .paths
            .0
            .iter()
            .find(|m| m.is_unified())
            .or(self.paths.0.first());
        member.map_or(Ok(Vec::new()), |member| processes_below(&member.path))
    }

    /// Kills every process in it and waits until none is left.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn kill_all(&self) -> Result<(), Error> {
        if self.processes()?.is_empty() {
            return Ok(());
        }
        if let Some(unified) = self.clone_fd() {
            let killed = write_at(unified, "cgroup.kill", "1");
            if killed.is_ok() {
                // v1's freezer stands in the way of the signal, v2's does not.
                self.thaw()?;
                return self.wait_until_empty(unified);
            }
        }
        loop {
            let pids = self.processes()?;
            if pids.is_empty() {
                return Ok(());
            }
            for pid in pids.into_iter().filter_map(Pid::from_raw) {
                // One that ended meanwhile is as good as killed.
                let _ = kill_process(pid, Signal::KILL);
            }
            self.thaw()?;
            rustix::thread::sched_yield();
        }
    }

    /// Waits for `populated 0`: the kernel wakes pollers when it changes.
    fn wait_until_empty(&self, unified: BorrowedFd<'_>) -> Result<(), Error> {
        let failed = |errno| Error::io("waiting for the end of", self.first_path(), errno);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let events = match openat(unified, "cgroup.events", flags, Mode::empty()) {
            Err(errno) if is_gone(errno) => return Ok(()),
            events => events.map_err(failed)?,
        };
        loop {
            let mut text = [0u8; 256];
            let length = match rustix::io::pread(&events, &mut text, 0) {
                Err(errno) if is_gone(errno) => return Ok(()),
                length => length.map_err(failed)?,
            };
            let text = String::from_utf8_lossy(text.get(..length).unwrap_or_default());
            if text.lines().any(|line| line == "populated 0") {
                return Ok(());
            }
            let mut fds = [PollFd::new(&events, PollFlags::PRI)];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    /// Writes limits over those that stand; what `resources` does not name stays. `unit` is the
    /// unit of systemd that it belongs to.
    ///
    /// # Errors
    /// When the kernel or the host refuses one.
    pub fn limit(&self, resources: &LinuxResources, unit: Option<&Unit>) -> Result<(), Error> {
        if let Some(unit) = unit {
            unit.limit(resources, self)?;
        }
        // systemd rounds, so the exact values are written after it.
        super::limits::apply(self, resources)
    }

    /// v2: the quota and the period of processor time that stand.
    pub(super) fn quota(&self) -> Option<String> {
        read_at(self.clone_fd()?, "cpu.max").ok()
    }

    /// How many processes the kernel has killed in it for want of memory.
    pub fn oom_kills(&self) -> u64 {
        let Some((member, directory)) = self.directory_of("memory") else {
            return 0;
        };
        let file = match member.is_unified() {
            true => "memory.events",
            false => "memory.oom_control",
        };
        let text = read_at(directory, file).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        value
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Removes it, with the groups that the container made below.
    ///
    /// # Errors
    /// When processes are left in it.
    pub fn remove(&self) -> Result<(), Error> {
        for member in &self.paths.0 {
            remove_directory(&member.path)
                .map_err(|errno| Error::io("removing the cgroup", &member.path, errno))?;
        }
        Ok(())
    }

    /// The directory in the v1 hierarchy of `controller`, or of the v2 hierarchy.
    pub(super) fn directory_of(&self, controller: &str) -> Option<(&Member, BorrowedFd<'_>)> {
        let has = |member: &Member| member.controllers.iter().any(|known| known == controller);
        self.members()
            .find(|(member, _)| has(member))
            .or_else(|| self.members().find(|(member, _)| member.is_unified()))
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&Member, BorrowedFd<'_>)> {
        self.paths
            .0
            .iter()
            .zip(self.directories.iter().map(AsFd::as_fd))
    }

    fn first_path(&self) -> PathBuf {
        self.paths
            .0
            .first()
            .map(|member| member.path.clone())
            .unwrap_or_default()
    }
}

impl Hierarchy {
    fn offers_v1(&self, controller: &str) -> bool {
        !self.unified && self.offers(controller)
    }
}

/// A cgroup that stands already and is frozen is somebody's, and nobody could begin in it.
fn refuse_frozen(hierarchies: &[Hierarchy], path: &Path) -> Result<(), Error> {
    let freezes = |h: &&Hierarchy| h.unified || h.offers_v1("freezer");
    let freezers: Vec<_> = hierarchies.iter().filter(freezes).cloned().collect();
    let standing = Cgroup::find(&freezers, path)?;
    match standing.is_frozen()? {
        true => Err(Error::Frozen {
            path: standing.first_path(),
        }),
        false => Ok(()),
    }
}

/// Writes one value into a file of a cgroup.
pub(super) fn write_at(directory: BorrowedFd<'_>, file: &str, value: &str) -> Result<(), Errno> {
    let fd = openat(
        directory,
        file,
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    rustix::io::write(&fd, value.as_bytes()).map(|_| ())
}

/// Whether a cgroup has a file.
pub(super) fn has_file(directory: BorrowedFd<'_>, file: &str) -> bool {
    rustix::fs::accessat(directory, file, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// Reads a small file of a cgroup.
pub(super) fn read_at(directory: BorrowedFd<'_>, file: &str) -> Result<String, Errno> {
    let fd = openat(
        directory,
        file,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut text = [0u8; 4096];
    let length = rustix::io::read(&fd, &mut text)?;
    Ok(String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned())
}

pub(super) fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty())
}

fn make(path: &Path) -> Result<(), Error> {
    match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Error::io("making the cgroup", path, errno)),
    }
}

/// v2: lets the groups below have every controller that is offered. Which are really needed shows
/// when a limit is written.
fn enable_controllers(directory: &Path) {
    let file = directory.join("cgroup.subtree_control");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let offered = read(&directory.join("cgroup.controllers"));
    let enabled = read(&file);
    let is_enabled = |name: &&str| enabled.split_whitespace().any(|other| other == *name);
    let missing = offered.split_whitespace().filter(|name| !is_enabled(name));
    let missing: Vec<String> = missing.map(|name| format!("+{name}")).collect();
    if missing.is_empty() {
        return;
    }
    let all = missing.join(" ");
    match std::fs::write(&file, &all) {
        Err(error) if error.kind() == ErrorKind::ResourceBusy && is_own_root(directory) => {
            make_room(directory);
            let _ = std::fs::write(&file, &all);
        }
        Ok(()) => {}
        // All or none; some may be possible.
        Err(_) => missing.iter().for_each(|controller| {
            let _ = std::fs::write(&file, controller);
        }),
    }
}

/// Whether this is the root of the caller's cgroup namespace and the caller stands in it itself:
/// the first process of a container, or one of its own.
fn is_own_root(directory: &Path) -> bool {
    hierarchy::own_place()
        .is_some_and(|(mount, own)| own.as_os_str().is_empty() && mount == directory)
}

/// A group with processes in it can hand out no controllers, so those of a container that makes
/// containers move a level down.
fn make_room(directory: &Path) {
    let below = directory.join("init");
    if make(&below).is_err() {
        return;
    }
    let pids = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in pids.lines() {
        // One that ended meanwhile stands in nobody's way.
        let _ = std::fs::write(below.join("cgroup.procs"), pid);
    }
}

/// v1: a new cpuset is empty and admits nobody; whoever made one above ours may have left it so.
fn inherit_cpuset(directory: &Path) -> Result<(), Error> {
    let parent = directory.parent().unwrap_or(directory);
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let path = directory.join(file);
        let copied = std::fs::read(&path).and_then(|value| match value.trim_ascii() {
            [] => std::fs::write(&path, std::fs::read(parent.join(file))?),
            _ => Ok(()),
        });
        copied.map_err(|source| Error::Io {
            operation: "filling",
            path,
            source,
        })?;
    }
    Ok(())
}

/// Every process in a group and below; none in one that is not there.
fn processes_below(directory: &Path) -> Result<Vec<i32>, Error> {
    let mut pids = Vec::new();
    collect_processes(directory, &mut pids)?;
    Ok(pids)
}

fn collect_processes(directory: &Path, pids: &mut Vec<i32>) -> Result<(), Error> {
    let failed = |source| Error::Io {
        operation: "reading the processes of",
        path: directory.to_owned(),
        source,
    };
    let is_gone = |error: &std::io::Error| Errno::from_io_error(error).is_some_and(is_gone);
    let text = match std::fs::read_to_string(directory.join("cgroup.procs")) {
        Err(error) if is_gone(&error) => return Ok(()),
        text => text.map_err(failed)?,
    };
    pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    let entries = match std::fs::read_dir(directory) {
        Err(error) if is_gone(&error) => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_processes(&entry.path(), pids)?;
        }
    }
    Ok(())
}

/// What the kernel says of a cgroup that somebody else removed, systemd for example.
pub(super) fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NODEV)
}
