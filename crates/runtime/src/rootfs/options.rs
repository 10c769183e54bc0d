//! Mount options: the words of `config.json` turned into what the kernel's mount calls take.
//! Options that are nobody's word here are the file system's own and are handed to it.
//!
//! Source: runtime-spec 1.3, config.md "Linux mount options"; mount_setattr(2).

use rustix::mount::{MountAttrFlags as Attr, MountPropagationFlags as Propagation};

/// Attributes that are set and cleared on a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) set: Attr,
    pub(crate) clear: Attr,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            set: Attr::empty(),
            clear: Attr::empty(),
        }
    }
}

impl Attributes {
    pub(crate) fn is_empty(self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }

    /// A later word undoes an earlier one. The access time modes exclude each other, so that
    /// setting one clears the whole field first.
    fn apply(&mut self, attribute: Attr, on: bool) {
        if ATIME_MODES.intersects(attribute) || attribute.is_empty() {
            self.clear |= Attr::MOUNT_ATTR__ATIME;
            self.set = match on {
                true => (self.set - ATIME_MODES) | attribute,
                false => self.set - attribute,
            };
        } else if on {
            self.set |= attribute;
            self.clear -= attribute;
        } else {
            self.clear |= attribute;
            self.set -= attribute;
        }
    }
}

/// Everything said about one mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// For the mount itself.
    pub(crate) attributes: Attributes,
    /// For it and all mounts below.
    pub(crate) recursive: Attributes,
    /// Propagation changes, in order.
    pub(crate) propagation: Vec<Propagation>,
    /// `Some(recursive)` for `bind` and `rbind`.
    pub(crate) bind: Option<bool>,
    /// `Some(recursive)` for `idmap` and `ridmap`.
    pub(crate) idmap: Option<bool>,
    /// What the file system itself is told: `key` or `key=value`.
    pub(crate) data: Vec<String>,
    /// Flags of the file system, not of one mount of it. A bind mount has nothing to do with them,
    /// as with mount(8).
    pub(crate) superblock: Vec<&'static str>,
    /// What is mounted there already is changed.
    pub(crate) remount: bool,
    /// The directory's content is copied into the new file system.
    pub(crate) copy_up: bool,
}

/// A word with an attribute, and whether it sets (`true`) or clears.
const ATTRIBUTES: [(&str, Attr, bool); 18] = [
    ("ro", Attr::MOUNT_ATTR_RDONLY, true),
    ("rw", Attr::MOUNT_ATTR_RDONLY, false),
    ("nosuid", Attr::MOUNT_ATTR_NOSUID, true),
    ("suid", Attr::MOUNT_ATTR_NOSUID, false),
    ("nodev", Attr::MOUNT_ATTR_NODEV, true),
    ("dev", Attr::MOUNT_ATTR_NODEV, false),
    ("noexec", Attr::MOUNT_ATTR_NOEXEC, true),
    ("exec", Attr::MOUNT_ATTR_NOEXEC, false),
    ("nodiratime", Attr::MOUNT_ATTR_NODIRATIME, true),
    ("diratime", Attr::MOUNT_ATTR_NODIRATIME, false),
    ("nosymfollow", Attr::MOUNT_ATTR_NOSYMFOLLOW, true),
    ("symfollow", Attr::MOUNT_ATTR_NOSYMFOLLOW, false),
    ("noatime", Attr::MOUNT_ATTR_NOATIME, true),
    ("atime", Attr::MOUNT_ATTR_NOATIME, false),
    ("strictatime", Attr::MOUNT_ATTR_STRICTATIME, true),
    ("nostrictatime", Attr::MOUNT_ATTR_STRICTATIME, false),
    // relatime is the kernel's zero and default: the absence of the two others, and what is left
    // when a word takes one away.
    ("relatime", Attr::MOUNT_ATTR_RELATIME, true),
    ("norelatime", Attr::MOUNT_ATTR_RELATIME, false),
];

/// The access time modes that are bits.
const ATIME_MODES: Attr = Attr::MOUNT_ATTR_NOATIME.union(Attr::MOUNT_ATTR_STRICTATIME);

const PROPAGATION: [(&str, Propagation); 8] = [
    ("private", Propagation::PRIVATE),
    ("rprivate", Propagation::PRIVATE.union(Propagation::REC)),
    ("shared", Propagation::SHARED),
    ("rshared", Propagation::SHARED.union(Propagation::REC)),
    ("slave", Propagation::DOWNSTREAM),
    ("rslave", Propagation::DOWNSTREAM.union(Propagation::REC)),
    ("unbindable", Propagation::UNBINDABLE),
    (
        "runbindable",
        Propagation::UNBINDABLE.union(Propagation::REC),
    ),
];

/// Words for a file system's superblock, which the kernel knows by the same names.
const SUPERBLOCK: [&str; 7] = [
    "sync",
    "async",
    "dirsync",
    "lazytime",
    "nolazytime",
    "mand",
    "nomand",
];

