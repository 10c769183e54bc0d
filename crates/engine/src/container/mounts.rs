//! What is mounted in a container: its root, what Docker mounts by default, and what the user
//! asked for, in the order in which it is mounted.

use std::path::{Path, PathBuf};

use spec::runtime::{Mount, NamespaceType};

use super::config::{ContainerConfig, Root, Tmpfs, Volume};
use super::image_mounts::MountedImage;
use super::record::Overlay;
use super::sharing::{Spaces, UserSpace};
use crate::Host;

/// Where our own program is inside, when it is init.
pub(super) const INIT: &str = "/sbin/wharf-init";

/// Docker's size of `/dev/shm`.
pub(super) const SHM_SIZE: i64 = 64 << 20;

/// What the mounts of a container follow from.
pub(super) struct Wanted<'a> {
    pub(super) config: &'a ContainerConfig,
    pub(super) overlays: &'a [Overlay],
    pub(super) images: &'a [MountedImage],
    pub(super) spaces: &'a Spaces,
    pub(super) host: &'a Host,
    pub(super) executable: &'a Path,
    /// Whether the host has its message queues mounted.
    pub(super) host_shows_queues: bool,
}

/// All mounts.
pub(super) fn mounts(wanted: &Wanted<'_>) -> Vec<Mount> {
    let config = wanted.config;
    let mut asked: Vec<Mount> = config
        .tmpfs
        .iter()
        .map(tmpfs)
        .chain(config.volumes.iter().map(|volume| wanted.volume(volume)))
        .chain(wanted.images.iter().map(|image| wanted.image(image)))
        .collect();
    // What lies in another is mounted after it.
    asked.sort_by_key(|mount| mount.destination.components().count());
    let mut mounts: Vec<Mount> = wanted.writable_root().into_iter().collect();
    mounts.extend(
        wanted
            .overlays
            .iter()
            .map(|overlay| wanted.overlay(overlay)),
    );
    let is_replaced = |mount: &Mount| asked.iter().any(|a| a.destination == mount.destination);
    mounts.extend(
        wanted
            .defaults()
            .into_iter()
            .filter(|mount| !is_replaced(mount)),
    );
    mounts.extend(asked);
    if config.init {
        mounts.push(bind(
            wanted.executable,
            INIT,
            &["bind", "ro", "nosuid", "nodev"],
        ));
    }
    mounts
}

