//! The cgroup hierarchies that are mounted: one of v2, several of v1, or both (hybrid).
//!
//! Source: cgroups(7); proc(5), "/proc/[pid]/mountinfo".

use std::path::{Path, PathBuf};

use super::Error;

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Where it is mounted.
    pub(super) mount: PathBuf,
    /// Its v1 controllers or `name=…`; empty for v2.
    pub(super) controllers: Vec<String>,
    /// Whether it is v2.
    pub(super) unified: bool,
}

/// All hierarchies that the calling process can see.
pub(super) fn mounted() -> Result<Vec<Hierarchy>, Error> {
    let path = "/proc/self/mountinfo";
    let text = sys::proc::read(path).map_err(|errno| Error::io("reading", path, errno))?;
    Ok(parse(&text))
}

/// Where somebody without rights may make cgroups, if anywhere: beside the own one, since what
/// has processes in it can hand out no controllers. On v2 only, as v1 is delegated to nobody.
pub(super) fn delegated(hierarchies: &[Hierarchy]) -> Option<PathBuf> {
    let only_v2 = hierarchies.iter().all(|hierarchy| hierarchy.unified);
    if !only_v2 || rustix::process::geteuid().is_root() {
        return None;
    }
    let (_, own) = own_place()?;
    let above = own.parent()?;
    (!above.as_os_str().is_empty()).then(|| above.to_owned())
}

/// v2: where the hierarchy is mounted, and the calling process's cgroup below that.
pub(super) fn own_place() -> Option<(PathBuf, PathBuf)> {
    let hierarchies = mounted().ok()?;
    let mount = hierarchies.into_iter().find(|h| h.unified)?.mount;
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some((mount, PathBuf::from(own)))
}

pub(crate) fn parse(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let mut right = right.split(' ');
        let kind = right.next().unwrap_or_default();
        if kind != "cgroup" && kind != "cgroup2" {
            continue;
        }
        let options = right.nth(1).unwrap_or_default();
        let Some(mount) = left.split(' ').nth(4) else {
            continue;
        };
        let unified = kind == "cgroup2";
        let controllers = if unified {
            Vec::new()
        } else {
            controllers(options)
        };
        // The same hierarchy may be mounted twice; the first place is as good as any.
        if !found
            .iter()
            .any(|h| h.unified == unified && h.controllers == controllers)
        {
            found.push(Hierarchy {
                mount: PathBuf::from(mount),
                controllers,
                unified,
            });
        }
    }
    found
}

/// The words of a v1 superblock's options that are controllers or its name.
fn controllers(options: &str) -> Vec<String> {
    const OTHERS: [&str; 7] = [
        "rw",
        "ro",
        "xattr",
        "noprefix",
        "clone_children",
        "favordynmods",
        "none",
    ];
    options
        .split(',')
        .filter(|word| !OTHERS.contains(word) && !word.starts_with("release_agent="))
        .map(str::to_owned)
        .collect()
}

impl Hierarchy {
    /// The name of its mount point among the others: `memory`, `cpu,cpuacct`, `unified`; empty
    /// for a v2 hierarchy that stands alone.
    pub(super) fn name(&self) -> String {
        if self.mount == Path::new("/sys/fs/cgroup") {
            return String::new();
        }
        self.mount
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// Whether this is where `controller` is. On a v2 hierarchy, whether it is offered there.
    pub(super) fn offers(&self, controller: &str) -> bool {
        if !self.unified {
            return self.controllers.iter().any(|known| known == controller);
        }
        std::fs::read_to_string(self.mount.join("cgroup.controllers"))
            .is_ok_and(|list| list.split_whitespace().any(|known| known == controller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_host_has_both_versions() {
        let text = "\
30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw,nsdelegate
";
        let found = parse(text);
        let names: Vec<String> = found.iter().map(Hierarchy::name).collect();
        assert_eq!(names, ["cpu,cpuacct", "systemd", "unified"]);
        assert_eq!(found[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(found[1].controllers, ["name=systemd"]);
        assert!(found[2].unified && !found[1].unified);
    }

    #[test]
    fn a_lone_v2_hierarchy_has_no_name() {
        let found = parse("33 30 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(found[0].name(), "");
    }
}
