//! The resolved request: everything that `config.json` asks for, checked and put into the form
//! that init needs, before anything on the machine changes. No kernel object is made here.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::thread::CapabilitySet;
use spec::runtime::{Config, NamespaceType, Process};
use spec::state::State;

use crate::capabilities::Sets;
use crate::cgroup::Paths;
use crate::error::Error;
use crate::id_map::IdMaps;
use crate::lsm::Labels;
use crate::namespaces::Namespaces;
use crate::rootfs::Root;
use crate::rootfs::mounts::{Mount, Source, Surroundings};
use crate::rootfs::options::{self, Options};
use crate::scheduling::{OwnScheduling, Scheduling};
use crate::{environment, lsm, net_devices, rlimits, seccomp, sysctl};

/// The annotation of a container whose program starts with all signals blocked, for an init that
/// reads them: the kernel drops what comes to an init before it has a handler, but keeps what is
/// blocked.
pub const SIGNALS_BLOCKED: &str = "dev.wharf.signals-blocked";

/// What init shall do.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) process: &'a Process,
    pub(crate) argv: Vec<CString>,
    pub(crate) envp: Vec<CString>,
    pub(crate) namespaces: Namespaces,
    pub(crate) id_maps: Option<IdMaps<'a>>,
    pub(crate) capabilities: Option<Sets>,
    pub(crate) scheduling: Scheduling,
    pub(crate) own_scheduling: OwnScheduling,
    pub(crate) labels: Labels,
    pub(crate) seccomp: Option<seccomp::Filter<'a>>,
    /// The session keyring of the container; without one it has its maker's.
    pub(crate) keyring: Option<CString>,
    /// The container to build; `None` joins one that stands already.
    pub(crate) container: Option<Container<'a>>,
    /// The root directory of a container that is joined and has no mount namespace of its own.
    pub(crate) joins_root: Option<OwnedFd>,
    /// A program without a container: its rights stay as they are.
    pub(crate) bare: Option<Bare<'a>>,
    /// Whether the process is killed when its parent dies.
    pub(crate) dies_with_parent: bool,
    /// Whether the program starts with all signals blocked.
    pub(crate) blocks_signals: bool,
    /// How many fds after the standard streams the program inherits.
    pub(crate) preserve_fds: u32,
}

/// The parts of a plan that only a new container has.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    pub(crate) config: &'a Config,
    pub(crate) root: Root<'a>,
    /// What hooks are told; the pid is filled in where they run.
    pub(crate) state: State,
}

/// What `unshare` and `chroot` want of a root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bare<'a> {
    pub(crate) chroot: Option<&'a Path>,
    pub(crate) fresh_proc: bool,
}

