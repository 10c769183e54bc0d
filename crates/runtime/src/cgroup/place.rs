//! Where a container's cgroup goes, and whether it gets one at all.

use std::path::{Component, Path, PathBuf};

use spec::runtime::{Config, LinuxResources};

use super::{Cgroup, Error, devices, hierarchy, limits};

/// Makes the cgroup that `config` asks for, with its limits: at `linux.cgroupsPath` below the
/// mount of each hierarchy, or at `/<id>`. `None` where the caller may make none and no limit is
/// asked for.
///
/// # Errors
/// [`Error::Permission`] when limits are asked for all the same; anything that a limit meets.
pub fn of_container(config: &Config, id: &str) -> Result<Option<Cgroup>, Error> {
    let linux = config.linux.as_ref();
    let path = linux
        .and_then(|linux| linux.cgroups_path.as_deref())
        .unwrap_or(id);
    let path = checked(path)?;
    let none = LinuxResources::default();
    let resources = linux
        .and_then(|linux| linux.resources.as_ref())
        .unwrap_or(&none);
    let hierarchies = hierarchy::mounted()?;
    let cgroup = match Cgroup::create(&hierarchies, &path) {
        Err(error) if error.is_permission() => {
            if limits::are_asked(resources) {
                return Err(Error::Permission {
                    path: hierarchies_root(&hierarchies),
                });
            }
            return Ok(None);
        }
        created => created?,
    };
    let limited = limits::apply(&cgroup, resources)
        .and_then(|()| devices::apply(&cgroup, resources, linux.is_some_and(has_user_namespace)));
    if let Err(error) = limited {
        // The cgroup is empty; if it cannot be removed, its name tells whose it was.
        let _ = cgroup.remove();
        return Err(error);
    }
    Ok(Some(cgroup))
}

/// Ends and removes what there is of the cgroup at `path` below each hierarchy: for a container
/// that was never written down.
///
/// # Errors
/// When it cannot be emptied or removed.
pub fn remove_by_path(path: &str) -> Result<(), Error> {
    let cgroup = Cgroup::find(&hierarchy::mounted()?, &checked(path)?)?;
    cgroup.kill_all()?;
    cgroup.remove()
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
        return Err(wrong("is a systemd slice, which is not supported yet"));
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
