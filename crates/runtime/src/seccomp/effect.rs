//! What a profile comes to for the programs of this machine, call by call, for people to read. The
//! compiler (`rules.rs`) goes by the same rules.

use serde::Serialize;
use spec::runtime::{Action, LinuxSeccomp};

use super::architecture::Architecture;

/// The calls of the native architecture, by what happens to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Effect {
    /// Made, or made and logged.
    pub allowed: Vec<String>,
    /// Made or not, depending on their arguments.
    pub conditional: Vec<String>,
    /// Not made.
    pub denied: Vec<String>,
}

/// What `profile` does.
pub fn effect(profile: &LinuxSeccomp) -> Effect {
    let mut effect = Effect::default();
    let calls = Architecture::NATIVE.names().map(|names| names.all());
    for name in calls.into_iter().flatten() {
        let rules = || {
            let named = profile.syscalls.iter();
            named.filter(|rule| rule.names.iter().any(|n| n == name))
        };
        let always = rules().find(|rule| rule.args.is_empty());
        let list = match always {
            Some(rule) => effect.list(&rule.action),
            None if rules().any(|rule| rule.action != profile.default_action) => {
                &mut effect.conditional
            }
            None => effect.list(&profile.default_action),
        };
        list.push(name.to_owned());
    }
    effect
}

impl Effect {
    fn list(&mut self, action: &Action) -> &mut Vec<String> {
        match action {
            Action::Allow | Action::Log => &mut self.allowed,
            Action::Notify | Action::Trace => &mut self.conditional,
            Action::Kill
            | Action::KillProcess
            | Action::KillThread
            | Action::Trap
            | Action::Errno => &mut self.denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::default_set;
    use crate::seccomp::default_profile;

    #[test]
    fn the_default_profile_denies_what_containers_must_not_do() {
        let effect = effect(&default_profile(&default_set()));
        let has = |list: &[String], name: &str| list.iter().any(|known| known == name);
        assert!(has(&effect.allowed, "read"));
        assert!(has(&effect.conditional, "clone"));
        for call in ["mount", "kexec_load", "bpf", "unshare"] {
            assert!(has(&effect.denied, call), "{call}");
        }
        assert!(effect.allowed.len() > 200);
    }
}
