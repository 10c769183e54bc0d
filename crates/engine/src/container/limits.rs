//! Limits: what was asked for as the runtime words it, and what becomes of it where the caller
//! lacks the right. Defaults are lowered with a warning, what was asked for explicitly is refused.

use std::ops::RangeInclusive;
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use spec::runtime::{
    BlockIo, Cpu, DeviceRule, LinuxResources, Memory, Pids, Rlimit, ThrottleDevice, WeightDevice,
};

use super::config::{BlockLimitKind, ContainerConfig, Resources};
use super::cpuset;
use crate::{Error, Host};

/// The open files of a container: what systemd gives a service.
const OPEN_FILES: (u64, u64) = (1024, 524_288);

/// Docker's least.
const LEAST_MEMORY: i64 = 6 << 20;

/// What the kernel takes.
const CPU_SHARES: RangeInclusive<u64> = 2..=262_144;
const CPU_PERIODS: RangeInclusive<u64> = 1000..=1_000_000;

/// The kernel's default, in microseconds.
const REALTIME_PERIOD: u64 = 1_000_000;

/// Microseconds in which a container uses its share of the processors.
const CPU_PERIOD: u64 = 100_000;

/// The limits of getrlimit(2), and warnings about those that had to be lower than they should.
pub(super) fn rlimits(
    config: &ContainerConfig,
    host: &Host,
) -> Result<(Vec<Rlimit>, Vec<String>), Error> {
    rlimits_under(config, |resource| hard_limit(resource, host))
}

fn rlimits_under(
    config: &ContainerConfig,
    ceiling: impl Fn(&str) -> u64,
) -> Result<(Vec<Rlimit>, Vec<String>), Error> {
    let mut limits = config.rlimits.clone();
    for limit in &limits {
        let name = limit.kind.trim_start_matches("RLIMIT_").to_lowercase();
        if limit.soft > limit.hard {
            return Err(Error::Invalid {
                what: "limit",
                why: format!(
                    "{name}: the soft limit {} is above the hard {}",
                    limit.soft, limit.hard
                ),
            });
        }
        let most = ceiling(&limit.kind);
        if limit.hard > most {
            return Err(Error::Forbidden {
                what: format!("a limit of {name} above {most}"),
                right: "CAP_SYS_RESOURCE",
            });
        }
    }
    let mut warnings = Vec::new();
    if !config.privileged && !limits.iter().any(|limit| limit.kind == "RLIMIT_NOFILE") {
        let (soft, hard) = OPEN_FILES;
        let most = ceiling("RLIMIT_NOFILE");
        if hard > most {
            warnings.push(format!(
                "the container may open {most} files and not {hard}: more needs CAP_SYS_RESOURCE"
            ));
        }
        limits.push(Rlimit {
            kind: "RLIMIT_NOFILE".to_owned(),
            soft: soft.min(most),
            hard: hard.min(most),
        });
    }
    Ok((limits, warnings))
}

/// The most that a limit can be for a container of this caller.
fn hard_limit(name: &str, host: &Host) -> u64 {
    if host.may_raise_limits() {
        return u64::MAX;
    }
    match resource(name) {
        Some(resource) => getrlimit(resource).maximum.unwrap_or(u64::MAX),
        None => u64::MAX,
    }
}

fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "RLIMIT_AS" => Resource::As,
        "RLIMIT_CORE" => Resource::Core,
        "RLIMIT_CPU" => Resource::Cpu,
        "RLIMIT_DATA" => Resource::Data,
        "RLIMIT_FSIZE" => Resource::Fsize,
        "RLIMIT_LOCKS" => Resource::Locks,
        "RLIMIT_MEMLOCK" => Resource::Memlock,
        "RLIMIT_MSGQUEUE" => Resource::Msgqueue,
        "RLIMIT_NICE" => Resource::Nice,
        "RLIMIT_NOFILE" => Resource::Nofile,
        "RLIMIT_NPROC" => Resource::Nproc,
        "RLIMIT_RSS" => Resource::Rss,
        "RLIMIT_RTPRIO" => Resource::Rtprio,
        "RLIMIT_RTTIME" => Resource::Rttime,
        "RLIMIT_SIGPENDING" => Resource::Sigpending,
        "RLIMIT_STACK" => Resource::Stack,
        _ => return None,
    })
}

