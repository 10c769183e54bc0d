//! `restore`: a container as CRIU wrote it down, with its processes as they were.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, mount_bind_recursive, unmount};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use spec::runtime::Config;
use spec::state::Status;

use crate::cgroup::Cgroup;
use crate::checkpoint::{DESCRIPTORS, FOREIGN, open_directory};
use crate::container::Container;
use crate::create::{self, Request as Creation};
use crate::criu::request::{Kind, Request};
use crate::criu::swrk::{Notice, Swrk};
use crate::criu::{self, Options};
use crate::error::{Doing, Error};
use crate::process::Process;
use crate::{handover, hooks};

/// Makes the container of `creation` from images instead of from its configuration; its init is a
/// child of the caller. The terminal is handed to the console socket, or comes with the process.
///
/// # Errors
/// Anything that keeps a container from being made; [`Error::Criu`] with CRIU's reason.
pub fn restore(creation: &Creation<'_>, options: &Options) -> Result<Process, Error> {
    let mut container = create::claim(creation, &creation.config)?;
    let restored = build(creation, options, &mut container);
    if restored.is_err() {
        create::undo(&container, !creation.adopt);
    }
    restored
}

fn build(
    creation: &Creation<'_>,
    options: &Options,
    container: &mut Container,
) -> Result<Process, Error> {
    let config = &creation.config;
    let (cgroup, _holder) = create::make_cgroup(creation, config, container)?;
    let root = Root::bind(container)?;
    make_mount_points(config, &container.record.rootfs)?;
    let images = open_directory(&options.images)?;
    let work = options.work.as_deref().map(open_directory).transpose()?;
    let borrowed = work.as_ref().map(AsFd::as_fd);
    let mut request = Request::new(Kind::Restore, options, images.as_fd(), borrowed);
    request.of_restore(options);
    request.root(&root.path);
    if let Some(path) = criu::config_file(config) {
        request.config_file(path);
    }
    let foreign = open_foreign_namespaces(config)?;
    for (key, fd) in &foreign {
        request.inherited(key, fd.as_fd());
    }
    for (destination, source) in criu::binds(config, &container.record) {
        request.external_mount(&destination, &source);
    }
    request.external_mount(Path::new("/dev/null"), Path::new("/dev/null"));
    replace_pipes(&mut request, &options.images)?;
    let kept: Vec<BorrowedFd<'_>> = foreign.iter().map(|(_, fd)| fd.as_fd()).collect();
    let criu = Swrk::start(true, &kept)?;
    if let Some(cgroup) = &cgroup {
        join(cgroup, criu.pid(), &mut request)?;
    }
    let log = options.work.as_ref().unwrap_or(&options.images);
    let mut found = Restored::default();
    criu.ask(&request, log, |notice| {
        found.heed(notice, container, config)
    })?;
    found.into_process(creation)
}

/// What CRIU told of the container on the way.
#[derive(Default)]
struct Restored {
    pid: Option<Pid>,
    terminal: Option<OwnedFd>,
}

impl Restored {
    fn heed(
        &mut self,
        mut notice: Notice,
        container: &mut Container,
        config: &Config,
    ) -> Result<(), Error> {
        match notice.name.as_str() {
            "setup-namespaces" => {
                container.record.pid = notice.pid;
                let state = container.state_as(Status::Created);
                let Some(list) = &config.hooks else {
                    return Ok(());
                };
                hooks::run("prestart", &list.prestart, &state)?;
                hooks::run("createRuntime", &list.create_runtime, &state)
            }
            "post-restore" => {
                let clause = || "finding the restored process".to_owned();
                let pid = Pid::from_raw(notice.pid).ok_or(Errno::SRCH).doing(clause)?;
                container.record.pid = notice.pid;
                container.record.start_time = sys::proc::start_time(pid).doing(clause)?;
                self.pid = Some(pid);
                container.save()
            }
            "orphan-pts-master" => {
                self.terminal = notice.fds.pop();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn into_process(self, creation: &Creation<'_>) -> Result<Process, Error> {
        let clause = || "finding the restored process".to_owned();
        let pid = self.pid.ok_or(Errno::SRCH).doing(clause)?;
        let process = Process {
            pid,
            pidfd: pidfd_open(pid, PidfdFlags::empty()).doing(clause)?,
            terminal: self.terminal,
            sources: Vec::new(),
        };
        handover::hand_out(&process, creation.console_socket, creation.pidfd_socket)?;
        Ok(process)
    }
}

/// The root file system as a mount of its own, which CRIU asks for, as long as this lives.
struct Root {
    path: PathBuf,
}

impl Root {
    fn bind(container: &Container) -> Result<Self, Error> {
        let path = container.directory.join("criu-root");
        let clause = || format!("binding the root file system at {}", path.display());
        std::fs::create_dir(&path).doing(clause)?;
        mount_bind_recursive(&container.record.rootfs, &path).doing(clause)?;
        Ok(Self { path })
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // The container's directory is removed with its emptied mount point at the latest.
        let _ = unmount(&self.path, UnmountFlags::DETACH);
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// CRIU makes the mounts, but not what they are put on.
fn make_mount_points(config: &Config, rootfs: &Path) -> Result<(), Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let clause = || format!("opening {}", rootfs.display());
    let root = rustix::fs::open(rootfs, flags, Mode::empty()).doing(clause)?;
    for mount in &config.mounts {
        let is_below_another = config.mounts.iter().any(|other| {
            other.destination != mount.destination
                && mount.destination.starts_with(&other.destination)
        });
        if is_below_another {
            continue;
        }
        let is_file = mount.source.as_ref().is_some_and(|source| source.is_file());
        let made = match is_file {
            true => sys::path::create_file_in_root(root.as_fd(), &mount.destination, 0o644),
            false => sys::path::create_dir_all_in_root(root.as_fd(), &mount.destination, 0o755),
        };
        made.doing(|| format!("making the mount point {}", mount.destination.display()))?;
    }
    Ok(())
}

fn open_foreign_namespaces(config: &Config) -> Result<Vec<(&'static str, OwnedFd)>, Error> {
    let mut found = Vec::new();
    for (kind, _, key) in FOREIGN {
        let namespace = config
            .linux
            .as_ref()
            .and_then(|linux| linux.namespace(kind));
        if let Some(path) = namespace.and_then(|namespace| namespace.path.as_ref()) {
            let clause = || format!("opening the namespace {}", path.display());
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let fd = rustix::fs::open(path, flags, Mode::empty()).doing(clause)?;
            found.push((key, fd));
        }
    }
    Ok(found)
}

/// Where a standard stream was a pipe, ours takes its place.
fn replace_pipes(request: &mut Request, images: &Path) -> Result<(), Error> {
    let targets: Option<Vec<String>> = store::read_json(&images.join(DESCRIPTORS))?;
    let streams = [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ];
    for (stream, target) in streams.into_iter().zip(targets.unwrap_or_default()) {
        if target.contains("pipe:") {
            request.inherited(&target, stream);
        }
    }
    Ok(())
}

/// CRIU goes into the cgroup, where the processes are born, and is told where that is.
fn join(cgroup: &Cgroup, pid: u32, request: &mut Request) -> Result<(), Error> {
    cgroup.add_process(pid).map_err(Error::Cgroup)?;
    let path = format!("/proc/{pid}/cgroup");
    let text = std::fs::read_to_string(&path).doing(|| format!("reading {path}"))?;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        if let (Some(controllers), Some(path)) = (fields.next(), fields.next()) {
            request.cgroup_root(controllers, path);
        }
    }
    Ok(())
}
