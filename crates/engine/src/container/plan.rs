//! From the record of a container to its OCI configuration, with everything that can change
//! between two starts: who the user is, which ids it maps to, which namespaces others offer.

use std::path::{Path, PathBuf};

use spec::runtime::{Config, LinuxResources, NamespaceType};

use super::config::{ContainerConfig, Root, Volume};
use super::id_range::{claim_range, share_range};
use super::mounts::{Wanted, mounts};
use super::oci_spec::{self, Input};
use super::record::Record;
use super::sharing::{self, UserSpace};
use super::{devices, limits, live, user};
use crate::{Engine, Error};

/// What a start needs.
pub(super) struct Plan {
    pub(super) config: Config,
    /// The claim on the ids of its user namespace.
    pub(super) id_range: Option<PathBuf>,
    pub(super) warnings: Vec<String>,
}

impl Engine {
    /// Resolves everything, and claims the container's id range.
    pub(super) fn plan(&self, record: &Record) -> Result<Plan, Error> {
        let config = &record.config;
        let spaces = sharing::resolve(config, &self.host, |name, kind| {
            self.namespace_of(name, kind)
        })?;
        let files = user::Files::read(&layers(record));
        let identity = user::resolve(record.process.user.as_deref(), &files)?
            .with_groups(&config.group_add, &files)?;
        make_sources(&config.volumes)?;
        let (rlimits, warnings) = limits::rlimits(config, &self.host)?;
        let user = spaces.user;
        let may_map = self.host.may_map_ranges();
        let range = match user {
            UserSpace::Own if may_map => Some(claim_range(&self.paths, &record.id)?),
            _ => None,
        };
        let claim = match (&range, sharing::companion(config)) {
            (Some(range), _) => Some(range.claim.clone()),
            (None, Some(companion)) if user == UserSpace::Joined => {
                self.share_range_of(companion, &record.id)?
            }
            (None, _) => None,
        };
        let id_maps = match user {
            UserSpace::Own => sharing::id_maps(range.as_ref().map(|range| range.first), &self.host),
            UserSpace::Host | UserSpace::Joined => (Vec::new(), Vec::new()),
        };
        let wanted = Wanted {
            config,
            overlays: &record.overlays,
            images: &record.mounted_images,
            spaces: &spaces,
            host: &self.host,
            executable: &self.paths.executable,
            host_shows_queues: Path::new("/dev/mqueue").is_dir(),
        };
        let input = Input {
            record,
            cgroup_manager: &self.cgroup_manager,
            hostname: config
                .hostname
                .as_deref()
                .unwrap_or_else(|| record.short_id()),
            identity,
            id_maps,
            mounts: mounts(&wanted),
            devices: match config.privileged && user == UserSpace::Host {
                true => devices::of_host(),
                false => devices::wished(config, &self.host)?,
            },
            resources: Some(self.resources(config)?),
            rlimits,
            oom_score_adj: limits::oom_score_adj(config, &self.host)?,
            spaces,
        };
        Ok(Plan {
            config: oci_spec::build(input)?,
            id_range: claim,
            warnings,
        })
    }

    /// The cgroup's settings; a caller without rights has no device cgroup, nor devices.
    fn resources(&self, config: &ContainerConfig) -> Result<LinuxResources, Error> {
        let rules = match self.host.may_mount() {
            true => devices::rules(config)?,
            false => Vec::new(),
        };
        limits::resources(&limits::with_swap(&config.resources), rules)
    }

    /// Holds the id range of a running container whose user namespace is joined.
    fn share_range_of(&self, companion: &str, id: &str) -> Result<Option<PathBuf>, Error> {
        let owner = self.find(companion)?;
        let claim = share_range(&self.paths, &owner.id, id)?;
        // It may have ended, and its range be somebody else's, before ours was held.
        self.namespace_of(companion, NamespaceType::User)?;
        Ok(claim)
    }

    /// The path of a namespace of a running container.
    fn namespace_of(&self, name: &str, kind: NamespaceType) -> Result<PathBuf, Error> {
        let record = self.find(name)?;
        let live = live::look(&self.paths, &record)?;
        match live.pid {
            Some(pid) => Ok(PathBuf::from(format!(
                "/proc/{pid}/ns/{}",
                kind.proc_name()
            ))),
            None => Err(Error::Status {
                operation: super::Operation::Exec,
                name: record.name,
                status: live.status,
            }),
        }
    }
}

/// The directories that make a container's root, topmost first.
pub(super) fn layers(record: &Record) -> Vec<PathBuf> {
    let root = record
        .overlays
        .iter()
        .find(|overlay| overlay.target.as_os_str() == "/");
    match (root, &record.config.root) {
        (Some(root), _) => {
            let upper = root.writable.join("upper");
            std::iter::once(upper)
                .chain(root.lower.iter().cloned())
                .collect()
        }
        (None, Root::Directory { path, .. }) => vec![path.clone()],
        (None, Root::Image(_)) => Vec::new(),
    }
}

/// Sees to it that what is mounted is there.
fn make_sources(volumes: &[Volume]) -> Result<(), Error> {
    for volume in volumes {
        if volume.source.exists() {
            continue;
        }
        if !volume.create_source {
            return Err(Error::Invalid {
                what: "mount",
                why: format!("the source {} does not exist", volume.source.display()),
            });
        }
        std::fs::create_dir_all(&volume.source)
            .map_err(|error| Error::io("making the volume", &volume.source, error))?;
    }
    Ok(())
}
