//! Where a container's cgroup goes, and whether it gets one at all.

use std::path::{Component, Path, PathBuf};

use rustix::process::Pid;
use spec::runtime::{Config, LinuxResources};

use super::systemd::Scope;
use super::{Bus, Cgroup, Error, Unit, devices, hierarchy, limits};

/// A container's cgroup, and who else knows of it.
#[derive(Debug)]
pub struct Made {
    /// The cgroup.
    pub cgroup: Cgroup,
    /// The unit of systemd that it belongs to.
    pub unit: Option<Unit>,
}

impl Made {
    /// Takes it back.
    fn undo(&self) {
        // It is empty; what cannot be removed now is found again by its name.
        let _ = self.unit.as_ref().map_or(Ok(()), Unit::stop);
        let _ = self.cgroup.remove();
    }
}

/// Makes the cgroup that `config` asks for, with its limits: at `linux.cgroupsPath` below the
/// mount of each hierarchy, or at `/<id>`. `None` where the caller may make none and no limit is
/// asked for. systemd is asked where `scope` names it, and a process for it to begin with.
///
/// # Errors
/// [`Error::Permission`] when limits are asked for all the same; anything that a limit meets.
pub fn of_container(
    config: &Config,
    id: &str,
    scope: Option<(&Bus, Pid)>,
) -> Result<Option<Made>, Error> {
    let linux = config.linux.as_ref();
    let none = LinuxResources::default();
    let resources = linux
        .and_then(|linux| linux.resources.as_ref())
        .unwrap_or(&none);
    let hierarchies = hierarchy::mounted()?;
    let made = match scope {
        Some((bus, process)) => Some(by_systemd(config, id, bus, process, &hierarchies)?),
        None => by_hand(config, id, resources, &hierarchies)?,
    };
    let Some(made) = made else {
        return Ok(None);
    };
    let limited = limits::apply(&made.cgroup, resources).and_then(|()| {
        let in_user_namespace = linux.is_some_and(has_user_namespace);
        devices::apply(&made.cgroup, resources, in_user_namespace)
    });
    if let Err(error) = limited {
        made.undo();
        return Err(error);
    }
    Ok(Some(made))
}

/// Refuses a configuration with limits for a container that gets no cgroup.
///
/// # Errors
/// [`Error::NoCgroup`] if there are any.
pub(crate) fn refuse_limits(config: &Config) -> Result<(), Error> {
    let resources = config.linux.as_ref();
    let resources = resources.and_then(|linux| linux.resources.as_ref());
    match resources.is_some_and(limits::are_asked) {
        true => Err(Error::NoCgroup),
        false => Ok(()),
    }
}

fn by_hand(
    config: &Config,
    id: &str,
    resources: &LinuxResources,
    hierarchies: &[hierarchy::Hierarchy],
) -> Result<Option<Made>, Error> {
    let path = config.linux.as_ref();
    let path = path.and_then(|linux| linux.cgroups_path.as_deref());
    let path = checked(path.unwrap_or(id))?;
    let cgroup = match Cgroup::create(hierarchies, &path) {
        Err(error) if error.is_permission() => match hierarchy::delegated(hierarchies) {
            Some(above) => Cgroup::create(hierarchies, &above.join(&path)),
            None => Err(error),
        },
        created => created,
    };
    match cgroup {
        Err(error) if error.is_permission() => match limits::are_asked(resources) {
            true => Err(Error::Permission {
                path: hierarchies_root(hierarchies),
            }),
            false => Ok(None),
        },
        created => Ok(Some(Made {
            cgroup: created?,
            unit: None,
        })),
    }
}

fn by_systemd(
    config: &Config,
    id: &str,
    bus: &Bus,
    process: Pid,
    hierarchies: &[hierarchy::Hierarchy],
) -> Result<Made, Error> {
    let scope = Scope::of_container(config, id, bus)?;
    let only_v2 = hierarchies.iter().all(|hierarchy| hierarchy.unified);
    let (unit, path) = Unit::start(config, &scope, bus, process, only_v2)?;
    // Hierarchies that systemd leaves alone get the same path.
    match Cgroup::complete(hierarchies, &path) {
        Ok(cgroup) => Ok(Made {
            cgroup,
            unit: Some(unit),
        }),
        Err((cgroup, error)) => {
            let unit = Some(unit);
            Made { cgroup, unit }.undo();
            Err(error)
        }
    }
}

/// Ends and removes what there is of the cgroup at `path` below each hierarchy: for a container
/// that was never written down.
///
/// # Errors
/// When it cannot be emptied or removed.
pub fn remove_by_path(path: &str) -> Result<(), Error> {
    let hierarchies = hierarchy::mounted()?;
    let path = checked(path)?;
    let delegated = hierarchy::delegated(&hierarchies).map(|above| above.join(&path));
    for path in [Some(path), delegated].into_iter().flatten() {
        let cgroup = Cgroup::find(&hierarchies, &path)?;
        cgroup.kill_all()?;
        cgroup.remove()?;
    }
    Ok(())
}

/// Whether the host has cgroup v2 and nothing of v1.
pub fn is_only_v2() -> bool {
    hierarchy::mounted().is_ok_and(|found| found.iter().all(|hierarchy| hierarchy.unified))
}

fn has_user_namespace(linux: &spec::runtime::Linux) -> bool {
    linux
        .namespace(spec::runtime::NamespaceType::User)
        .is_some()
}

fn hierarchies_root(hierarchies: &[hierarchy::Hierarchy]) -> PathBuf {
    hierarchies
        .first()
        .map(|h| h.mount.clone())
        .unwrap_or_else(|| "/sys/fs/cgroup".into())
}

/// The path below each hierarchy's mount, without a leading slash.
pub(crate) fn checked(path: &str) -> Result<PathBuf, Error> {
    let wrong = |why| Error::Path {
        path: path.to_owned(),
        why,
    };
    if path.split(':').count() == 3 {
        return Err(wrong(
            "names a scope of systemd's, which takes --systemd-cgroup",
        ));
    }
    let relative = Path::new(path.trim_start_matches('/'));
    if relative.as_os_str().is_empty() {
        return Err(wrong("is the root of the hierarchy"));
    }
    if relative
        .components()
        .any(|part| !matches!(part, Component::Normal(_)))
    {
        return Err(wrong("has a part . or .."));
    }
    Ok(relative.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_mount() {
        assert_eq!(checked("/wharf/a").unwrap(), Path::new("wharf/a"));
        for path in ["", "/", "../x", "/a/../b", "system.slice:wharf:a"] {
            assert!(checked(path).is_err(), "{path}");
        }
    }
}
