//! The range of host ids behind a container's user namespace: 65,536 ids that no other running
//! container has, nor any user of the host. Range n begins at 524,288 + n × 65,536; the symlink
//! `ids/<n>` in the run root is the claim. A container that joins the user namespace of another
//! holds the range with `ids/<n>+<id>`, in case it lives longer.

use std::ops::Range;
use std::path::{Path, PathBuf};

use store::names;

use super::launch::MONITOR;
use super::name::seed;
use crate::claim::{Claim, claim};
use crate::{Error, Paths};

/// How many ids a container has.
pub(super) const SIZE: u32 = 65_536;

/// The first id of range 0: above what distributions give to users.
const FIRST: u32 = 524_288;

/// How many ranges there are: up to 2^31, since some programs take ids for signed numbers.
const COUNT: u32 = (1 << 31) / SIZE - FIRST / SIZE;

/// The files that tell which ids of the host are somebody's. A directory service is not asked.
const OWNERS: [(&str, Format); 3] = [
    ("/etc/subuid", Format::Ranges),
    ("/etc/subgid", Format::Ranges),
    ("/etc/passwd", Format::Users),
];

#[derive(Clone, Copy)]
enum Format {
    /// `name:first:count`, subuid(5).
    Ranges,
    /// `name:password:uid:gid:…`, passwd(5).
    Users,
}

/// A claimed range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdRange {
    /// The first id on the host.
    pub(super) first: u32,
    /// The claim.
    pub(super) claim: PathBuf,
}

/// Claims a range for the container `id`, whose run directory exists.
pub(super) fn claim_range(paths: &Paths, id: &str) -> Result<IdRange, Error> {
    let taken = taken_by_host(|path| std::fs::read_to_string(path).unwrap_or_default());
    let directory = paths.id_ranges();
    let start = u32::try_from(seed(id) % COUNT as usize).unwrap_or(0);
    for n in (0..COUNT).map(|step| (start + step) % COUNT) {
        let first = FIRST + n * SIZE;
        if taken.iter().any(|range| overlaps(range, first)) {
            continue;
        }
        let name = n.to_string();
        let is_alive = |owner: &str| paths.run_dir(owner).symlink_metadata().is_ok();
        if claim(&directory, &name, id, is_alive)? != Claim::Ours {
            continue;
        }
        if is_shared(&directory, &name, is_alive)? {
            names::release(&directory, &name)?;
            continue;
        }
        let claim = directory.join(name);
        return Ok(IdRange { first, claim });
    }
    Err(Error::NoIdRange { count: COUNT })
}

