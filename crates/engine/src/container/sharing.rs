//! With whom a container shares its namespaces, decided: the list for the runtime, and what
//! mounts and files have to know of it.

use std::path::{Path, PathBuf};

use spec::runtime::{IdMapping, Namespace, NamespaceType};

use super::config::{ContainerConfig, Sharing};
use crate::{Error, Host};

/// Whose user namespace a container is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserSpace {
    /// A new one.
    Own,
    /// The host's.
    Host,
    /// Another container's, or that of a path.
    Joined,
}

/// All decisions about namespaces.
#[derive(Debug)]
pub(super) struct Spaces {
    /// For the runtime.
    pub(super) list: Vec<Namespace>,
    pub(super) user: UserSpace,
    /// Which ones are the host's.
    pub(super) host: Vec<NamespaceType>,
    /// Which ones are somebody else's.
    pub(super) joined: Vec<NamespaceType>,
}

impl Spaces {
    fn add(&mut self, kind: NamespaceType, path: Option<PathBuf>, is_host: bool) {
        if is_host {
            self.host.push(kind);
            return;
        }
        if path.is_some() {
            self.joined.push(kind);
        }
        self.list.push(Namespace { kind, path });
    }

    /// Whether the container's user namespace has rights over this namespace.
    pub(super) fn is_governed(&self, kind: NamespaceType) -> bool {
        match self.user {
            UserSpace::Host => true,
            UserSpace::Own => self.is_own(kind),
            UserSpace::Joined => !self.host.contains(&kind),
        }
    }

    /// Whether the namespace of this kind is made for the container.
    pub(super) fn is_own(&self, kind: NamespaceType) -> bool {
        !self.host.contains(&kind) && !self.joined.contains(&kind)
    }
}

/// The container whose namespaces this one joins, if there is one. It joins that one's user
/// namespace too, unless told otherwise: only who has rights over a namespace can mount its /proc,
/// its /sys and its message queues, and ports below 1024 are its owner's.
pub(super) fn companion(config: &ContainerConfig) -> Option<&str> {
    let wanted = &config.namespaces;
    let shared = [
        &wanted.user,
        &wanted.pid,
        &wanted.network,
        &wanted.ipc,
        &wanted.uts,
    ];
    shared.into_iter().find_map(|sharing| match sharing {
        Sharing::Container(name) => Some(name.as_str()),
        _ => None,
    })
}

/// Whose user namespace: a new one unless that was refused, or a privileged container could not
/// use its rights in it.
pub(super) fn user_space(config: &ContainerConfig, host: &Host) -> Result<UserSpace, Error> {
    match &config.namespaces.user {
        Sharing::Default if config.privileged && host.may_mount() => Ok(UserSpace::Host),
        Sharing::Private if config.privileged && host.may_mount() => Err(Error::Invalid {
            what: "user namespace",
            why: "a privileged container needs the host's; leave out one of the two".to_owned(),
        }),
        Sharing::Default if companion(config).is_some() => Ok(UserSpace::Joined),
        Sharing::Default | Sharing::Private => Ok(UserSpace::Own),
        Sharing::Host if host.may_mount() => Ok(UserSpace::Host),
        Sharing::Host => Err(Error::Forbidden {
            what: "a container in the host's user namespace".to_owned(),
            right: "CAP_SYS_ADMIN",
        }),
        Sharing::Container(_) | Sharing::Path(_) => Ok(UserSpace::Joined),
    }
}

/// Decides about all namespaces. `namespace_of` gives the path of a namespace of a running
/// container, by name or id.
pub(super) fn resolve(
    config: &ContainerConfig,
    host: &Host,
    namespace_of: impl Fn(&str, NamespaceType) -> Result<PathBuf, Error>,
) -> Result<Spaces, Error> {
    let wanted = &config.namespaces;
    let mut user = user_space(config, host)?;
    let user_sharing = match (user, companion(config)) {
        (UserSpace::Own, _) => Sharing::Private,
        (UserSpace::Host, _) => Sharing::Host,
        (UserSpace::Joined, Some(name)) if wanted.user == Sharing::Default => {
            Sharing::Container(name.to_owned())
        }
        (UserSpace::Joined, _) => wanted.user.clone(),
    };
    let user_path = path_of(&user_sharing, NamespaceType::User, &namespace_of)?;
    if user_path.as_deref().is_some_and(is_own_user_namespace) {
        user = UserSpace::Host;
    }
    let mut spaces = Spaces {
        list: vec![new(NamespaceType::Mount)],
        user,
        host: Vec::new(),
        joined: Vec::new(),
    };
    for (kind, sharing) in [
        (NamespaceType::Pid, &wanted.pid),
        (NamespaceType::Network, &wanted.network),
        (NamespaceType::Ipc, &wanted.ipc),
        (NamespaceType::Uts, &wanted.uts),
        (NamespaceType::Cgroup, &wanted.cgroup),
    ] {
        let path = path_of(sharing, kind, &namespace_of)?;
        spaces.add(kind, path, *sharing == Sharing::Host);
    }
    spaces.add(NamespaceType::User, user_path, user == UserSpace::Host);
    if !config.time_offsets.is_empty() {
        spaces.list.push(new(NamespaceType::Time));
    }
    Ok(spaces)
}

