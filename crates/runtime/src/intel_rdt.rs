//! Intel's Resource Director Technology: the container's group in a mounted resctrl file system, with
//! its shares of caches and memory bandwidth, and a group that monitors it.
//!
//! Source: runtime-spec, config-linux.md "IntelRdt"; the kernel's Documentation/filesystems/resctrl.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use spec::runtime::IntelRdt;

use crate::error::{Doing, Error, Fault};

/// Where a container is in resctrl: what has to be remembered of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The directories whose `tasks` hold its processes, the outer one first.
    pub directories: Vec<PathBuf>,
    /// Those of them that end with the container.
    pub made: Vec<PathBuf>,
}

/// Makes or finds the group that `wanted` describes, for the container `id`.
pub(crate) fn prepare(wanted: &IntelRdt, id: &str) -> Result<Group, Error> {
    let root = mounted()?;
    let mut group = Group::default();
    let prepared = group.prepare(wanted, &root, id);
    if prepared.is_err() {
        group.remove();
    }
    prepared.map(|()| group)
}

impl Group {
    fn prepare(&mut self, wanted: &IntelRdt, root: &Path, id: &str) -> Result<(), Error> {
        let directory = match wanted.clos_id.as_deref() {
            Some("/") => root.to_owned(),
            name => root.join(name.unwrap_or(id)),
        };
        let lines = lines(wanted);
        let exists = directory.join("schemata").exists();
        match (&wanted.clos_id, exists) {
            (None, _) => {
                make(&directory)?;
                self.made.push(directory.clone());
                write_schemata(&directory, &lines)?;
            }
            (Some(_), true) => compare(&directory, &lines)?,
            (Some(name), false) if lines.is_empty() => {
                let why = format!("{name:?} is no group of {}", root.display());
                return Err(invalid("closID", why));
            }
            (Some(_), false) => {
                make(&directory)?;
                write_schemata(&directory, &lines).inspect_err(|_| {
                    // Nobody is in it yet.
                    let _ = rustix::fs::rmdir(&directory);
                })?;
            }
        }
        self.directories.push(directory.clone());
        if wanted.enable_monitoring {
            let monitor = directory.join("mon_groups").join(id);
            make(&monitor)?;
            self.made.push(monitor.clone());
            self.directories.push(monitor);
        }
        Ok(())
    }

    /// Puts the process `pid` into it, and what that process will start.
    pub(crate) fn add(&self, pid: Pid) -> Result<(), Fault> {
        self.directories.iter().try_for_each(|directory| {
            let tasks = directory.join("tasks");
            std::fs::write(&tasks, pid.as_raw_pid().to_string())
                .doing(|| format!("joining {}", tasks.display()))
        })
    }

    /// Removes what was made for the container alone; what is gone or stays busy is left.
    pub(crate) fn remove(&self) {
        for directory in self.made.iter().rev() {
            let _ = rustix::fs::rmdir(directory);
        }
    }
}

/// Where resctrl is mounted.
fn mounted() -> Result<PathBuf, Error> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read_to_string(path).doing(|| format!("reading {path}"))?;
    mount_of(&text).ok_or_else(|| Error::Unsupported {
        what: "linux.intelRdt without a mounted resctrl file system".to_owned(),
    })
}

fn mount_of(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let kind = right.split(' ').next()?;
        let mount = left.split(' ').nth(4)?;
        (kind == "resctrl").then(|| PathBuf::from(mount))
    })
}

/// The lines of the schemata in the order in which they are written.
fn lines(wanted: &IntelRdt) -> Vec<&str> {
    let old = [&wanted.l3_cache_schema, &wanted.mem_bw_schema];
    let old = old.into_iter().flatten().map(String::as_str);
    old.chain(wanted.schemata.iter().map(String::as_str))
        .collect()
}

/// A group of the container's own id that a crash left is ours as well.
fn make(directory: &Path) -> Result<(), Fault> {
    match rustix::fs::mkdir(directory, Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => Ok(()),
        made => made.doing(|| format!("making the resctrl group {}", directory.display())),
    }
}

fn write_schemata(directory: &Path, lines: &[&str]) -> Result<(), Error> {
    for line in lines {
        let path = directory.join("schemata");
        std::fs::write(&path, format!("{line}\n")).map_err(|source| {
            // The kernel says why in a file of its own.
            let status = directory
                .ancestors()
                .map(|above| above.join("info/last_cmd_status"));
            let why = status
                .filter_map(|path| std::fs::read_to_string(path).ok())
                .next();
            let why = why.map(|text| format!(" ({})", text.trim()));
            Error::Parent {
                doing: format!(
                    "writing {line:?} to {}{}",
                    path.display(),
                    why.unwrap_or_default()
                ),
                source,
            }
        })?;
    }
    Ok(())
}

/// A group that others use too is not changed; what is asked for must be what it has.
fn compare(directory: &Path, lines: &[&str]) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let path = directory.join("schemata");
    let text = std::fs::read_to_string(&path).doing(|| format!("reading {}", path.display()))?;
    let there: BTreeMap<_, _> = text.lines().filter_map(resource).collect();
    for line in lines {
        let matches = resource(line).is_some_and(|(name, shares)| {
            let there = there.get(name);
            there.is_some_and(|there| {
                shares
                    .iter()
                    .all(|(id, share)| there.get(id) == Some(share))
            })
        });
        if !matches {
            let why = format!("{line:?} is not what {} has", path.display());
            return Err(invalid("schemata", why));
        }
    }
    Ok(())
}

/// `L3:0=7f0;1=1f` as the resource with the share of each domain; leading zeros mean nothing.
fn resource(line: &str) -> Option<(&str, BTreeMap<&str, &str>)> {
    let (name, shares) = line.trim().split_once(':')?;
    let shares = shares.split(';').map(|share| {
        let (domain, value) = share.trim().split_once('=')?;
        let value = value.trim();
        let plain = value.trim_start_matches('0');
        Some((domain, if plain.is_empty() { "0" } else { plain }))
    });
    Some((name, shares.collect::<Option<_>>()?))
}

fn invalid(key: &str, why: String) -> Error {
    Error::Invalid {
        key: format!("linux.intelRdt.{key}"),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_kind() {
        let text = "30 25 0:26 / /sys rw - sysfs sysfs rw\n\
                    31 30 0:27 / /sys/fs/resctrl rw shared:1 - resctrl resctrl rw\n";
        assert_eq!(mount_of(text), Some("/sys/fs/resctrl".into()));
        assert_eq!(
            mount_of("31 30 0:27 / /resctrl rw - tmpfs resctrl rw\n"),
            None
        );
    }

    #[test]
    fn old_lines_are_written_before_new_ones() {
        let wanted = IntelRdt {
            schemata: vec!["L2:0=f".to_owned()],
            l3_cache_schema: Some("L3:0=1".to_owned()),
            mem_bw_schema: Some("MB:0=20".to_owned()),
            ..IntelRdt::default()
        };
        assert_eq!(lines(&wanted), ["L3:0=1", "MB:0=20", "L2:0=f"]);
    }

    #[test]
    fn schemata_are_the_same_whatever_their_blanks_and_zeros() {
        assert_eq!(resource("    L3:0=007f;1=0"), resource("L3:0=7f;1=00"));
        assert_ne!(resource("L3:0=7f"), resource("L3:0=7e"));
        assert_eq!(resource("L3 0"), None);
    }
}
