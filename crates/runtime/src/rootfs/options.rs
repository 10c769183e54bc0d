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
            self.set = (self.set - ATIME_MODES) | if on { attribute } else { Attr::empty() };
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
    /// A word that is known and not done.
    pub(crate) refused: Option<String>,
}

/// A word with an attribute, and whether it sets (`true`) or clears.
const ATTRIBUTES: [(&str, Attr, bool); 19] = [
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
    // relatime is the kernel's zero: the absence of the two others.
    ("relatime", Attr::MOUNT_ATTR_RELATIME, true),
    ("norelatime", Attr::MOUNT_ATTR_STRICTATIME, true),
    ("defaults", Attr::MOUNT_ATTR_RDONLY, false),
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

/// Known words that ask for nothing here: they concern mount(8) or a mode that the kernel is in
/// anyway.
const NOTHING: [&str; 4] = ["async", "silent", "loud", "nolazytime"];

/// Known words that are refused rather than ignored.
const REFUSED: [&str; 6] = [
    "remount",
    "mand",
    "nomand",
    "iversion",
    "noiversion",
    "tmpcopyup",
];

/// The propagation mode with this name.
pub(crate) fn propagation(word: &str) -> Option<Propagation> {
    PROPAGATION
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, flags)| *flags)
}

/// Every word that is understood, sorted.
pub(crate) fn known() -> Vec<String> {
    let plain = ATTRIBUTES.iter().map(|(word, _, _)| (*word).to_owned());
    let recursive = ATTRIBUTES
        .iter()
        .filter(|(word, _, _)| *word != "defaults")
        .map(|(word, _, _)| format!("r{word}"));
    let others = PROPAGATION.iter().map(|(word, _)| *word).chain(NOTHING);
    let mut words: Vec<String> = plain
        .chain(recursive)
        .chain(
            others
                .chain(["bind", "rbind", "idmap", "ridmap"])
                .map(str::to_owned),
        )
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
            _ if NOTHING.contains(&word) => {}
            _ if REFUSED.contains(&word) => self.refused = Some(word.to_owned()),
            _ => self.take_flag(word),
        }
    }

    fn take_flag(&mut self, word: &str) {
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
    }

    #[test]
    fn other_words_go_to_the_file_system() {
        assert_eq!(
            parse(&["mode=755", "size=65536k"]).data,
            ["mode=755", "size=65536k"]
        );
    }

    #[test]
    fn a_remount_is_refused_not_ignored() {
        assert_eq!(parse(&["remount"]).refused.as_deref(), Some("remount"));
    }
}