/// The oom score, if one was asked for.
pub(super) fn oom_score_adj(config: &ContainerConfig, host: &Host) -> Result<Option<i32>, Error> {
    let Some(wanted) = config.oom_score_adj else {
        return Ok(None);
    };
    if !(-1000..=1000).contains(&wanted) {
        return Err(Error::Invalid {
            what: "oom score",
            why: format!("{wanted}: expected -1000 to 1000"),
        });
    }
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    let own = own.trim().parse().unwrap_or(0);
    if wanted < own && !host.may_raise_limits() {
        return Err(Error::Forbidden {
            what: format!("an oom score below {own}"),
            right: "CAP_SYS_RESOURCE",
        });
    }
    Ok(Some(wanted))
}

/// The settings of the cgroup; with them go the devices that may be used.
pub(super) fn resources(
    wanted: &Resources,
    devices: Vec<DeviceRule>,
) -> Result<LinuxResources, Error> {
    let pids = wanted.pids.filter(|limit| *limit != 0);
    Ok(LinuxResources {
        devices,
        memory: memory(wanted)?,
        cpu: cpu(wanted)?,
        pids: pids.map(|limit| Pids {
            limit: Some(limit.max(-1)),
        }),
        block_io: block_io(wanted)?,
        ..LinuxResources::default()
    })
}

/// As Docker: a limit of memory alone lets as much again be swapped, where swap is counted.
pub(super) fn with_swap(wanted: &Resources) -> Resources {
    let says_nothing = matches!(wanted.memory_swap, None | Some(0));
    let twice = wanted.memory.and_then(|limit| limit.checked_mul(2));
    Resources {
        memory_swap: match says_nothing && counts_swap() {
            true => twice,
            false => wanted.memory_swap,
        },
        ..wanted.clone()
    }
}