impl<'a> Plan<'a> {
    /// Resolves a new container. `cgroup` is where it will be; relative paths are below `bundle`;
    /// `filters` is where compiled ones are kept.
    pub(crate) fn of_container(
        config: &'a Config,
        bundle: &Path,
        cgroup: Option<&'a Paths>,
        state: State,
        no_pivot: bool,
        filters: Option<&Path>,
    ) -> Result<Self, Error> {
        let process = config.process.as_ref().ok_or_else(|| Error::Invalid {
            key: "process".to_owned(),
            why: "a plan needs one".to_owned(),
        })?;
        let linux = config.linux.as_ref();
        let namespaces =
            Namespaces::resolve(linux.map(|l| l.namespaces.as_slice()).unwrap_or_default())?;
        if let Some(linux) = linux {
            sysctl::check(&linux.sysctl, &namespaces)?;
            net_devices::check(&linux.net_devices, &namespaces)?;
        }
        let profile = linux.and_then(|l| l.seccomp.as_ref());
        let seccomp = profile
            .map(|profile| seccomp::Filter::of(profile, &state, filters))
            .transpose()
            .map_err(Error::Seccomp)?;
        let root = Root {
            no_pivot,
            ..root(config, bundle, &namespaces, cgroup)?
        };
        if root.shares_mounts && (root.on_host().is_none() || namespaces.has_user()) {
            let why = "without a mount namespace of its own, a container needs root.path, and no \
                       user namespace either";
            return Err(Error::Invalid {
                key: "linux.namespaces".into(),
                why: why.into(),
            });
        }
        if no_pivot && root.shares() {
            // What is left below the root could be unmounted on the host, too.
            let what = "linux.rootfsPropagation shared without pivot_root".to_owned();
            return Err(Error::Unsupported { what });
        }
        let container = Container {
            config,
            root,
            state,
        };
        let id_maps = namespaces
            .create
            .contains(sys::clone::Namespaces::USER)
            .then(|| IdMaps {
                uids: linux.map(|l| l.uid_mappings.as_slice()).unwrap_or_default(),
                gids: linux.map(|l| l.gid_mappings.as_slice()).unwrap_or_default(),
            });
        Ok(Self {
            id_maps,
            seccomp,
            container: Some(container),
            blocks_signals: config.annotations.contains_key(SIGNALS_BLOCKED),
            own_scheduling: linux
                .map(OwnScheduling::resolve)
                .transpose()?
                .unwrap_or_default(),
            ..Self::of_process(process, namespaces)?
        })
    }

    /// Tells the program that the first `count` descriptors after the standard streams are sockets
    /// of its own (sd_listen_fds(3)); the container's first process is 1 in its pid namespace.
    pub(crate) fn tell_of_listening(&mut self, count: u32) {
        if count > 0 {
            let told = [format!("LISTEN_FDS={count}"), "LISTEN_PID=1".to_owned()];
            self.envp.extend(told.into_iter().flat_map(CString::new));
        }
    }

    /// Resolves a process in the given namespaces, without a container to build.
    pub(crate) fn of_process(process: &'a Process, namespaces: Namespaces) -> Result<Self, Error> {
        for limit in &process.rlimits {
            if rlimits::resource(&limit.kind).is_none() {
                let why = format!("{:?} is not a resource limit of Linux", limit.kind);
                return Err(Error::Invalid {
                    key: "process.rlimits".into(),
                    why,
                });
            }
        }
        Ok(Self {
            process,
            argv: strings("process.args", &process.args)?,
            envp: environment::resolve(&process.env)?,
            namespaces,
            id_maps: None,
            capabilities: process.capabilities.as_ref().map(Sets::resolve),
            scheduling: Scheduling::resolve(process)?,
            own_scheduling: OwnScheduling::default(),
            labels: Labels::resolve(process)?,
            seccomp: None,
            keyring: None,
            container: None,
            joins_root: None,
            bare: None,
            dies_with_parent: false,
            blocks_signals: false,
            preserve_fds: 0,
        })
    }
}

fn root<'a>(
    config: &'a Config,
    bundle: &Path,
    namespaces: &Namespaces,
    cgroup: Option<&'a Paths>,
) -> Result<Root<'a>, Error> {
    let linux = config.linux.as_ref();
    let mounts = resolve_mounts(config, bundle, namespaces.has_user())?;
    let by_parent = namespaces.has_user() && may_mount();
    for mount in &mounts {
        let is_possible = match &mount.idmap {
            None => true,
            Some(map) if map.own.is_some() => may_mount(),
            Some(_) => by_parent,
        };
        if !is_possible {
            let key = format!("mount {}", mount.destination.display());
            let why = "id-mapping needs maps or a user namespace, and CAP_SYS_ADMIN on the host";
            return Err(Error::Invalid {
                key,
                why: why.to_owned(),
            });
        }
    }
    let propagation = match linux.and_then(|l| l.rootfs_propagation.as_deref()) {
        None | Some("") => None,
        Some(word) => Some(options::propagation(word).ok_or_else(|| Error::Invalid {
            key: "linux.rootfsPropagation".to_owned(),
            why: format!("{word:?} is not one of shared, slave, private, unbindable"),
        })?),
    };
    Ok(Root {
        mounts,
        by_parent,
        readonly: config.root.as_ref().is_some_and(|root| root.readonly),
        propagation,
        devices: linux.map(|l| l.devices.as_slice()).unwrap_or_default(),
        may_mknod: !namespaces.has_user() && has(CapabilitySet::MKNOD),
        cgroup,
        shares_cgroups: namespaces.is_shared(NamespaceType::Cgroup),
        no_pivot: false,
        shares_mounts: namespaces.is_shared(NamespaceType::Mount),
        masked: linux.map(|l| l.masked_paths.as_slice()).unwrap_or_default(),
        readonly_paths: linux
            .map(|l| l.readonly_paths.as_slice())
            .unwrap_or_default(),
    })
}

