//! The mounts of a container as `config.json` has them, resolved: what each entry is, and who makes
//! it. Each becomes a detached mount first ([`Mount::detach`], in `detach.rs`) and is then attached
//! below the new root (`attach.rs`), on a path that cannot lead out of it.

use std::path::{Component, Path, PathBuf};

use rustix::mount::MountAttrFlags;
use spec::runtime::IdMapping;

use super::options::Options;
use super::overlay::Overlay;
use crate::error::Error;

/// One mount, resolved.
#[derive(Debug)]
pub(crate) struct Mount {
    /// The path in the container.
    pub(crate) destination: PathBuf,
    pub(crate) source: Source,
    pub(crate) options: Options,
    pub(crate) idmap: Option<IdMap>,
    /// Whether a bind mount keeps flags of its source that its options do not name.
    pub(crate) keeps_flags: bool,
}

/// Where a mount comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A new instance of a file system.
    FileSystem { kind: String, device: PathBuf },
    /// A file or directory of the host. One that lies in `below`, the container's root as it is
    /// before any mount, is opened so that no link there leads out of it.
    Bind {
        path: PathBuf,
        below: Option<PathBuf>,
        recursive: bool,
    },
    /// A file or directory of the container's root as it is by then.
    Inside { path: PathBuf, recursive: bool },
    /// Layers.
    Overlay(Overlay),
    /// The container's own place in every cgroup hierarchy.
    Cgroup,
    /// What is mounted at the destination already.
    Remount,
}

/// Whose ids a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdMap {
    /// Whether the mounts below show them too.
    pub(crate) recursive: bool,
    /// The maps of users and groups; without them, those of the container.
    pub(crate) own: Option<(Vec<IdMapping>, Vec<IdMapping>)>,
}

/// What resolving an entry needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) bundle: &'a Path,
    /// `root.path`, without links.
    pub(crate) rootfs: Option<&'a Path>,
    /// `linux.mountLabel`.
    pub(crate) label: Option<&'a str>,
    /// Whether the container has a user namespace of its own.
    pub(crate) has_user: bool,
}

/// File systems whose files can all be given one SELinux label when they are mounted.
const LABELLED: [&str; 3] = ["tmpfs", "devpts", "overlay"];

impl Mount {
    /// Resolves an entry of `config.json`; relative bind sources are relative to the bundle.
    pub(crate) fn resolve(
        entry: &spec::runtime::Mount,
        around: Surroundings<'_>,
    ) -> Result<Self, Error> {
        let mut options = Options::parse(&entry.options);
        let invalid = |why: &str| Error::Invalid {
            key: format!("mount {}", entry.destination.display()),
            why: why.to_owned(),
        };
        let kind = entry.kind.as_deref().unwrap_or("");
        let source = match (kind, options.bind) {
            _ if options.remount => Source::Remount,
            ("bind", _) | (_, Some(_)) => {
                let path = entry.source.as_ref();
                let path = path.ok_or_else(|| invalid("a bind mount needs a source"))?;
                bind(path, &options, id_map(entry, &options).is_some(), around)
            }
            ("overlay", None) => {
                Source::Overlay(Overlay::parse(&options.data).map_err(|why| invalid(&why))?)
            }
            ("cgroup" | "cgroup2", None) => Source::Cgroup,
            ("" | "none", None) => {
                return Err(invalid("a mount that is not a bind mount needs a type"));
            }
            _ => Source::FileSystem {
                kind: kind.to_owned(),
                device: entry.source.clone().unwrap_or_else(|| kind.into()),
            },
        };
        if options.copy_up && kind != "tmpfs" {
            return Err(invalid("tmpcopyup is for a tmpfs"));
        }
        let idmap = id_map(entry, &options);
        match (&source, &idmap) {
            (Source::Bind { .. }, _) | (_, None) => {}
            (Source::Overlay(_), Some(map)) if map.own.is_none() => {}
            _ => return Err(invalid("only a bind mount can be id-mapped")),
        }
        if let Some(label) = around.label.filter(|_| LABELLED.contains(&kind)) {
            options.data.push(format!("context={label}"));
        }
        Ok(Self {
            destination: inside(&entry.destination, around.rootfs),
            source,
            options,
            idmap,
            keeps_flags: around.has_user,
        })
    }

    /// Whether only the host's rights can make this mount for a container with a user namespace
    /// of its own: sources are opened with the rights of whoever asked for them, and id-mapping a
    /// file system of the host is the host's to allow.
    pub(crate) fn needs_host(&self) -> bool {
        match self.source {
            Source::Bind { .. } => true,
            Source::Overlay(_) => self.idmap.is_some(),
            _ => false,
        }
    }

    /// Whether it needs a user namespace that exists only for its map.
    pub(crate) fn has_own_map(&self) -> bool {
        self.idmap.as_ref().is_some_and(|map| map.own.is_some())
    }

