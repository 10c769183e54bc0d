//! Capabilities: their names, Docker's default set, and the five sets of a process, in the form
//! the kernel takes them. When each set is taken on is decided in `credentials.rs`.
//!
//! Source: capabilities(7); runtime-spec, config.md "Linux Process".

use std::collections::BTreeSet;

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// One capability, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability(u8);

/// The names, in the order of the numbers (linux/capability.h).
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// What a container gets unless told otherwise: Docker's fourteen.
const DEFAULT: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SYS_CHROOT",
    "CAP_MKNOD",
    "CAP_AUDIT_WRITE",
    "CAP_SETFCAP",
];

impl Capability {
    /// The name, as `CAP_KILL`.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    fn set(self) -> CapabilitySet {
        CapabilitySet::from_bits_retain(1 << self.0)
    }
}

/// The capability of a name, in capitals or not, with or without `CAP_`.
pub fn parse(text: &str) -> Option<Capability> {
    let bare = |name: &'static str| name.strip_prefix("CAP_").unwrap_or(name);
    let wanted = match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("CAP_") => text.get(4..)?,
        _ => text,
    };
    numbered().find(|capability| bare(capability.name()).eq_ignore_ascii_case(wanted))
}

/// All capabilities that the running kernel knows.
pub fn all() -> Vec<Capability> {
    numbered()
        .filter(|capability| capability_is_in_bounding_set(capability.set()) != Err(Errno::INVAL))
        .collect()
}

/// The names of the capabilities in a set, as /proc shows it.
pub fn of_bits(bits: u64) -> Vec<String> {
    let names = numbered().filter(|capability| bits & capability.set().bits() != 0);
    names
        .map(|capability| capability.name().to_owned())
        .collect()
}

/// Docker's default set.
pub fn default_set() -> Vec<Capability> {
    DEFAULT.iter().filter_map(|name| parse(name)).collect()
}

/// Every name, for the features document.
pub(crate) fn names() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

fn numbered() -> impl Iterator<Item = Capability> {
    (0u8..).take(NAMES.len()).map(Capability)
}

/// The five sets that a process shall have.
///
/// What the process that takes them on does not have itself at that moment cannot be handed on
/// and is left out, as runc does: a root without `CAP_SYS_RESOURCE` can run a container whose
/// configuration lists it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sets {
    bounding: CapabilitySet,
    sets: CapabilitySets,
    ambient: CapabilitySet,
}

impl Sets {
    /// Resolves the names. What is no capability is left out, as the specification wants it;
    /// [`warnings`] tells about it.
    pub(crate) fn resolve(wanted: &spec::runtime::Capabilities) -> Self {
        Self {
            bounding: set_of(&wanted.bounding),
            sets: CapabilitySets {
                effective: set_of(&wanted.effective),
                permitted: set_of(&wanted.permitted),
                inheritable: set_of(&wanted.inheritable),
            },
            ambient: set_of(&wanted.ambient),
        }
    }

