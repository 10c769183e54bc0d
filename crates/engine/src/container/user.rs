//! Who a container's user is in numbers, by the passwd and group files of its root filesystem.
//!
//! Source: passwd(5), group(5); the rules for missing entries are Docker's.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::Error;

/// A user of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The groups that name the user as a member.
    pub(super) groups: Vec<u32>,
    pub(super) home: String,
}

impl Identity {
    /// The same user in further groups, each a name or a number.
    pub(super) fn with_groups(mut self, wanted: &[String], files: &Files) -> Result<Self, Error> {
        for group in wanted {
            let gid = match (find(&files.group, group, 2), group.parse()) {
                (Some(entry), _) => number(&entry, 2).unwrap_or(0),
                (None, Ok(gid)) => gid,
                (None, Err(_)) => return Err(unknown("group", group, "/etc/group")),
            };
            if !self.groups.contains(&gid) {
                self.groups.push(gid);
            }
        }
        Ok(self)
    }
}

/// The text of both files; empty for one that is not there.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) passwd: String,
    pub(super) group: String,
}

/// A longer file is not read any further: nobody's user database is that large.
const LONGEST: u64 = 4 << 20;

impl Files {
    /// Reads them from the topmost of `layers` that has each. No link leads out of a layer.
    pub(super) fn read(layers: &[PathBuf]) -> Self {
        Self {
            passwd: topmost(layers, "etc/passwd"),
            group: topmost(layers, "etc/group"),
        }
    }
}

fn topmost(layers: &[PathBuf], path: &str) -> String {
    layers
        .iter()
        .find_map(|layer| read_in(layer, Path::new(path)))
        .unwrap_or_default()
}

fn read_in(layer: &Path, path: &Path) -> Option<String> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, layer, directory, Mode::empty()).ok()?;
    // A fifo must not hold us up.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let file = sys::path::open_in_root(root.as_fd(), path, flags).ok()?;
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(LONGEST)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Resolves `user[:group]`, each a name or a number; root without.
pub(super) fn resolve(wanted: Option<&str>, files: &Files) -> Result<Identity, Error> {
    let wanted = wanted.unwrap_or("0");
    let (user, group) = match wanted.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (wanted, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let entry = find(&files.passwd, user, 2);
    let uid = match (&entry, user.parse()) {
        (Some(entry), _) => number(entry, 2).unwrap_or(0),
        (None, Ok(uid)) => uid,
        (None, Err(_)) => return Err(unknown("user", user, "/etc/passwd")),
    };
    let gid = match group {
        None => entry
            .as_ref()
            .and_then(|entry| number(entry, 3))
            .unwrap_or(0),
        Some(group) => match (find(&files.group, group, 2), group.parse()) {
            (Some(entry), _) => number(&entry, 2).unwrap_or(0),
            (None, Ok(gid)) => gid,
            (None, Err(_)) => return Err(unknown("group", group, "/etc/group")),
        },
    };
    let name = entry.as_ref().and_then(|entry| entry.first().copied());
    let home = entry.as_ref().and_then(|entry| entry.get(5).copied());
    Ok(Identity {
        uid,
        gid,
        // A group that was asked for stands alone, as in Docker.
        groups: match (group, name) {
            (None, Some(name)) => groups_of(name, gid, &files.group),
            _ => Vec::new(),
        },
        home: home
            .filter(|home| !home.is_empty())
            .unwrap_or("/")
            .to_owned(),
    })
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::Invalid {
        what: "user",
        why: format!("the image has no {what} {name:?} in its {file}"),
    }
}

/// The fields of the line whose first field or whose number is `wanted`.
fn find<'a>(text: &'a str, wanted: &str, number_at: usize) -> Option<Vec<&'a str>> {
    let lines = || text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines()
        .find(|fields| fields.first() == Some(&wanted))
        .or_else(|| lines().find(|fields| fields.get(number_at) == Some(&wanted)))
}

fn number(fields: &[&str], at: usize) -> Option<u32> {
    fields.get(at).and_then(|field| field.parse().ok())
}

fn groups_of(user: &str, primary: u32, text: &str) -> Vec<u32> {
    let is_member = |fields: &Vec<&str>| {
        let members = fields.get(3).copied().unwrap_or_default();
        members.split(',').any(|member| member == user)
    };
    let mut groups: Vec<u32> = text
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(is_member)
        .filter_map(|fields| number(&fields, 2))
        .filter(|gid| *gid != primary)
        .collect();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        Files {
            passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/srv:/bin/false\n".into(),
            group: "root:x:0:\nwww:x:44:\nlog:x:4:web,ann\n7:x:9:\n".into(),
        }
    }

    fn resolved(user: &str) -> (u32, u32, Vec<u32>, String) {
        let Identity {
            uid,
            gid,
            groups,
            home,
        } = resolve(Some(user), &files()).unwrap();
        (uid, gid, groups, home)
    }

    #[test]
    fn a_user_is_a_name_or_a_number_with_or_without_a_group() {
        assert_eq!(resolved("web"), (33, 44, vec![4], "/srv".into()));
        assert_eq!(resolved("33"), (33, 44, vec![4], "/srv".into()));
        assert_eq!(resolved("web:log"), (33, 4, vec![], "/srv".into()));
        assert_eq!(resolved("1234"), (1234, 0, vec![], "/".into()));
        assert_eq!(resolved("1234:5678"), (1234, 5678, vec![], "/".into()));
        assert_eq!(resolved(":44"), (0, 44, vec![], "/root".into()));
        assert_eq!(resolved("web:7"), (33, 9, vec![], "/srv".into()));
    }

    #[test]
    fn nobody_said_is_root_even_without_a_passwd() {
        let root = resolve(None, &Files::default()).unwrap();
        assert_eq!((root.uid, root.gid, root.home.as_str()), (0, 0, "/"));
    }

    #[test]
    fn an_unknown_name_is_an_error_that_says_where_it_was_looked_up() {
        let error = resolve(Some("ann"), &files()).unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid user: the image has no user \"ann\" in its /etc/passwd"
        );
        assert!(resolve(Some("web:none"), &files()).is_err());
    }

    #[test]
    fn a_link_in_a_layer_does_not_lead_out_of_it() {
        let layer = tempfile::tempdir().unwrap();
        std::fs::create_dir(layer.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", layer.path().join("etc/passwd")).unwrap();
        let below = tempfile::tempdir().unwrap();
        std::fs::create_dir(below.path().join("etc")).unwrap();
        std::fs::write(below.path().join("etc/passwd"), "below").unwrap();
        let layers = [layer.path().to_owned(), below.path().to_owned()];
        assert_eq!(Files::read(&layers).passwd, "below");
    }
}