    /// Whether it can only be made once the mounts before it stand: what it is made from, or its
    /// mode, is in the container's root.
    pub(crate) fn is_made_in_place(&self) -> bool {
        match &self.source {
            Source::Inside { .. } => true,
            Source::FileSystem { kind, .. } => {
                kind == "tmpfs" && (self.options.copy_up || !self.has_mode())
            }
            _ => false,
        }
    }

    /// Whether the mode of a tmpfs is given.
    pub(super) fn has_mode(&self) -> bool {
        self.options
            .data
            .iter()
            .any(|word| word.starts_with("mode="))
    }

    /// Whether it becomes read-only only when the root is complete: other mounts, devices and
    /// copies have to find their place in it first.
    pub(crate) fn is_closed_last(&self) -> bool {
        let Source::FileSystem { kind, .. } = &self.source else {
            return false;
        };
        let set = self.options.attributes.set;
        set.contains(MountAttrFlags::MOUNT_ATTR_RDONLY)
            && (kind == "tmpfs" || self.destination == Path::new("/dev"))
    }

    /// Whether it must not be reached through a link: what a container takes for /proc or /sys
    /// must be where everybody looks for it (CVE-2019-19921, CVE-2023-27561).
    pub(super) fn refuses_links(&self) -> bool {
        matches!(&self.source, Source::FileSystem { kind, .. } if kind == "proc" || kind == "sysfs")
    }
}

/// What is id-mapped is so by the host, which cannot see the mounts in the container's root.
fn bind(path: &Path, options: &Options, is_mapped: bool, around: Surroundings<'_>) -> Source {
    let recursive = options.bind.unwrap_or(true);
    let path = clean(&around.bundle.join(path));
    let inside = around
        .rootfs
        .and_then(|root| Some((root, path.strip_prefix(root).ok()?)));
    match inside {
        Some((_, inside)) if !is_mapped => Source::Inside {
            path: Path::new("/").join(inside),
            recursive,
        },
        _ => Source::Bind {
            below: inside.map(|(root, _)| root.to_owned()),
            path,
            recursive,
        },
    }
}

/// Maps without the word are of the mount alone, as with runc.
fn id_map(entry: &spec::runtime::Mount, options: &Options) -> Option<IdMap> {
    let own = (!entry.uid_mappings.is_empty())
        .then(|| (entry.uid_mappings.clone(), entry.gid_mappings.clone()));
    (own.is_some() || options.idmap.is_some()).then(|| IdMap {
        recursive: options.idmap == Some(true),
        own,
    })
}

/// The path in the container: a relative one is taken from `/`, and one below the root's path on
/// the host means the place in the root, as with runc.
fn inside(destination: &Path, rootfs: Option<&Path>) -> PathBuf {
    let path = clean(&Path::new("/").join(destination));
    match rootfs.and_then(|root| path.strip_prefix(root).ok()) {
        Some(inside) => Path::new("/").join(inside),
        None => path,
    }
}

/// The absolute path without `.` and `..`, by its words alone.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => cleaned.push(name),
            Component::ParentDir => {
                cleaned.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(entry: &spec::runtime::Mount) -> Result<Mount, Error> {
        let around = Surroundings {
            bundle: Path::new("/b"),
            rootfs: Some(Path::new("/b/rootfs")),
            label: None,
            has_user: false,
        };
        Mount::resolve(entry, around)
    }

    fn entry(kind: &str, source: &str, options: &[&str]) -> spec::runtime::Mount {
        spec::runtime::Mount {
            destination: "x/../y".into(),
            kind: Some(kind.to_owned()),
            source: Some(source.into()),
            options: options.iter().map(|word| (*word).to_owned()).collect(),
            ..spec::runtime::Mount::default()
        }
    }

    #[test]
    fn a_bind_mount_is_one_by_its_options() {
        let mount = resolve(&entry("none", "data", &["rbind"])).unwrap();
        assert_eq!(mount.destination, Path::new("/y"));
        let path = PathBuf::from("/b/data");
        assert!(matches!(mount.source, Source::Bind { path: p, recursive: true, .. } if p == path));
        assert!(resolve(&entry("none", "data", &[])).is_err());
    }

    #[test]
    fn what_is_below_the_root_is_found_in_the_root() {
        let mut entry = entry("bind", "rootfs/a", &["bind"]);
        entry.destination = "/b/rootfs/c".into();
        let mount = resolve(&entry).unwrap();
        assert_eq!(mount.destination, Path::new("/c"));
        let Source::Inside { path, recursive } = mount.source else {
            panic!("{mount:?}");
        };
        assert_eq!((path.as_path(), recursive), (Path::new("/a"), false));
    }

    #[test]
    fn only_what_comes_from_the_host_can_be_id_mapped() {
        assert!(resolve(&entry("tmpfs", "tmpfs", &["idmap"])).is_err());
        let mount = resolve(&entry("none", "/data", &["rbind", "ridmap"])).unwrap();
        let map = IdMap {
            recursive: true,
            own: None,
        };
        assert_eq!(mount.idmap, Some(map));
    }
}
