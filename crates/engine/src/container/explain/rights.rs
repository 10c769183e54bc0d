//! What the program of a container may do, as the kernel says it of its first process.

use runtime::capabilities;
use runtime::seccomp::{Effect, effect};
use serde::Serialize;
use spec::runtime::{Config, LinuxSeccomp};

use super::field;

/// The rights of a program.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rights {
    /// Its user, in the container.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Its further groups.
    pub groups: Vec<u32>,
    /// Capabilities that it has.
    pub capabilities: Vec<String>,
    /// Capabilities that it can get by executing a file that gives them.
    pub bounding: Vec<String>,
    /// Whether execve(2) gives no more rights.
    pub no_new_privileges: bool,
    /// The system calls; `None` without a filter.
    pub system_calls: Option<Effect>,
    /// What is done with a call that the filter denies.
    pub denied_by: Option<String>,
    /// The AppArmor profile, if it has one.
    pub apparmor: Option<String>,
    /// Limits of getrlimit(2) that were set.
    pub rlimits: Vec<Rlimit>,
    /// Its rank when memory runs out.
    pub oom_score_adj: Option<i32>,
}

/// A limit of getrlimit(2).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rlimit {
    /// Its name, as `RLIMIT_NOFILE`.
    pub kind: String,
    /// What it can be raised to by itself.
    pub hard: u64,
    /// What holds.
    pub soft: u64,
}

/// The rights of the process `pid`, which was made from `config`.
pub(super) fn of(pid: i32, config: &Config) -> Rights {
    let process = config.process.clone().unwrap_or_default();
    let profile = config
        .linux
        .as_ref()
        .and_then(|linux| linux.seccomp.as_ref());
    let set = |name| {
        let digits = field(pid, "status", name).unwrap_or_default();
        let bits = u64::from_str_radix(&digits, 16).unwrap_or(0);
        capabilities::of_bits(bits)
    };
    Rights {
        user: process.user.uid,
        group: process.user.gid,
        groups: process.user.additional_gids,
        capabilities: set("CapEff:"),
        bounding: set("CapBnd:"),
        no_new_privileges: field(pid, "status", "NoNewPrivs:").as_deref() == Some("1"),
        system_calls: profile.map(effect),
        denied_by: profile.map(denial),
        apparmor: process.apparmor_profile,
        rlimits: process.rlimits.into_iter().map(rlimit).collect(),
        oom_score_adj: field(pid, "oom_score_adj", "").and_then(|text| text.parse().ok()),
    }
}

fn rlimit(limit: spec::runtime::Rlimit) -> Rlimit {
    Rlimit {
        kind: limit.kind,
        hard: limit.hard,
        soft: limit.soft,
    }
}

fn denial(profile: &LinuxSeccomp) -> String {
    let action = serde_json::to_value(profile.default_action).ok();
    let action = action.and_then(|action| action.as_str().map(str::to_owned));
    action.unwrap_or_default()
}