impl Wanted<'_> {
    /// Whether layers and volumes are id-mapped to the container's user namespace.
    fn idmap(&self) -> bool {
        self.spaces.user != UserSpace::Host && self.host.may_map_ranges()
    }

    /// The directory that is the root itself, without a layer over it.
    fn writable_root(&self) -> Option<Mount> {
        let Root::Directory {
            path,
            writable: true,
        } = &self.config.root
        else {
            return None;
        };
        let mut options = vec!["rbind", "rprivate"];
        options.extend(self.idmap().then_some("idmap"));
        Some(bind(path, "/", &options))
    }

    fn overlay(&self, overlay: &Overlay) -> Mount {
        let mut options = directories_of(overlay);
        if self.idmap() {
            options.push("idmap".to_owned());
        } else if !self.host.may_mount() {
            // The trusted attributes that overlayfs uses otherwise are for the host's root.
            options.push("userxattr".to_owned());
        }
        if self.config.auto_remove {
            // Nothing of it is kept, so that the end need not wait for the disk.
            options.push("volatile".to_owned());
        }
        let is_root = overlay.target == Path::new("/");
        if self.config.read_only && !is_root {
            options.push("ro".to_owned());
        }
        Mount {
            destination: overlay.target.clone(),
            kind: Some("overlay".to_owned()),
            source: Some(PathBuf::from("overlay")),
            options,
            ..Mount::default()
        }
    }

    fn image(&self, image: &MountedImage) -> Mount {
        let mut mount = self.overlay(&image.overlay);
        mount.options.push("ro".to_owned());
        mount
    }

    fn volume(&self, volume: &Volume) -> Mount {
        let bind_word = if volume.shallow { "bind" } else { "rbind" };
        let mut options = vec![
            bind_word,
            volume.propagation.as_deref().unwrap_or("rprivate"),
        ];
        if volume.read_only {
            options.push(if volume.writable_below { "ro" } else { "rro" });
        }
        options.extend(self.idmap().then_some("idmap"));
        bind(&volume.source, &volume.target, &options)
    }

    /// Docker's default mounts, as far as the namespaces allow them.
    fn defaults(&self) -> Vec<Mount> {
        let single_id = self.spaces.user != UserSpace::Host && !self.host.may_map_ranges();
        let writable = if self.config.privileged { "rw" } else { "ro" };
        let shm_size = self.config.resources.shm_size.unwrap_or(SHM_SIZE);
        let mut pts = vec![
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
        ];
        if !single_id {
            pts.push("gid=5");
        }
        let mut mounts = vec![
            self.of_namespace(NamespaceType::Pid, "/proc", "proc", "rw"),
            virtual_fs(
                "/dev",
                "tmpfs",
                &["nosuid", "strictatime", "mode=755", "size=65536k"],
            ),
            virtual_fs("/dev/pts", "devpts", &pts),
        ];
        mounts.push(self.of_namespace(NamespaceType::Network, "/sys", "sysfs", writable));
        let cgroup = ["nosuid", "noexec", "nodev", "relatime", writable];
        mounts.push(virtual_fs("/sys/fs/cgroup", "cgroup", &cgroup));
        mounts.extend(self.message_queues());
        if self.spaces.host.contains(&NamespaceType::Ipc) {
            mounts.push(bind(
                "/dev/shm",
                "/dev/shm",
                &["bind", "nosuid", "noexec", "nodev"],
            ));
        } else {
            let size = format!("size={shm_size}");
            let shm = ["nosuid", "noexec", "nodev", "mode=1777", &size];
            mounts.push(virtual_fs("/dev/shm", "tmpfs", &shm));
        }
        mounts
    }

    /// A filesystem that shows a namespace, which only somebody with rights over it can mount;
    /// others see the host's, if it is the host's.
    fn of_namespace(
        &self,
        kind: NamespaceType,
        target: &str,
        filesystem: &str,
        writable: &str,
    ) -> Mount {
        let safe = ["nosuid", "noexec", "nodev", writable];
        if self.spaces.is_governed(kind) {
            return virtual_fs(target, filesystem, &safe);
        }
        let access = if writable == "ro" { "rro" } else { "rw" };
        bind(
            target,
            target,
            &["rbind", "nosuid", "noexec", "nodev", access],
        )
    }

    fn message_queues(&self) -> Option<Mount> {
        let shown = self.spaces.is_governed(NamespaceType::Ipc)
            || self.spaces.host.contains(&NamespaceType::Ipc) && self.host_shows_queues;
        shown.then(|| self.of_namespace(NamespaceType::Ipc, "/dev/mqueue", "mqueue", "rw"))
    }
}

fn tmpfs(tmpfs: &Tmpfs) -> Mount {
    let defaults = ["nosuid", "nodev", "noexec"].map(str::to_owned);
    Mount {
        destination: tmpfs.target.clone(),
        kind: Some("tmpfs".to_owned()),
        source: Some(PathBuf::from("tmpfs")),
        options: defaults.into_iter().chain(tmpfs.options.clone()).collect(),
        ..Mount::default()
    }
}

fn virtual_fs(target: &str, kind: &str, options: &[&str]) -> Mount {
    Mount {
        destination: PathBuf::from(target),
        kind: Some(kind.to_owned()),
        source: Some(PathBuf::from(kind)),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        ..Mount::default()
    }
}

fn bind(source: impl AsRef<Path>, target: impl AsRef<Path>, options: &[&str]) -> Mount {
    Mount {
        destination: target.as_ref().to_owned(),
        kind: Some("bind".to_owned()),
        source: Some(source.as_ref().to_owned()),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        ..Mount::default()
    }
}

/// A path in a list that is separated by colons, as overlayfs reads it.
/// The options that name an overlay's directories.
pub(super) fn directories_of(overlay: &Overlay) -> Vec<String> {
    let lower: Vec<String> = overlay.lower.iter().map(|layer| escaped(layer)).collect();
    vec![
        format!("lowerdir={}", lower.join(":")),
        format!("upperdir={}", overlay.writable.join("upper").display()),
        format!("workdir={}", overlay.writable.join("work").display()),
    ]
}

fn escaped(path: &Path) -> String {
    path.display()
        .to_string()
        .replace('\\', "\\\\")
        .replace(':', "\\:")
}

#[cfg(test)]
mod tests {
    use rustix::thread::CapabilitySet;

    use super::*;
    use crate::container::config::Sharing;
    use crate::container::sharing;