    /// Takes everything from the bounding set that is not listed, also what a newer kernel has and
    /// [`NAMES`] has not.
    pub(crate) fn drop_bounding(&self) -> Result<(), Errno> {
        for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
            match capability_is_in_bounding_set(capability) {
                Ok(true) if !self.bounding.contains(capability) => {
                    remove_capability_from_bounding_set(capability)?;
                }
                Ok(_) => {}
                // Beyond the last one of this kernel.
                Err(Errno::INVAL) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Sets the effective, permitted, inheritable and ambient sets. `kept` stays permitted beside
    /// them, for [`raise`]; `execve` makes the new permitted set of the other four, so that the
    /// program does not get it.
    pub(crate) fn apply(&self, kept: CapabilitySet) -> Result<(), Errno> {
        let own = capabilities(None)?.permitted;
        let permitted = self.sets.permitted & own;
        let sets = CapabilitySets {
            permitted: permitted | (kept & own),
            effective: self.sets.effective & permitted,
            inheritable: self.sets.inheritable & own,
        };
        set_capabilities(None, sets)?;
        clear_ambient_capability_set()?;
        let possible = self.ambient & permitted & sets.inheritable;
        for capability in numbered().map(Capability::set) {
            if possible.contains(capability) {
                configure_capability_in_ambient_set(capability, true)?;
            }
        }
        Ok(())
    }
}

/// Makes permitted capabilities effective.
pub(crate) fn raise(capability: CapabilitySet) -> Result<(), Errno> {
    let mut sets = capabilities(None)?;
    sets.effective |= capability;
    set_capabilities(None, sets)
}

fn set_of(names: &[String]) -> CapabilitySet {
    let known = names.iter().filter_map(|name| parse(name));
    known.fold(CapabilitySet::empty(), |set, known| set | known.set())
}

/// What a process asks for and cannot get, as the user is told: names that are none, and
/// capabilities that the caller has not itself.
pub fn warnings(process: &spec::runtime::Process) -> Vec<String> {
    let Some(wanted) = &process.capabilities else {
        return Vec::new();
    };
    let own = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.permitted);
    let sets = [
        &wanted.bounding,
        &wanted.effective,
        &wanted.permitted,
        &wanted.inheritable,
        &wanted.ambient,
    ];
    let names: BTreeSet<&str> = sets.into_iter().flatten().map(String::as_str).collect();
    let (known, unknown): (Vec<&str>, _) =
        names.into_iter().partition(|name| parse(name).is_some());
    let lacking = |name: &&str| parse(name).is_some_and(|known| !own.contains(known.set()));
    let missing: Vec<&str> = known.into_iter().filter(lacking).collect();
    let clauses = [
        (unknown, "unknown capabilities are left out"),
        (
            missing,
            "capabilities that the caller lacks cannot be given",
        ),
    ];
    let told = clauses.into_iter().filter(|(names, _)| !names.is_empty());
    told.map(|(names, clause)| format!("{clause}: {}", names.join(", ")))
        .chain(not_ambient(wanted))
        .collect()
}

/// An ambient capability is one that is permitted and inheritable, too; the first words are runc's.
fn not_ambient(wanted: &spec::runtime::Capabilities) -> impl Iterator<Item = String> {
    let is_in = |set: &[String], name: &String| set.iter().any(|other| parse(other) == parse(name));
    let alone = wanted.ambient.iter().filter(move |name| {
        parse(name).is_some()
            && !(is_in(&wanted.permitted, name) && is_in(&wanted.inheritable, name))
    });
    alone.map(|name| {
        format!("can't raise ambient capability {name}: it must be permitted and inheritable, too")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_neither_capitals_nor_its_prefix() {
        for text in ["CAP_NET_ADMIN", "cap_net_admin", "net_admin", "NET_ADMIN"] {
            assert_eq!(
                parse(text).map(Capability::name),
                Some("CAP_NET_ADMIN"),
                "{text}"
            );
        }
        for text in ["", "CAP_", "CAP", "NET", "CAP_CAP_KILL", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_default_set_is_dockers() {
        let names: Vec<_> = default_set().into_iter().map(Capability::name).collect();
        assert_eq!(names, DEFAULT);
    }

    #[test]
    fn what_is_no_capability_is_left_out_with_a_warning() {
        let wanted = spec::runtime::Capabilities {
            effective: vec!["CAP_FLY".to_owned()],
            ..Default::default()
        };
        let process = spec::runtime::Process {
            capabilities: Some(wanted),
            ..Default::default()
        };
        let told = warnings(&process);
        assert_eq!(told, ["unknown capabilities are left out: CAP_FLY"]);
    }

    /// The bounding set belongs to the thread, whose end takes it away.
    #[test]
    fn only_what_is_listed_stays_in_the_bounding_set() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: needs root");
            return;
        }
        let left = std::thread::spawn(|| {
            let wanted = spec::runtime::Capabilities {
                bounding: vec!["CAP_KILL".to_owned()],
                permitted: vec!["CAP_KILL".to_owned(), "CAP_SYS_RESOURCE".to_owned()],
                ..Default::default()
            };
            let sets = Sets::resolve(&wanted);
            sets.drop_bounding().unwrap();
            sets.apply(CapabilitySet::empty()).unwrap();
            // Nothing is left to drop, so that the missing CAP_SETPCAP does not matter.
            sets.drop_bounding().unwrap();
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
            bounding.map(|set| u64::from_str_radix(set.trim(), 16).unwrap())
        });
        assert_eq!(left.join().unwrap(), Some(1 << 5));
    }

    #[test]
    fn this_kernel_knows_the_old_capabilities() {
        let known = all();
        assert!(known.len() >= 38, "{}", known.len());
        assert_eq!(known.first().map(|c| c.name()), Some("CAP_CHOWN"));
    }
}
