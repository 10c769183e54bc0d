//! How the kernel shares processors, disks and memory nodes out to the container's process, and
//! the execution domain of its programs. Limits of a whole cgroup are in `cgroup`.
//!
//! What another process may set is set by the parent, which has the host's rights, once init is in
//! its cgroup; what a process can only set for itself is init's.
//!
//! Source: runtime-spec, config.md "Linux Process", config-linux.md "Memory policy" and
//! "Personality".

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use spec::runtime::{CpuAffinity, IoPriority, Linux, Process, Scheduler};
use sys::scheduling::{SchedAttr, ioprio_set, sched_setattr, set_mempolicy, set_personality};

use crate::error::{Doing, Error, Fault};
use crate::id_list;

const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", DEADLINE),
];

const DEADLINE: u32 = 6;

const FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
];

const IO_CLASSES: [(&str, u8); 3] = [
    ("IOPRIO_CLASS_RT", 1),
    ("IOPRIO_CLASS_BE", 2),
    ("IOPRIO_CLASS_IDLE", 3),
];

const MEMORY_MODES: [(&str, u32); 7] = [
    ("MPOL_DEFAULT", 0),
    ("MPOL_PREFERRED", 1),
    ("MPOL_BIND", 2),
    ("MPOL_INTERLEAVE", 3),
    ("MPOL_LOCAL", 4),
    ("MPOL_PREFERRED_MANY", 5),
    ("MPOL_WEIGHTED_INTERLEAVE", 6),
];

const MEMORY_FLAGS: [(&str, u32); 3] = [
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_STATIC_NODES", 1 << 15),
];

const DOMAINS: [(&str, u32); 2] = [("LINUX", 0), ("LINUX32", 8)];

/// What the parent sets for a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scheduling {
    scheduler: Option<SchedAttr>,
    io: Option<(u8, u8)>,
    /// Processors before and after the process is in its cgroup.
    initial: Option<CpuSet>,
    last: Option<CpuSet>,
    /// Whether it may run on all processors of its cgroup otherwise, not only on the caller's.
    is_set_free: bool,
}

/// What a process sets for itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnScheduling {
    memory: Option<(u32, Vec<u64>)>,
    personality: Option<u32>,
}

impl Scheduling {
    /// Resolves what is asked for, without affinities.
    pub(crate) fn resolve(process: &Process) -> Result<Self, Error> {
        Ok(Self {
            scheduler: process.scheduler.as_ref().map(scheduler).transpose()?,
            io: process.io_priority.as_ref().map(io_priority).transpose()?,
            initial: None,
            last: None,
            is_set_free: true,
        })
    }

    /// Resolves what is asked for, for a process that joins a running container.
    pub(crate) fn of_exec(process: &Process) -> Result<Self, Error> {
        let none = CpuAffinity::default();
        let affinity = process.exec_cpu_affinity.as_ref().unwrap_or(&none);
        let set = |key: &str, list: &Option<String>| {
            let list = list.as_deref().map(|list| processors(key, list));
            list.transpose()
        };
        Ok(Self {
            initial: set("initial", &affinity.initial)?,
            last: set("final", &affinity.last)?,
            ..Self::resolve(process)?
        })
    }

    /// The processors that a new process shall start on, as bits.
    pub(crate) fn initial_mask(&self) -> Option<u128> {
        let initial = self.initial.as_ref()?;
        let set = (0..128).filter(|processor| initial.is_set(*processor));
        Some(set.fold(0, |mask, processor| mask | 1 << processor))
    }

    /// Runs `clone` on the processors that a new process shall start on.
    pub(crate) fn start_on<T>(&self, clone: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let Some(initial) = &self.initial else {
            return clone();
        };
        let clause = || "setting the initial processors".to_owned();
        let before = sched_getaffinity(None).doing(clause)?;
        sched_setaffinity(None, initial).doing(clause)?;
        let cloned = clone();
        sched_setaffinity(None, &before).doing(clause)?;
        cloned
    }