/// The path of a namespace that is joined.
fn path_of(
    sharing: &Sharing,
    kind: NamespaceType,
    namespace_of: impl Fn(&str, NamespaceType) -> Result<PathBuf, Error>,
) -> Result<Option<PathBuf>, Error> {
    match sharing {
        Sharing::Default | Sharing::Private | Sharing::Host => Ok(None),
        Sharing::Container(name) => namespace_of(name, kind).map(Some),
        Sharing::Path(path) => Ok(Some(path.clone())),
    }
}

/// Whether a path shows the user namespace that we are in.
fn is_own_user_namespace(path: &Path) -> bool {
    let number = |path: &Path| rustix::fs::stat(path).map(|s| (s.st_dev, s.st_ino)).ok();
    number(path).is_some_and(|theirs| number(Path::new("/proc/self/ns/user")) == Some(theirs))
}

fn new(kind: NamespaceType) -> Namespace {
    Namespace { kind, path: None }
}

/// The maps of a new user namespace: the range that begins at `first`, or without one the caller
/// alone, as root.
pub(super) fn id_maps(first: Option<u32>, host: &Host) -> (Vec<IdMapping>, Vec<IdMapping>) {
    let map = |own: u32| {
        let (host_id, size) = match first {
            Some(first) => (first, super::id_range::SIZE),
            None => (own, 1),
        };
        vec![IdMapping {
            container_id: 0,
            host_id,
            size,
        }]
    };
    (map(host.uid), map(host.gid))
}

#[cfg(test)]
mod tests {
    use rustix::thread::CapabilitySet;

    use super::*;
    use crate::container::config::Namespaces;

    fn host(capabilities: CapabilitySet) -> Host {
        Host {
            uid: 1000,
            gid: 100,
            capabilities,
        }
    }

    fn with_user(user: Sharing, privileged: bool) -> ContainerConfig {
        ContainerConfig {
            privileged,
            namespaces: Namespaces {
                user,
                ..Namespaces::default()
            },
            ..ContainerConfig::default()
        }
    }

    #[test]
    fn every_container_has_its_own_user_namespace_unless_root_says_otherwise() {
        let (root, user) = (host(CapabilitySet::all()), host(CapabilitySet::empty()));
        let decided = |sharing, privileged, host| user_space(&with_user(sharing, privileged), host);
        assert_eq!(
            decided(Sharing::Default, false, &root).unwrap(),
            UserSpace::Own
        );
        assert_eq!(
            decided(Sharing::Default, false, &user).unwrap(),
            UserSpace::Own
        );
        assert_eq!(
            decided(Sharing::Default, true, &root).unwrap(),
            UserSpace::Host
        );
        assert_eq!(
            decided(Sharing::Default, true, &user).unwrap(),
            UserSpace::Own
        );
        assert_eq!(
            decided(Sharing::Host, false, &root).unwrap(),
            UserSpace::Host
        );
        assert!(decided(Sharing::Private, true, &root).is_err());
        let error = decided(Sharing::Host, false, &user).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Forbidden);
    }

    #[test]
    fn a_shared_namespace_is_not_in_the_list_and_a_joined_one_has_a_path() {
        let mut config = with_user(Sharing::Default, false);
        config.namespaces.network = Sharing::Host;
        config.namespaces.ipc = Sharing::Container("db".into());
        let path = |name: &str, kind| Ok(PathBuf::from(format!("/{name}/{kind}")));
        let spaces = resolve(&config, &host(CapabilitySet::all()), path).unwrap();
        let kinds: Vec<_> = spaces
            .list
            .iter()
            .map(|n| (n.kind.name(), n.path.clone()))
            .collect();
        let expected = [
            ("mount", None),
            ("pid", None),
            ("ipc", Some(PathBuf::from("/db/ipc"))),
            ("uts", None),
            ("cgroup", None),
            ("user", Some(PathBuf::from("/db/user"))),
        ];
        assert_eq!(kinds, expected);
        assert!(spaces.is_own(NamespaceType::Pid) && !spaces.is_own(NamespaceType::Network));
    }

    #[test]
    fn a_caller_without_rights_maps_itself_alone() {
        let (uids, gids) = id_maps(None, &host(CapabilitySet::empty()));
        assert_eq!((uids[0].host_id, uids[0].size), (1000, 1));
        assert_eq!((gids[0].host_id, gids[0].size), (100, 1));
        let (uids, gids) = id_maps(Some(600_000), &host(CapabilitySet::all()));
        assert_eq!(uids, gids);
        assert_eq!((uids[0].host_id, uids[0].size), (600_000, 65_536));
    }
}