/// The mounts with the root's first. A mount whose destination is `/` takes the place of
/// `root.path`: that is how the engine gives a container an overlay as its root.
fn resolve_mounts(config: &Config, bundle: &Path, has_user: bool) -> Result<Vec<Mount>, Error> {
    let root = config.root.as_ref().map(|root| bundle.join(&root.path));
    let root = root.and_then(|root| root.canonicalize().ok());
    let label = config.linux.as_ref();
    let label = label.and_then(|linux| linux.mount_label.as_deref());
    if label.is_some() && !lsm::selinux_is_enabled() {
        return Err(Error::Unsupported {
            what: "linux.mountLabel without SELinux in this kernel".to_owned(),
        });
    }
    let around = Surroundings {
        bundle,
        rootfs: root.as_deref(),
        label,
        has_user,
    };
    let mut mounts = config
        .mounts
        .iter()
        .map(|entry| Mount::resolve(entry, around))
        .collect::<Result<Vec<_>, _>>()?;
    match mounts
        .iter()
        .position(|mount| mount.destination == Path::new("/"))
    {
        Some(0) => {}
        Some(_) => {
            let why = "the mount of the root must come first".to_owned();
            return Err(Error::Invalid {
                key: "mounts".into(),
                why,
            });
        }
        None => mounts.insert(0, root_bind(config, bundle, root)?),
    }
    Ok(mounts)
}

fn root_bind(config: &Config, bundle: &Path, found: Option<PathBuf>) -> Result<Mount, Error> {
    let invalid = |why: String| Error::Invalid {
        key: "root.path".to_owned(),
        why,
    };
    let root = config
        .root
        .as_ref()
        .ok_or_else(|| invalid("a root is needed".to_owned()))?;
    let path = bundle.join(&root.path);
    let path = found
        .map_or_else(|| path.canonicalize(), Ok)
        .map_err(|error| invalid(format!("{}: {}", path.display(), lower(&error))))?;
    if !path.is_dir() {
        return Err(invalid(format!("{} is not a directory", path.display())));
    }
    if path == Path::new("/") {
        return Err(invalid(
            "the host's own root cannot be a container's root".to_owned(),
        ));
    }
    Ok(Mount {
        destination: "/".into(),
        source: Source::Bind {
            path,
            below: None,
            recursive: true,
        },
        options: Options::default(),
        idmap: None,
        keeps_flags: true,
    })
}

fn lower(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such directory".to_owned(),
        kind => kind.to_string(),
    }
}

/// Whether the calling process may make mounts of the host.
fn may_mount() -> bool {
    has(CapabilitySet::SYS_ADMIN)
}

fn has(capability: CapabilitySet) -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(capability))
}

fn strings(key: &str, words: &[String]) -> Result<Vec<CString>, Error> {
    words
        .iter()
        .map(|word| CString::new(word.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::Invalid {
            key: key.to_owned(),
            why: format!(
                "a string with a null byte cannot be passed ({})",
                Errno::INVAL
            ),
        })
}
