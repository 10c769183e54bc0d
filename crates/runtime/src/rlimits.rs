//! Resource limits of the container's process.
//!
//! Source: prlimit(2); runtime-spec, "process.rlimits".

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::error::{Doing, Fault};

/// Names as in `config.json`, with the kernel's resource.
const RESOURCES: [(&str, Resource); 16] = [
    ("RLIMIT_AS", Resource::As),
    ("RLIMIT_CORE", Resource::Core),
    ("RLIMIT_CPU", Resource::Cpu),
    ("RLIMIT_DATA", Resource::Data),
    ("RLIMIT_FSIZE", Resource::Fsize),
    ("RLIMIT_LOCKS", Resource::Locks),
    ("RLIMIT_MEMLOCK", Resource::Memlock),
    ("RLIMIT_MSGQUEUE", Resource::Msgqueue),
    ("RLIMIT_NICE", Resource::Nice),
    ("RLIMIT_NOFILE", Resource::Nofile),
    ("RLIMIT_NPROC", Resource::Nproc),
    ("RLIMIT_RSS", Resource::Rss),
    ("RLIMIT_RTPRIO", Resource::Rtprio),
    ("RLIMIT_RTTIME", Resource::Rttime),
    ("RLIMIT_SIGPENDING", Resource::Sigpending),
    ("RLIMIT_STACK", Resource::Stack),
];

/// The resource with this name.
pub(crate) fn resource(name: &str) -> Option<Resource> {
    RESOURCES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, resource)| *resource)
}

/// Raises the hard limits of the process `pid` to what it will set for itself, with the rights of the
/// caller: in a user namespace, init has none for it. What the caller may not do is told by init.
pub(crate) fn raise_hard(pid: Pid, limits: &[spec::runtime::Rlimit]) {
    for limit in limits {
        let Some(resource) = resource(&limit.kind) else {
            continue;
        };
        let own = getrlimit(resource);
        let Some(maximum) = own.maximum.filter(|own| limit.hard > *own) else {
            continue;
        };
        let raised = Rlimit {
            current: own.current.or(Some(maximum)),
            maximum: finite(limit.hard),
        };
        let _ = prlimit(Some(pid), resource, raised);
    }
}

/// Sets all limits on the calling process.
pub(crate) fn apply(limits: &[spec::runtime::Rlimit]) -> Result<(), Fault> {
    for limit in limits {
        let clause = || {
            format!(
                "setting {} to {}:{} (raising a hard limit needs CAP_SYS_RESOURCE)",
                limit.kind, limit.soft, limit.hard
            )
        };
        let resource = resource(&limit.kind).ok_or(Errno::INVAL).doing(clause)?;
        let value = Rlimit {
            current: finite(limit.soft),
            maximum: finite(limit.hard),
        };
        rustix::process::setrlimit(resource, value).doing(clause)?;
    }
    Ok(())
}

/// The largest number stands for "no limit".
fn finite(value: u64) -> Option<u64> {
    (value != u64::MAX).then_some(value)
}