/// Whether the kernel can limit swap: v1 shows it by a file, v2 has it wherever there is swapping.
fn counts_swap() -> bool {
    match Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists() {
        true => Path::new("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists(),
        false => Path::new("/proc/swaps").exists(),
    }
}

fn memory(wanted: &Resources) -> Result<Option<Memory>, Error> {
    let invalid = |why: String| Error::Invalid {
        what: "memory limit",
        why,
    };
    if wanted.memory_swappiness.is_some_and(|value| value > 100) {
        return Err(invalid(
            "the swappiness is a number from 0 to 100".to_owned(),
        ));
    }
    if let Some(kept) = wanted.memory_reservation
        && kept < LEAST_MEMORY
    {
        let why = format!("a reservation of {kept} bytes: expected at least 6m");
        return Err(invalid(why));
    }
    let others = Memory {
        reservation: wanted.memory_reservation,
        swappiness: wanted.memory_swappiness,
        disable_oom_killer: wanted.oom_kill_disable.then_some(true),
        ..Memory::default()
    };
    let Some(limit) = wanted.memory else {
        return match wanted.memory_swap {
            Some(_) => Err(invalid("a limit of swap needs one of memory".to_owned())),
            None => Ok(Some(others).filter(|others| *others != Memory::default())),
        };
    };
    if wanted.memory_reservation.is_some_and(|kept| kept > limit) {
        let why = "the reservation is above the limit".to_owned();
        return Err(invalid(why));
    }
    if limit < LEAST_MEMORY {
        return Err(invalid(format!("{limit} bytes: expected at least 6m")));
    }
    let swap = match wanted.memory_swap {
        None | Some(0) => None,
        Some(-1) => Some(-1),
        Some(swap) if swap >= limit => Some(swap),
        Some(swap) => {
            let why = format!("memory and swap together ({swap}) are less than memory ({limit})");
            return Err(invalid(why));
        }
    };
    Ok(Some(Memory {
        limit: Some(limit),
        swap,
        ..others
    }))
}

fn cpu(wanted: &Resources) -> Result<Option<Cpu>, Error> {
    let invalid = |what, why: String| Err(Error::Invalid { what, why });
    if wanted.nano_cpus.is_some() && wanted.cpu_period.or(wanted.cpu_quota.map(|_| 0)).is_some() {
        let why = "a number of CPUs is a quota already: leave out one of the two".to_owned();
        return invalid("CPU quota", why);
    }
    check_cpu(wanted)?;
    cpuset::check(wanted)?;
    let (mut quota, mut period) = (wanted.cpu_quota, wanted.cpu_period);
    if let Some(nano_cpus) = wanted.nano_cpus {
        let count = processors();
        // The kernel takes no quota below a millisecond.
        if nano_cpus < 10_000_000 || nano_cpus > count.saturating_mul(1_000_000_000) {
            let why = format!("expected 0.01 to {count}, as there are {count} CPUs here");
            return invalid("number of CPUs", why);
        }
        (quota, period) = (Some(nano_cpus / 10_000), Some(CPU_PERIOD));
    }
    let cpu = Cpu {
        shares: wanted.cpu_shares.filter(|shares| *shares != 0),
        quota: quota.filter(|quota| *quota != 0),
        period: period.filter(|period| *period != 0),
        realtime_period: wanted.cpu_rt_period,
        realtime_runtime: wanted.cpu_rt_runtime,
        cpus: wanted.cpuset_cpus.clone(),
        mems: wanted.cpuset_mems.clone(),
        ..Cpu::default()
    };
    Ok(Some(cpu).filter(|cpu| *cpu != Cpu::default()))
}

/// What the kernel takes of shares, times and real-time; 0 is as if nothing was said.
fn check_cpu(wanted: &Resources) -> Result<(), Error> {
    let invalid = |what, why: String| Err(Error::Invalid { what, why });
    let unlike = |value: Option<u64>, range: &RangeInclusive<u64>| {
        value.filter(|value| *value != 0 && !range.contains(value))
    };
    if let Some(shares) = unlike(wanted.cpu_shares, &CPU_SHARES) {
        let (least, most) = (CPU_SHARES.start(), CPU_SHARES.end());
        return invalid(
            "CPU shares",
            format!("{shares}: expected {least} to {most}"),
        );
    }
    if let Some(period) = unlike(wanted.cpu_period, &CPU_PERIODS) {
        let why = format!("{period}: expected 1000 to 1000000 microseconds");
        return invalid("CPU period", why);
    }
    if let Some(quota) = wanted.cpu_quota.filter(|quota| (1..1000).contains(quota)) {
        let why = format!("{quota}: expected at least 1000 microseconds, or -1 for none");
        return invalid("CPU quota", why);
    }
    let period = wanted.cpu_rt_period.unwrap_or(REALTIME_PERIOD);
    if let Some(runtime) = wanted.cpu_rt_runtime
        && u64::try_from(runtime).is_ok_and(|runtime| runtime > period)
    {
        let why = format!("{runtime}: more than the period of {period} microseconds");
        return invalid("real-time of processors", why);
    }
    Ok(())
}

/// How many processors the caller may use.
fn processors() -> i64 {
    let count = rustix::thread::sched_getaffinity(None).map(|set| set.count());
    count.map_or(i64::MAX, i64::from)
}

fn block_io(wanted: &Resources) -> Result<Option<BlockIo>, Error> {
    let mut io = BlockIo {
        weight: wanted.blkio_weight.filter(|weight| *weight != 0),
        ..BlockIo::default()
    };
    if let Some(weight) = io.weight.filter(|weight| !(10..=1000).contains(weight)) {
        return Err(Error::Invalid {
            what: "block io weight",
            why: format!("{weight}: expected a number from 10 to 1000"),
        });
    }
    for limit in &wanted.block_devices {
        let (major, minor) = block_device(&limit.device)?;
        let throttle = ThrottleDevice {
            major,
            minor,
            rate: limit.value,
        };
        match limit.kind {
            BlockLimitKind::Weight => io.weight_device.push(WeightDevice {
                major,
                minor,
                weight: u16::try_from(limit.value).ok(),
                leaf_weight: None,
            }),
            BlockLimitKind::ReadBytes => io.throttle_read_bps_device.push(throttle),
            BlockLimitKind::WriteBytes => io.throttle_write_bps_device.push(throttle),
            BlockLimitKind::Reads => io.throttle_read_iops_device.push(throttle),
            BlockLimitKind::Writes => io.throttle_write_iops_device.push(throttle),
        }
    }
    Ok(Some(io).filter(|io| *io != BlockIo::default()))
}

fn block_device(path: &Path) -> Result<(i64, i64), Error> {
    let status = rustix::fs::stat(path).map_err(|errno| Error::io("looking at", path, errno))?;
    if rustix::fs::FileType::from_raw_mode(status.st_mode) != rustix::fs::FileType::BlockDevice {
        return Err(Error::Invalid {
            what: "block io limit",
            why: format!("{} is no block device", path.display()),
        });
    }
    let (major, minor) = (
        rustix::fs::major(status.st_rdev),
        rustix::fs::minor(status.st_rdev),
    );
    Ok((i64::from(major), i64::from(minor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(soft: u64, hard: u64) -> Rlimit {
        Rlimit {
            kind: "RLIMIT_NOFILE".into(),
            soft,
            hard,
        }
    }

    #[test]
    fn a_default_limit_is_lowered_with_a_warning() {
        let config = ContainerConfig::default();
        let (limits, warnings) = rlimits_under(&config, |_| 20_000).unwrap();
        assert_eq!(limits, [limit(1024, 20_000)]);
        assert_eq!(warnings.len(), 1);
        let (limits, warnings) = rlimits_under(&config, |_| u64::MAX).unwrap();
        assert_eq!((limits, warnings.len()), (vec![limit(1024, 524_288)], 0));
    }

    #[test]
    fn an_explicit_limit_beyond_the_own_is_an_error_that_names_the_right() {
        let mut config = ContainerConfig {
            rlimits: vec![limit(10, 20_001)],
            ..ContainerConfig::default()
        };
        let error = rlimits_under(&config, |_| 20_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a limit of nofile above 20000 needs CAP_SYS_RESOURCE"
        );
        config.rlimits = vec![limit(10, 20_000)];
        let (limits, warnings) = rlimits_under(&config, |_| 20_000).unwrap();
        assert_eq!((limits.len(), warnings.len()), (1, 0));
        config.rlimits = vec![limit(11, 10)];
        assert!(rlimits_under(&config, |_| 20_000).is_err());
    }

    #[test]
    fn processors_become_a_quota() {
        let wanted = Resources {
            nano_cpus: Some(1_500_000_000),
            pids: Some(-5),
            ..Resources::default()
        };
        let limits = resources(&wanted, Vec::new()).unwrap();
        let cpu = limits.cpu.unwrap();
        assert_eq!((cpu.quota, cpu.period), (Some(150_000), Some(100_000)));
        assert_eq!(limits.pids.unwrap().limit, Some(-1));
        assert!(
            resources(
                &Resources {
                    nano_cpus: Some(1),
                    ..wanted
                },
                Vec::new()
            )
            .is_err()
        );
    }

    #[test]
    fn memory_has_a_least_and_swap_includes_it() {
        let of = |memory, memory_swap| {
            memory_of(Resources {
                memory,
                memory_swap,
                ..Resources::default()
            })
        };
        fn memory_of(wanted: Resources) -> Option<(Option<i64>, Option<i64>)> {
            memory(&wanted)
                .ok()?
                .map(|memory| (memory.limit, memory.swap))
        }
        assert_eq!(of(Some(8 << 20), None), Some((Some(8 << 20), None)));
        assert_eq!(of(Some(8 << 20), Some(-1)), Some((Some(8 << 20), Some(-1))));
        assert_eq!(of(Some(1 << 20), None), None);
        assert!(
            memory(&Resources {
                memory_swap: Some(1),
                ..Resources::default()
            })
            .is_err()
        );
        assert_eq!(of(Some(8 << 20), Some(7 << 20)), None);
    }
}