/// Known words that ask for what is so anyway: `defaults` are the kernel's, messages are the
/// kernel's business, and a file system that counts versions of files does so unasked since Linux
/// 6.1.
const NOTHING: [&str; 5] = ["defaults", "loud", "silent", "iversion", "noiversion"];

/// Words of this runtime's own making.
const OWN: [&str; 6] = ["bind", "rbind", "idmap", "ridmap", "remount", "tmpcopyup"];

/// The propagation mode with this name.
pub(crate) fn propagation(word: &str) -> Option<Propagation> {
    PROPAGATION
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, flags)| *flags)
}

/// Every word that is understood, sorted.
pub fn known() -> Vec<String> {
    let plain = ATTRIBUTES.iter().map(|(word, _, _)| (*word).to_owned());
    let recursive = ATTRIBUTES.iter().map(|(word, _, _)| format!("r{word}"));
    let others = PROPAGATION.iter().map(|(word, _)| *word);
    let others = others.chain(SUPERBLOCK).chain(NOTHING).chain(OWN);
    let mut words: Vec<String> = plain
        .chain(recursive)
        .chain(others.map(str::to_owned))
        .collect();
    words.sort();
    words
}

impl Options {
    /// Reads the options of one mount, later words undoing earlier ones.
    pub(crate) fn parse(words: &[String]) -> Self {
        let mut options = Self::default();
        for word in words {
            options.take(word);
        }
        options
    }

    fn take(&mut self, word: &str) {
        match word {
            "bind" => self.bind = Some(false),
            "rbind" => self.bind = Some(true),
            "idmap" => self.idmap = Some(false),
            "ridmap" => self.idmap = Some(true),
            "remount" => self.remount = true,
            "tmpcopyup" => self.copy_up = true,
            _ if NOTHING.contains(&word) => {}
            _ => self.take_flag(word),
        }
    }

    fn take_flag(&mut self, word: &str) {
        if let Some(flag) = SUPERBLOCK.iter().find(|flag| **flag == word) {
            self.superblock.push(flag);
            return;
        }
        let find = |name: &str| ATTRIBUTES.iter().find(|(known, _, _)| *known == name);
        if let Some((_, attribute, on)) = find(word) {
            self.attributes.apply(*attribute, *on);
        } else if let Some(flags) = propagation(word) {
            self.propagation.push(flags);
        } else if let Some((_, attribute, on)) = word.strip_prefix('r').and_then(find) {
            self.recursive.apply(*attribute, *on);
        } else {
            self.data.push(word.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Options {
        Options::parse(
            &words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_later_word_undoes_an_earlier_one() {
        let options = parse(&["ro", "rw", "nosuid"]);
        assert_eq!(options.attributes.set, Attr::MOUNT_ATTR_NOSUID);
        assert_eq!(options.attributes.clear, Attr::MOUNT_ATTR_RDONLY);
    }

    #[test]
    fn words_with_an_r_are_recursive() {
        let options = parse(&["rbind", "rro", "rprivate"]);
        assert_eq!(options.bind, Some(true));
        assert_eq!(options.recursive.set, Attr::MOUNT_ATTR_RDONLY);
        assert!(options.attributes.is_empty());
        assert_eq!(
            options.propagation,
            [Propagation::PRIVATE | Propagation::REC]
        );
    }

    #[test]
    fn access_time_modes_replace_each_other() {
        let options = parse(&["noatime", "strictatime"]);
        assert_eq!(options.attributes.set, Attr::MOUNT_ATTR_STRICTATIME);
        assert_eq!(options.attributes.clear, Attr::MOUNT_ATTR__ATIME);
        let options = parse(&["noatime", "relatime"]);
        assert!(options.attributes.set.is_empty());
        let options = parse(&["strictatime", "norelatime"]);
        assert_eq!(options.attributes.set, Attr::MOUNT_ATTR_STRICTATIME);
        assert!(parse(&["norelatime"]).attributes.set.is_empty());
    }

    #[test]
    fn other_words_go_to_the_file_system() {
        assert_eq!(
            parse(&["mode=755", "size=65536k"]).data,
            ["mode=755", "size=65536k"]
        );
    }

    #[test]
    fn flags_of_the_file_system_are_not_those_of_the_mount() {
        let options = parse(&["sync", "defaults", "remount", "ro", "lazytime"]);
        assert_eq!(options.superblock, ["sync", "lazytime"]);
        assert!(options.remount && options.data.is_empty());
        assert_eq!(options.attributes.set, Attr::MOUNT_ATTR_RDONLY);
    }

    #[test]
    fn every_word_of_the_specification_is_known() {
        let known = known();
        let words = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud \
                     mand noatime nodev nodiratime noexec noiversion nolazytime nomand \
                     norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev \
                     rdiratime relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime \
                     rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared \
                     rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave \
                     strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap";
        for word in words.split_whitespace() {
            assert!(known.iter().any(|name| name == word), "{word}");
        }
    }
}
