//! What the compiler understands, as the features document words it, and the flags of filters.

use spec::runtime::{Action, Operator};
use sys::seccomp::FilterFlags;

use super::architecture::Architecture;

/// The flags of seccomp(2) by the names of profiles.
const FLAGS: [(&str, FilterFlags); 4] = [
    ("SECCOMP_FILTER_FLAG_TSYNC", FilterFlags::TSYNC),
    ("SECCOMP_FILTER_FLAG_LOG", FilterFlags::LOG),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", FilterFlags::SPEC_ALLOW),
    (
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
        FilterFlags::WAIT_KILLABLE_RECV,
    ),
];

const ACTIONS: [Action; 9] = [
    Action::Allow,
    Action::Errno,
    Action::Kill,
    Action::KillProcess,
    Action::KillThread,
    Action::Log,
    Action::Notify,
    Action::Trace,
    Action::Trap,
];

const OPERATORS: [Operator; 7] = [
    Operator::NotEqual,
    Operator::LessThan,
    Operator::LessEqual,
    Operator::Equal,
    Operator::GreaterEqual,
    Operator::GreaterThan,
    Operator::MaskedEqual,
];

/// The flag of a name.
pub(super) fn flag(name: &str) -> Option<FilterFlags> {
    FLAGS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, flag)| *flag)
}

/// The part of the features document about filters.
pub(crate) fn features() -> spec::features::Seccomp {
    let names = |is_wanted: fn(FilterFlags) -> bool| {
        let wanted = FLAGS.iter().filter(|(_, flag)| is_wanted(*flag));
        Some(wanted.map(|(name, _)| (*name).to_owned()).collect())
    };
    spec::features::Seccomp {
        enabled: Some(true),
        actions: Some(ACTIONS.iter().filter_map(word).collect()),
        operators: Some(OPERATORS.iter().filter_map(word).collect()),
        archs: Some(
            Architecture::ALL
                .iter()
                .map(|a| a.name().to_owned())
                .collect(),
        ),
        known_flags: names(|_| true),
        supported_flags: names(sys::seccomp::is_supported),
    }
}

/// The word of a profile for a value.
fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value)
        .ok()?
        .as_str()
        .map(str::to_owned)
}
