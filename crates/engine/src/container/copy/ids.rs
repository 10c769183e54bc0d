//! Owners on both sides of a copy.

/// Which ids of the host stand for those of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct IdMap {
    /// First id inside, first outside, how many.
    ranges: Vec<(u32, u32, u32)>,
}

/// What the kernel shows where there is no id.
const NOBODY: u32 = 65_534;

impl IdMap {
    /// The same ids on both sides.
    pub(super) fn same() -> Self {
        Self {
            ranges: vec![(0, 0, u32::MAX)],
        }
    }

    /// Reads `/proc/<pid>/uid_map` or `gid_map`.
    pub(super) fn parse(text: &str) -> Self {
        let range = |line: &str| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
            match (numbers.next(), numbers.next(), numbers.next()) {
                (Some(Ok(inside)), Some(Ok(outside)), Some(Ok(count))) => {
                    Some((inside, outside, count))
                }
                _ => None,
            }
        };
        Self {
            ranges: text.lines().filter_map(range).collect(),
        }
    }

    /// What an id of the host is inside.
    pub(super) fn inside(&self, id: u32) -> u32 {
        let at = |&(inside, outside, count): &(u32, u32, u32)| {
            let offset = id.checked_sub(outside).filter(|offset| *offset < count)?;
            inside.checked_add(offset)
        };
        self.ranges.iter().find_map(at).unwrap_or(NOBODY)
    }

    /// What an id of the container is on the host, if it is anything there.
    pub(super) fn outside(&self, id: u32) -> Option<u32> {
        let at = |&(inside, outside, count): &(u32, u32, u32)| {
            let offset = id.checked_sub(inside).filter(|offset| *offset < count)?;
            outside.checked_add(offset)
        };
        self.ranges.iter().find_map(at)
    }
}

/// Both maps of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) users: IdMap,
    pub(super) groups: IdMap,
}

/// Whose files become that are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owners {
    /// These ids of the host, whoever had them.
    All(u32, u32),
    /// Out of the container: the ids that it sees.
    Inside(Ids),
    /// Into the container: what stands for the source's ids.
    Outside(Ids),
}

impl Owners {
    /// The ids, as the host has them, of what is made from something with these; `None` for one
    /// that the container cannot have.
    pub(super) fn of(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        match self {
            Self::All(uid, gid) => Some((*uid, *gid)),
            Self::Inside(ids) => Some((ids.users.inside(uid), ids.groups.inside(gid))),
            Self::Outside(ids) => Some((ids.users.outside(uid)?, ids.groups.outside(gid)?)),
        }
    }

    /// Whether a program may keep what it runs with its owner's rights for.
    pub(super) fn are_kept(&self) -> bool {
        !matches!(self, Self::All(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_translated_in_both_directions() {
        let map = IdMap::parse("         0     524288      65536\n");
        assert_eq!((map.inside(524_288), map.inside(525_288)), (0, 1000));
        assert_eq!((map.inside(0), map.inside(589_824)), (NOBODY, NOBODY));
        assert_eq!(
            (map.outside(1000), map.outside(65_536)),
            (Some(525_288), None)
        );
        assert_eq!(IdMap::same().inside(1000), 1000);
        assert_eq!(IdMap::parse("0 0 4294967295\n").outside(7), Some(7));
    }
}