    fn all(config: &ContainerConfig, capabilities: CapabilitySet) -> Vec<Mount> {
        let host = Host {
            uid: 0,
            gid: 0,
            capabilities,
        };
        let overlays = [("/", "base"), ("/usr", "usr")].map(|(target, name)| Overlay {
            target: target.into(),
            lower: vec![format!("/l/{name}").into(), "/l/a:b".into()],
            writable: format!("/w/{name}").into(),
        });
        let path = |_: &str, _| Ok(PathBuf::from("/ns"));
        let spaces = sharing::resolve(config, &host, path).unwrap();
        mounts(&Wanted {
            config,
            overlays: &overlays,
            images: &[],
            spaces: &spaces,
            host: &host,
            executable: Path::new("/bin/wharf"),
            host_shows_queues: false,
        })
    }

    fn at<'a>(mounts: &'a [Mount], target: &str) -> &'a Mount {
        let mut found = mounts
            .iter()
            .filter(|mount| mount.destination == Path::new(target));
        let mount = found.next().unwrap();
        assert!(found.next().is_none(), "two mounts at {target}");
        mount
    }

    #[test]
    fn the_root_is_mounted_first_and_mapped_to_the_containers_ids() {
        let mounts = all(&ContainerConfig::default(), CapabilitySet::all());
        let order: Vec<_> = mounts
            .iter()
            .filter_map(|mount| mount.destination.to_str())
            .collect();
        let expected = [
            "/",
            "/usr",
            "/proc",
            "/dev",
            "/dev/pts",
            "/sys",
            "/sys/fs/cgroup",
        ];
        assert_eq!(order[..7], expected);
        let options = [
            "lowerdir=/l/base:/l/a\\:b",
            "upperdir=/w/base/upper",
            "workdir=/w/base/work",
        ];
        assert_eq!(mounts[0].options[..3], options);
        assert_eq!(mounts[0].options[3], "idmap");
    }

    #[test]
    fn an_ordinary_users_overlay_has_its_own_attributes_and_no_terminal_group() {
        let mounts = all(&ContainerConfig::default(), CapabilitySet::empty());
        assert_eq!(mounts[0].options[3], "userxattr");
        assert!(
            !at(&mounts, "/dev/pts")
                .options
                .contains(&"gid=5".to_owned())
        );
    }

    #[test]
    fn a_mount_of_the_user_takes_the_place_of_a_default_one() {
        let volume = |target: &str, read_only| Volume {
            source: "/data".into(),
            target: target.into(),
            read_only,
            create_source: true,
            ..Volume::default()
        };
        let config = ContainerConfig {
            volumes: vec![volume("/srv/a/b", true), volume("/dev/shm", false)],
            tmpfs: vec![Tmpfs {
                target: "/srv".into(),
                options: vec!["size=1m".into()],
            }],
            ..ContainerConfig::default()
        };
        let mounts = all(&config, CapabilitySet::all());
        assert_eq!(
            at(&mounts, "/dev/shm").options,
            ["rbind", "rprivate", "idmap"]
        );
        assert_eq!(
            at(&mounts, "/srv/a/b").options,
            ["rbind", "rprivate", "rro", "idmap"]
        );
        assert_eq!(
            at(&mounts, "/srv").options,
            ["nosuid", "nodev", "noexec", "size=1m"]
        );
        let place = |target: &str| {
            mounts
                .iter()
                .position(|mount| mount.destination == Path::new(target))
                .unwrap()
        };
        assert!(place("/srv") < place("/srv/a/b"));
    }

    #[test]
    fn the_hosts_network_shows_the_hosts_sys() {
        let mut config = ContainerConfig::default();
        config.namespaces.network = Sharing::Host;
        let sys = at(&all(&config, CapabilitySet::all()), "/sys").clone();
        assert_eq!(sys.options, ["rbind", "nosuid", "noexec", "nodev", "rro"]);
        config.namespaces.user = Sharing::Host;
        let mounts = all(&config, CapabilitySet::all());
        assert_eq!(at(&mounts, "/sys").kind.as_deref(), Some("sysfs"));
        assert!(!mounts[0].options.contains(&"idmap".to_owned()));
    }

    #[test]
    fn a_writable_directory_is_the_root_itself() {
        let config = ContainerConfig {
            root: Root::Directory {
                path: "/tree".into(),
                writable: true,
            },
            ..ContainerConfig::default()
        };
        let mounts = all(&config, CapabilitySet::all());
        assert_eq!(mounts[0].source.as_deref(), Some(Path::new("/tree")));
        assert_eq!(mounts[0].options, ["rbind", "rprivate", "idmap"]);
    }
}
