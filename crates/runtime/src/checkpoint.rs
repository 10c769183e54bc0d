//! `checkpoint`: the processes of a container are written down by CRIU, and end unless they are to
//! go on.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use spec::runtime::{Config, NamespaceType};

use crate::container::Container;
use crate::criu::request::{Kind, Request};
use crate::criu::swrk::Swrk;
use crate::criu::{self, Options};
use crate::error::{Doing, Error};
use crate::status::Operation;

/// The file beside the images that says what the standard streams were.
pub(crate) const DESCRIPTORS: &str = "descriptors.json";

/// Writes the container `id` below `root` down; the caller deletes it afterwards if it is not to go
/// on.
///
/// # Errors
/// [`Error::Status`] unless it runs; [`Error::Criu`] with CRIU's reason.
pub fn checkpoint(root: &Path, id: &str, options: &Options) -> Result<(), Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Checkpoint)?;
    let config = container.config()?;
    let images = open_directory(&options.images)?;
    let work = options.work.as_deref().map(open_directory).transpose()?;
    let kind = match options.pre_dump {
        true => Kind::PreDump,
        false => Kind::Dump,
    };
    let borrowed = work.as_ref().map(AsFd::as_fd);
    let mut request = Request::new(kind, options, images.as_fd(), borrowed);
    request.of_dump(options, container.record.pid);
    request.root(&container.record.rootfs);
    if let Some(path) = criu::config_file(&config) {
        request.config_file(path);
    }
    if let Some(directory) = container
        .cgroup()
        .and_then(|cgroup| cgroup.freezer_directory())
    {
        request.freezer(&directory);
    }
    name_foreign_namespaces(&mut request, &config, container.record.pid)?;
    if !options.pre_dump {
        name_foreign_mounts(&mut request, &container, &config);
        write_descriptors(&options.images, container.record.pid)?;
    }
    let log = options.work.as_ref().unwrap_or(&options.images);
    Swrk::start(false, &[])?.ask(&request, log, |notice| {
        if notice.name == "status-ready"
            && let Some(fd) = &options.status_fd
        {
            rustix::io::write(fd, &[0]).doing(|| "writing to --status-fd".to_owned())?;
        }
        Ok(())
    })
}

/// Makes a directory for CRIU's files, unless it is there, and opens it.
pub(crate) fn open_directory(path: &Path) -> Result<OwnedFd, Error> {
    let clause = || format!("opening {}", path.display());
    std::fs::create_dir_all(path).doing(clause)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty()).doing(clause)?)
}

/// Namespaces that were joined by a path are there again at the restoration, and are not written
/// down.
fn name_foreign_namespaces(request: &mut Request, config: &Config, pid: i32) -> Result<(), Error> {
    for (kind, name, key) in FOREIGN {
        let joined = config
            .linux
            .as_ref()
            .and_then(|linux| linux.namespace(kind))
            .is_some_and(|namespace| namespace.path.is_some());
        if joined {
            let path = format!("/proc/{pid}/ns/{name}");
            let stat = rustix::fs::stat(&path).doing(|| format!("looking at {path}"))?;
            request.external(&format!("{name}[{}]:{key}", stat.st_ino));
        }
    }
    Ok(())
}

/// The namespaces that CRIU can leave to others, with their names in /proc and for CRIU.
pub(crate) const FOREIGN: [(NamespaceType, &str, &str); 2] = [
    (NamespaceType::Network, "net", "extRootNetNS"),
    (NamespaceType::Pid, "pid", "extRootPidNS"),
];

/// Binds of the host's files, and what covers masked ones.
fn name_foreign_mounts(request: &mut Request, container: &Container, config: &Config) {
    for (destination, _) in criu::binds(config, &container.record) {
        request.external_mount(&destination, &destination);
    }
    let masked = config.linux.iter().flat_map(|linux| &linux.masked_paths);
    for path in masked {
        let seen = format!("/proc/{}/root/{}", container.record.pid, path.display());
        // Whatever is no directory is covered by the null device.
        if std::fs::symlink_metadata(seen).is_ok_and(|found| !found.is_dir()) {
            request.external_mount(path, Path::new("/dev/null"));
        }
    }
}

/// What the standard streams are connected to, so that pipes can be replaced by others.
fn write_descriptors(images: &Path, pid: i32) -> Result<(), Error> {
    let clause = || "writing down the standard streams".to_owned();
    let targets = (0..3)
        .map(|number| std::fs::read_link(format!("/proc/{pid}/fd/{number}")))
        .collect::<Result<Vec<_>, _>>()
        .doing(clause)?;
    let text = serde_json::to_vec(&targets).unwrap_or_default();
    Ok(store::atomic_write(
        &images.join(DESCRIPTORS),
        &text,
        store::Durability::Boot,
    )?)
}