    /// Sets everything for the process `pid`, which is in its cgroup.
    pub(crate) fn apply(&self, pid: Pid) -> Result<(), Fault> {
        if let Some(scheduler) = &self.scheduler {
            sched_setattr(pid, scheduler).doing(|| {
                let needs = match scheduler.policy {
                    DEADLINE => "process scheduler can't be used together with AllowedCPUs",
                    _ => "needs CAP_SYS_NICE, and a real-time policy such run time of the cgroup",
                };
                format!("setting process.scheduler ({needs})")
            })?;
        }
        if let Some((class, level)) = self.io {
            ioprio_set(pid, class, level).doing(|| {
                "setting process.ioPriority (IOPRIO_CLASS_RT needs CAP_SYS_NICE)".into()
            })?;
        }
        match &self.last {
            Some(last) => sched_setaffinity(Some(pid), last)
                .doing(|| "setting process.execCPUAffinity.final".to_owned()),
            None if self.is_set_free => {
                // The kernel leaves out what the cgroup has not. What cannot be set free runs
                // where the caller does.
                let _ = sched_setaffinity(Some(pid), &all_processors());
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl OwnScheduling {
    /// Resolves what is asked for.
    pub(crate) fn resolve(linux: &Linux) -> Result<Self, Error> {
        let memory = linux
            .memory_policy
            .as_ref()
            .map(memory_policy)
            .transpose()?;
        let personality = match &linux.personality {
            None => None,
            Some(asked) if !asked.flags.is_empty() => {
                let why = format!("{:?}: no flag is defined", asked.flags);
                return Err(invalid("linux.personality.flags", why));
            }
            Some(asked) => Some(named("linux.personality.domain", &asked.domain, &DOMAINS)?),
        };
        Ok(Self {
            memory,
            personality,
        })
    }

    /// Sets it for the calling process.
    pub(crate) fn apply(&self) -> Result<(), Fault> {
        if let Some((mode, nodes)) = &self.memory {
            set_mempolicy(*mode, nodes).doing(|| {
                "setting linux.memoryPolicy (its nodes must be there, and the kernel needs NUMA)"
                    .to_owned()
            })?;
        }
        let Some(domain) = self.personality else {
            return Ok(());
        };
        set_personality(domain).doing(|| "setting linux.personality".to_owned())
    }
}

/// The features document's memory modes and flags.
pub(crate) fn memory_features() -> spec::features::MemoryPolicy {
    let names = |table: &[(&str, u32)]| table.iter().map(|(name, _)| (*name).to_owned()).collect();
    spec::features::MemoryPolicy {
        modes: Some(names(&MEMORY_MODES)),
        flags: Some(names(&MEMORY_FLAGS)),
    }
}

fn scheduler(asked: &Scheduler) -> Result<SchedAttr, Error> {
    let policy = named("process.scheduler.policy", &asked.policy, &POLICIES)?;
    let is_realtime = matches!(asked.policy.as_str(), "SCHED_FIFO" | "SCHED_RR");
    let is_deadline = asked.policy == "SCHED_DEADLINE";
    let refuse = |key: &str, why: &str| {
        let key = format!("process.scheduler.{key}");
        Err(invalid(&key, format!("{why}, not {}", asked.policy)))
    };
    if !(-20..=19).contains(&asked.nice) {
        let why = format!("{} is not between -20 and 19", asked.nice);
        return Err(invalid("process.scheduler.nice", why));
    }
    if asked.priority != 0 && !is_realtime {
        return refuse("priority", "is for SCHED_FIFO and SCHED_RR");
    }
    if asked.runtime | asked.deadline | asked.period != 0 && !is_deadline {
        return refuse("runtime", "and deadline and period are for SCHED_DEADLINE");
    }
    let priority = u32::try_from(asked.priority).map_err(|_| {
        let why = format!("{} is negative", asked.priority);
        invalid("process.scheduler.priority", why)
    })?;
    let flags = asked.flags.iter().try_fold(0, |flags, name| {
        named("process.scheduler.flags", name, &FLAGS).map(|flag| flags | flag)
    })?;
    Ok(SchedAttr {
        policy,
        flags,
        nice: asked.nice,
        priority,
        runtime: asked.runtime,
        deadline: asked.deadline,
        period: asked.period,
    })
}

fn io_priority(asked: &IoPriority) -> Result<(u8, u8), Error> {
    let class = named("process.ioPriority.class", &asked.class, &IO_CLASSES)?;
    let level = u8::try_from(asked.priority)
        .ok()
        .filter(|level| *level <= 7);
    let level = level.ok_or_else(|| {
        let why = format!("{} is not between 0 and 7", asked.priority);
        invalid("process.ioPriority.priority", why)
    })?;
    Ok((class, level))
}

fn all_processors() -> CpuSet {
    let mut set = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|number| set.set(number));
    set
}

fn processors(key: &str, list: &str) -> Result<CpuSet, Error> {
    let key = format!("process.execCPUAffinity.{key}");
    let numbers = id_list::parse(list).map_err(|why| invalid(&key, why))?;
    let mut set = CpuSet::new();
    for number in numbers {
        if number >= CpuSet::MAX_CPU {
            return Err(invalid(&key, format!("there is no processor {number}")));
        }
        set.set(number);
    }
    Ok(set)
}

fn memory_policy(asked: &spec::runtime::MemoryPolicy) -> Result<(u32, Vec<u64>), Error> {
    // In runc's words, for whom its callers look.
    let mode = named(
        "linux.memoryPolicy.mode: invalid memory policy mode",
        &asked.mode,
        &MEMORY_MODES,
    )?;
    let mode = asked.flags.iter().try_fold(mode, |mode, name| {
        let key = "linux.memoryPolicy.flags: invalid memory policy flag";
        named(key, name, &MEMORY_FLAGS).map(|flag| mode | flag)
    })?;
    let list = asked.nodes.as_deref();
    let nodes = list.map(id_list::parse).transpose();
    let key = "linux.memoryPolicy.nodes: invalid memory policy node";
    let nodes = nodes.map_err(|why| invalid(key, why))?;
    let nodes = nodes.unwrap_or_default();
    let takes_none = matches!(asked.mode.as_str(), "MPOL_DEFAULT" | "MPOL_LOCAL");
    if takes_none && !nodes.is_empty() {
        let why = format!(
            "{} mode requires 0 nodes but got {}",
            asked.mode,
            nodes.len()
        );
        return Err(invalid("linux.memoryPolicy.nodes", why));
    }
    Ok((mode, id_list::bits(&nodes)))
}

/// The value of a name; the error lists what is possible.
fn named<T: Copy>(key: &str, name: &str, table: &[(&str, T)]) -> Result<T, Error> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        let why = format!("{name:?} is none of {}", names.join(", "));
        invalid(key, why)
    })
}

