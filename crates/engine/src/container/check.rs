//! What can be wrong with a request for a container whatever its image is: looked at before the
//! image is, and before anything is made.

mod health;
mod mounts;
mod ports;
mod words;

use std::path::Path;

use runtime::cgroup::Manager;
use rustix::fs::FileType;

use super::config::{ContainerConfig, LogDriver, Root, Sharing};
use super::launch::JOURNAL;
use super::layer::HOST_GATEWAY;
use super::restarts::RestartPolicy;
use super::{devices, limits, name, oci_spec, sharing};
use crate::{Engine, Error};

impl Engine {
    /// Looks at everything about a request that does not depend on its image; gives it back with
    /// what it takes from other containers, and its networks by their names.
    ///
    /// # Errors
    /// The first thing that is wrong. Nothing is made either way.
    pub fn check(&self, mut config: ContainerConfig) -> Result<ContainerConfig, Error> {
        if let Some(wanted) = &config.name {
            name::check(wanted)?;
            name::check_free(&self.paths, wanted)?;
        }
        check_life(&config)?;
        words::check(&config)?;
        health::check(&config.health)?;
        ports::check(&config)?;
        self.check_namespaces(&config)?;
        sharing::user_space(&config, &self.host)?;
        self.check_limits(&config)?;
        oci_spec::capability_sets(&config, 0)?;
        check_cgroup_parent(&config, &self.cgroup_manager)?;
        check_root(&config)?;
        self.take_volumes(&mut config)?;
        mounts::check(&config)?;
        self.take_networks(&mut config)?;
        self.check_host_gateway(&config)?;
        Ok(config)
    }

    /// The host is reached through a network that leads out, or not at all.
    fn check_host_gateway(&self, config: &ContainerConfig) -> Result<(), Error> {
        let mut hosts = config.add_hosts.iter();
        let Some(host) = hosts.find(|host| host.ends_with(HOST_GATEWAY)) else {
            return Ok(());
        };
        for wish in &config.networks {
            if !self.network(&wish.network)?.network.internal {
                return Ok(());
            }
        }
        Err(Error::Invalid {
            what: "further host",
            why: format!("{host:?} needs a network that leads out, such as --network bridge"),
        })
    }

    fn check_limits(&self, config: &ContainerConfig) -> Result<(), Error> {
        limits::rlimits(config, &self.host)?;
        limits::oom_score_adj(config, &self.host)?;
        limits::resources(&config.resources, devices::rules(config)?)?;
        devices::wished(config, &self.host)?;
        Ok(())
    }

    /// Whose namespaces are joined must be there; whether it runs is seen at each start.
    fn check_namespaces(&self, config: &ContainerConfig) -> Result<(), Error> {
        let wanted = &config.namespaces;
        for sharing in [
            &wanted.pid,
            &wanted.network,
            &wanted.ipc,
            &wanted.uts,
            &wanted.user,
            &wanted.cgroup,
        ] {
            match sharing {
                Sharing::Container(name) => {
                    self.find(name)?;
                }
                Sharing::Path(path) => check_namespace(path)?,
                Sharing::Default | Sharing::Private | Sharing::Host => {}
            }
        }
        Ok(())
    }
}

fn check_namespace(path: &Path) -> Result<(), Error> {
    let status = rustix::fs::stat(path)
        .map_err(|errno| Error::io("looking at the namespace", path, errno))?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => Ok(()),
        _ => Err(Error::Invalid {
            what: "namespace",
            why: format!("{} shows none", path.display()),
        }),
    }
}

fn check_life(config: &ContainerConfig) -> Result<(), Error> {
    if config.auto_remove && config.restart != RestartPolicy::No {
        return Err(Error::Invalid {
            what: "restart policy",
            why: "a container that is removed at its end is not started again".to_owned(),
        });
    }
    if matches!(config.log, LogDriver::Journald { .. }) && !Path::new(JOURNAL).exists() {
        return Err(Error::Unsupported {
            what: "the log driver journald".to_owned(),
            why: "this machine has no journal at /run/systemd/journal/socket",
        });
    }
    if config.apparmor.is_some() && !runtime::apparmor_is_enabled() {
        return Err(Error::Unsupported {
            what: "an AppArmor profile".to_owned(),
            why: "this kernel does not run AppArmor",
        });
    }
    Ok(())
}

fn check_root(config: &ContainerConfig) -> Result<(), Error> {
    match &config.root {
        Root::Directory { path, .. } if !path.is_absolute() || !path.is_dir() => {
            Err(Error::Invalid {
                what: "root filesystem",
                why: format!("{} is not a directory", path.display()),
            })
        }
        Root::Directory { .. } | Root::Image(_) => Ok(()),
    }
}

/// A path below the root of the cgroups, or the name of a slice.
fn check_cgroup_parent(config: &ContainerConfig, manager: &Manager) -> Result<(), Error> {
    let Some(parent) = &config.cgroup_parent else {
        return Ok(());
    };
    let is_plain =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(':');
    let (is_good, expected) = match manager {
        Manager::Systemd(_) => (
            parent.ends_with(".slice") && !parent.contains('/') && is_plain(parent),
            "expected the name of a slice, as user.slice",
        ),
        Manager::Cgroupfs | Manager::Disabled => (
            parent.trim_matches('/').split('/').all(is_plain),
            "expected a path below the root of the cgroups, as /jobs",
        ),
    };
    match is_good {
        true => Ok(()),
        false => Err(Error::Invalid {
            what: "cgroup parent",
            why: format!("{parent:?}: {expected}"),
        }),
    }
}
