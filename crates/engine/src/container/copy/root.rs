//! The root of a container as a descriptor: of one that runs, what its process has as `/`, with
//! all that is mounted in it; of one that does not, its layers and volumes put together in a mount
//! namespace of our own.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::{Shown, ShownAt};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use sys::fsuid::FsIds;

use super::super::charge::Charge;
use super::super::config::Root;
use super::super::live::look;
use super::super::mounts::directories_of;
use super::super::record::Record;
use super::super::status::Operation;
use super::super::{find, recover};
use super::ids::{IdMap, Ids, Owners};
use crate::{Engine, Error};

/// How often, and how long each time, somebody else's charge is waited for: 10 seconds.
const PATIENCE: u32 = 2000;
const NAP: Duration = Duration::from_millis(5);

/// The root of a container.
pub(super) struct ContainerRoot {
    fd: OwnedFd,
    ids: Ids,
    /// Keeps one that does not run from being started or removed meanwhile.
    charge: Option<Charge>,
}

impl ContainerRoot {
    pub(super) fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Whose files become that are copied out.
    pub(super) fn owners_outside(&self, archive: bool) -> Owners {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        match archive && uid.is_root() {
            true => Owners::Inside(self.ids.clone()),
            false => Owners::All(uid.as_raw(), gid.as_raw()),
        }
    }

    /// Whose files become that are copied in.
    pub(super) fn owners_inside(&self, archive: bool) -> Owners {
        match archive {
            true => Owners::Outside(self.ids.clone()),
            false => Owners::All(self.root_uid(), self.root_gid()),
        }
    }

    fn root_uid(&self) -> u32 {
        self.ids.users.outside(0).unwrap_or(0)
    }

    fn root_gid(&self) -> u32 {
        self.ids.groups.outside(0).unwrap_or(0)
    }

    /// Takes on the ids of the container's root while files are made in it: those of the host's
    /// root have no place on its id-mapped mounts.
    pub(super) fn assume_root(&self) -> Result<Option<FsIds>, Error> {
        let (uid, gid) = (self.root_uid(), self.root_gid());
        if (uid, gid)
            == (
                rustix::process::geteuid().as_raw(),
                rustix::process::getegid().as_raw(),
            )
        {
            return Ok(None);
        }
        let failed = |errno| Error::io("taking on the ids of", Path::new("the container"), errno);
        FsIds::assume(uid, gid).map(Some).map_err(failed)
    }
}

impl AsFd for ContainerRoot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for ContainerRoot {
    fn drop(&mut self) {
        if let Some(charge) = self.charge.take() {
            // What stays is swept by the next command.
            let _ = charge.give_up();
        }
    }
}

impl Engine {
    /// Opens the root of a container, whatever it does.
    pub(super) fn open_root(&self, name: &str) -> Result<(Record, ContainerRoot), Error> {
        let record = self.find(name)?;
        for _ in 0..PATIENCE {
            let live = look(&self.paths, &record)?;
            live.status.require(Operation::Copy, &record.name)?;
            let root = match live.pid {
                Some(pid) => self.live_root(&record, pid)?,
                None => self.rest_root(&record)?,
            };
            if let Some(root) = root {
                return Ok((record, root));
            }
            std::thread::sleep(NAP);
        }
        Err(Error::Busy { name: record.name })
    }

    /// The root of the process `pid`; `None` when it is that of a container no more.
    fn live_root(&self, record: &Record, pid: i32) -> Result<Option<ContainerRoot>, Error> {
        let directory = PathBuf::from(format!("/proc/{pid}"));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(CWD, directory.join("root"), flags, Mode::empty()) {
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            fd => fd.map_err(|errno| Error::io("opening the root of", &directory, errno))?,
        };
        let map = |name: &str| {
            let text = std::fs::read_to_string(directory.join(name));
            text.map(|text| IdMap::parse(&text)).unwrap_or_default()
        };
        let ids = Ids {
            users: map("uid_map"),
            groups: map("gid_map"),
        };
        // Another process may have got the number before we opened it, but not if it is there still.
        let is_its = look(&self.paths, record)?.pid == Some(pid);
        Ok(is_its.then_some(ContainerRoot {
            fd,
            ids,
            charge: None,
        }))
    }

    /// The root of a container that does not run; `None` when somebody just begins with it.
    fn rest_root(&self, record: &Record) -> Result<Option<ContainerRoot>, Error> {
        let Some(charge) = Charge::take(&self.paths, &record.id)? else {
            return Ok(None);
        };
        if find::record(&self.paths, &record.id)?.is_none() {
            charge.give_up()?;
            return Err(Error::NoSuchContainer {
                name: record.name.clone(),
            });
        }
        recover::release(&self.paths, &charge, &record.id)?;
        if look(&self.paths, record)?.pid.is_some() {
            return Ok(None);
        }
        let failed = |source| Error::Runtime {
            name: record.name.clone(),
            source,
        };
        let place = self.paths.view();
        match rustix::fs::mkdir(&place, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::io("making", &place, errno)),
        }
        let is_trusted = self.host.may_mount();
        runtime::isolate().map_err(failed)?;
        let fd = runtime::view(&place, &shown(record, is_trusted)).map_err(failed)?;
        Ok(Some(ContainerRoot {
            fd,
            ids: Ids {
                users: IdMap::same(),
                groups: IdMap::same(),
            },
            charge: Some(charge),
        }))
    }
}

/// What a container's root is made of. Everything on the disk has the ids that it sees.
fn shown(record: &Record, is_trusted: bool) -> Vec<ShownAt> {
    let config = &record.config;
    let mut mounts = Vec::new();
    if let Root::Directory {
        path,
        writable: true,
    } = &config.root
    {
        mounts.push(ShownAt {
            target: "/".into(),
            what: Shown::Bind(path.clone()),
            read_only: config.read_only,
        });
    }
    for overlay in &record.overlays {
        let mut options = directories_of(overlay);
        if !is_trusted {
            options.push("userxattr".to_owned());
        }
        mounts.push(ShownAt {
            target: overlay.target.clone(),
            what: Shown::Overlay(options),
            read_only: config.read_only,
        });
    }
    let mut volumes: Vec<_> = config.volumes.iter().collect();
    // What lies in another is mounted after it.
    volumes.sort_by_key(|volume| volume.target.components().count());
    mounts.extend(volumes.into_iter().map(|volume| ShownAt {
        target: volume.target.clone(),
        what: Shown::Bind(volume.source.clone()),
        read_only: volume.read_only,
    }));
    mounts
}