fn invalid(key: &str, why: String) -> Error {
    Error::Invalid {
        key: key.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_do_not_go_together_are_refused_by_key() {
        let asked = |policy: &str, nice, priority, runtime| Scheduler {
            policy: policy.to_owned(),
            nice,
            priority,
            runtime,
            ..Scheduler::default()
        };
        let cases = [
            ("policy", asked("SCHED_NONE", 0, 0, 0)),
            ("nice", asked("SCHED_OTHER", 20, 0, 0)),
            ("priority", asked("SCHED_BATCH", 0, 1, 0)),
            ("priority", asked("SCHED_RR", 0, -1, 0)),
            ("runtime", asked("SCHED_FIFO", 0, 1, 5)),
        ];
        for (key, asked) in cases {
            let message = scheduler(&asked).unwrap_err().to_string();
            let expected = format!("process.scheduler.{key}: ");
            assert!(message.starts_with(&expected), "{message}");
        }
        assert_eq!(scheduler(&asked("SCHED_RR", 0, 5, 0)).unwrap().policy, 2);
    }

    #[test]
    fn a_memory_policy_is_a_mode_with_flags_and_nodes() {
        let asked = spec::runtime::MemoryPolicy {
            mode: "MPOL_BIND".to_owned(),
            nodes: Some("0-1".to_owned()),
            flags: vec!["MPOL_F_STATIC_NODES".to_owned()],
        };
        assert_eq!(memory_policy(&asked).unwrap(), (0x8002, vec![3]));
    }
}