/// Whether somebody holds the range for having joined its user namespace.
fn is_shared(directory: &Path, name: &str, is_alive: impl Fn(&str) -> bool) -> Result<bool, Error> {
    let failed = |error| Error::io("reading", directory, error);
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?.file_name();
        let holder = entry.to_str().and_then(|entry| entry.split_once('+'));
        if holder.is_some_and(|(range, id)| range == name && is_alive(id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Holds the range of the running container `owner` for the container `id`, which joins its user
/// namespace; gives back the claim. `None` when that one has no range.
///
/// The caller must see to it afterwards that `owner` still runs.
pub(super) fn share_range(paths: &Paths, owner: &str, id: &str) -> Result<Option<PathBuf>, Error> {
    let document = paths.run_dir(owner).join(MONITOR);
    let config: Option<monitor::Config> = store::read_json(&document)?;
    let range = config.and_then(|config| config.id_range);
    let name = range
        .as_deref()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let Some(number) = name.and_then(|name| name.split('+').next()) else {
        return Ok(None);
    };
    let directory = paths.id_ranges();
    let name = format!("{number}+{id}");
    names::claim(&directory, &name, id)?;
    Ok(Some(directory.join(name)))
}

fn overlaps(range: &Range<u64>, first: u32) -> bool {
    let first = u64::from(first);
    range.start < first + u64::from(SIZE) && first < range.end
}

/// The ids above [`FIRST`] that are somebody's on the host.
fn taken_by_host(read: impl Fn(&str) -> String) -> Vec<Range<u64>> {
    OWNERS
        .iter()
        .flat_map(|(path, format)| ranges(&read(path), *format))
        .filter(|range| range.end > u64::from(FIRST))
        .collect()
}

fn ranges(text: &str, format: Format) -> Vec<Range<u64>> {
    let number = |field: Option<&str>| field.and_then(|field| field.parse::<u64>().ok());
    let of_line = |line: &str| -> Option<[Range<u64>; 2]> {
        let mut fields = line.split(':').skip(1);
        match format {
            Format::Ranges => {
                let (first, count) = (number(fields.next())?, number(fields.next())?);
                let range = first..first.saturating_add(count);
                Some([range.clone(), range])
            }
            Format::Users => {
                let (uid, gid) = (number(fields.nth(1))?, number(fields.next())?);
                Some([uid..uid + 1, gid..gid + 1])
            }
        }
    };
    text.lines().filter_map(of_line).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(path: &str) -> String {
        match path {
            "/etc/subuid" => "ann:589824:65536\nbob:100000:65536\n# comment\n".to_owned(),
            "/etc/passwd" => "root:x:0:0::/root:/bin/sh\nldap:x:720896:5:::\n".to_owned(),
            _ => String::new(),
        }
    }

    #[test]
    fn ids_of_users_and_their_subordinates_are_somebodys() {
        let taken = taken_by_host(host);
        assert!(taken.contains(&(589_824..655_360)) && taken.contains(&(720_896..720_897)));
        let is_taken = |n: u32| taken.iter().any(|range| overlaps(range, FIRST + n * SIZE));
        assert_eq!(
            [is_taken(0), is_taken(1), is_taken(2), is_taken(3)],
            [false, true, false, true]
        );
    }

    #[test]
    fn two_containers_never_share_a_range() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths {
            data: root.path().join("data"),
            run: root.path().to_owned(),
            executable: PathBuf::new(),
        };
        std::fs::create_dir_all(paths.id_ranges()).unwrap();
        let ids = ["0000000aa", "0000000ab"];
        for id in ids {
            std::fs::create_dir_all(paths.run_dir(id)).unwrap();
        }
        let [one, other] = ids.map(|id| claim_range(&paths, id).unwrap());
        assert_ne!(one.first, other.first);
        assert_eq!(claim_range(&paths, ids[0]).unwrap(), one);
        std::fs::remove_dir(paths.run_dir(ids[0])).unwrap();
        std::fs::create_dir(paths.run_dir("0000000ac")).unwrap();
        assert_eq!(claim_range(&paths, "0000000ac").unwrap(), one);
    }

    #[test]
    fn a_range_stays_taken_as_long_as_somebody_who_joined_it_lives() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths {
            data: root.path().join("data"),
            run: root.path().to_owned(),
            executable: PathBuf::new(),
        };
        std::fs::create_dir_all(paths.id_ranges()).unwrap();
        let (owner, guest, next) = ("0000000aa", "0000000ab", "0000000ac");
        for id in [owner, guest, next] {
            std::fs::create_dir_all(paths.run_dir(id)).unwrap();
        }
        let range = claim_range(&paths, owner).unwrap();
        let config = format!(
            r#"{{"id":"","cgroup_manager":"cgroupfs","root":"/","bundle":"/","terminal":false,"open_stdin":false,
                "stdin_once":false,"log":null,"exit_path":"/","id_range":{:?}}}"#,
            range.claim
        );
        std::fs::write(paths.run_dir(owner).join(MONITOR), config).unwrap();
        let shared = share_range(&paths, owner, guest).unwrap().unwrap();
        std::fs::remove_file(&range.claim).unwrap();
        std::fs::remove_dir_all(paths.run_dir(owner)).unwrap();
        assert_ne!(claim_range(&paths, next).unwrap().first, range.first);
        std::fs::remove_file(shared).unwrap();
        std::fs::remove_dir_all(paths.run_dir(guest)).unwrap();
        let after = claim_range(&paths, owner).unwrap();
        assert_eq!(after.first, range.first);
    }

    #[test]
    fn all_ranges_are_positive_numbers_for_everybody() {
        let end = u64::from(FIRST) + u64::from(COUNT) * u64::from(SIZE);
        assert!(end <= 1 << 31);
    }
}
