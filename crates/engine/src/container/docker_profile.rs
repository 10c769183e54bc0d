//! A seccomp profile in Docker's own form, whose rules may depend on the container's capabilities,
//! the machine and the kernel: what is left of it for one container.
//!
//! Source: Docker's documentation, "Seccomp security profiles for Docker"; moby, profiles/seccomp.

use runtime::capabilities::Capability;
use serde::{Deserialize, Serialize};
use spec::runtime::{Action, LinuxSeccomp, Syscall, SyscallArg};

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DockerProfile {
    default_action: Action,
    #[serde(default)]
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    arch_map: Vec<Family>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    listener_path: String,
    #[serde(default)]
    listener_metadata: String,
    #[serde(default)]
    syscalls: Vec<Rule>,
}

/// A machine with those whose programs it runs too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Family {
    architecture: String,
    #[serde(default)]
    sub_architectures: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Vec<String>,
    action: Action,
    #[serde(default)]
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<SyscallArg>>,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    includes: Condition,
    #[serde(default)]
    excludes: Condition,
}

/// When a rule counts, or does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Condition {
    caps: Vec<String>,
    arches: Vec<String>,
    min_kernel: Option<String>,
}

/// This machine in profiles: its name in conditions and that of its family.
const MACHINE: (&str, &str) = if cfg!(target_arch = "aarch64") {
    ("arm64", "SCMP_ARCH_AARCH64")
} else if cfg!(target_arch = "riscv64") {
    ("riscv64", "SCMP_ARCH_RISCV64")
} else {
    ("amd64", "SCMP_ARCH_X86_64")
};

impl DockerProfile {
    /// What holds for a container with these capabilities on this kernel.
    pub(super) fn resolve(&self, granted: &[Capability], kernel: &str) -> LinuxSeccomp {
        let family = self
            .arch_map
            .iter()
            .find(|family| family.architecture == MACHINE.1);
        let of_family = family.map(|family| {
            let others = family.sub_architectures.clone().unwrap_or_default();
            std::iter::once(family.architecture.clone())
                .chain(others)
                .collect()
        });
        let counts = |rule: &&Rule| rule.counts(granted, kernel);
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        LinuxSeccomp {
            default_action: self.default_action,
            default_errno_ret: self.default_errno_ret,
            architectures: of_family.unwrap_or_else(|| self.architectures.clone()),
            flags: self.flags.clone(),
            listener_path: text(&self.listener_path).map(Into::into),
            listener_metadata: text(&self.listener_metadata),
            syscalls: self
                .syscalls
                .iter()
                .filter(counts)
                .map(Rule::plain)
                .collect(),
        }
    }
}

impl Rule {
    fn counts(&self, granted: &[Capability], kernel: &str) -> bool {
        let has = |name: &String| granted.iter().any(|capability| capability.name() == name);
        let is_new =
            |least: &Option<String>| least.as_ref().map(|least| number(kernel) >= number(least));
        let (only, not) = (&self.includes, &self.excludes);
        let is_here = |arches: &[String]| arches.iter().any(|arch| arch == MACHINE.0);
        only.caps.iter().all(has)
            && (only.arches.is_empty() || is_here(&only.arches))
            && is_new(&only.min_kernel) != Some(false)
            && !not.caps.iter().any(has)
            && !is_here(&not.arches)
            && is_new(&not.min_kernel) != Some(true)
    }

    fn plain(&self) -> Syscall {
        let own = Some(self.name.clone()).filter(|name| !name.is_empty());
        Syscall {
            names: own.into_iter().chain(self.names.iter().cloned()).collect(),
            action: self.action,
            errno_ret: self.errno_ret,
            args: self.args.clone().unwrap_or_default(),
        }
    }
}

/// The two first numbers of a kernel's version.
fn number(version: &str) -> (u32, u32) {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let mut next = || {
        numbers
            .next()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0)
    };
    (next(), next())
}

#[cfg(test)]
mod tests {
    use runtime::capabilities::parse;

    use super::*;

    #[test]
    fn rules_count_where_their_conditions_hold() {
        let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":
            "SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"syscalls":[
            {"names":["read"],"action":"SCMP_ACT_ALLOW"},
            {"names":["bpf"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_BPF"]}},
            {"names":["clone"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}},
            {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
            {"names":["future"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"99.1"}},
            {"names":["elsewhere"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["s390"]}}]}"#;
        let profile: DockerProfile = serde_json::from_str(text).unwrap();
        let allowed = |capabilities: &[&str]| {
            let granted: Vec<_> = capabilities.iter().filter_map(|name| parse(name)).collect();
            let resolved = profile.resolve(&granted, "6.1.0-18-amd64");
            let names = resolved.syscalls.into_iter().flat_map(|rule| rule.names);
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(allowed(&[]), "read clone ptrace");
        assert_eq!(allowed(&["BPF", "SYS_ADMIN"]), "read bpf ptrace");
    }
}
