//! Properties of units: what the limits of a container are called there, from the files of the
//! cgroup that say the same; and whatever annotations ask for. A file without a property is left
//! to the cgroup itself, which is written to anyway.
//!
//! Source: systemd.resource-control(5); for annotations, crun's and runc's documentation.

use std::collections::BTreeMap;

use spec::runtime::LinuxResources;

use super::super::Error;
use super::super::devices;
use super::super::limits;
use crate::dbus::{self, Value};

/// Name and value.
pub(super) type Property = (String, Value);

/// An annotation `org.systemd.property.NAME` sets the property NAME.
const PREFIX: &str = "org.systemd.property.";
/// Microseconds of processor time a second, as systemd rounds them: whole per cents.
const PER_CENT: u64 = 10_000;
const DEFAULT_PERIOD: u64 = 100_000;
/// The first version with `CPUQuotaPeriodUSec`.
const HAS_PERIOD: u32 = 242;
/// The first version with `AllowedCPUs` and `AllowedMemoryNodes`.
const HAS_CPUSETS: u32 = 244;
/// The first version for which a `CPUWeight` of 0 means idle.
const HAS_IDLE: u32 = 252;

/// The properties as they stand in a call.
pub(super) fn list(properties: Vec<Property>) -> Value {
    let pairs = properties
        .into_iter()
        .map(|(name, value)| Value::Struct(vec![Value::from(name.as_str()), value.into_variant()]));
    Value::Array("(sv)".to_owned(), pairs.collect())
}

/// What is limited, as far as this version of systemd has a word for it. `standing` is the quota of
/// processor time with its period that there is already, as `cpu.max` has it.
pub(super) fn of_resources(
    resources: &LinuxResources,
    version: u32,
    only_v2: bool,
    standing: &str,
) -> Result<Vec<Property>, Error> {
    let mut properties = Vec::new();
    for (file, value) in &limits::values(resources, only_v2) {
        properties.extend(property(file, value.trim(), version));
    }
    if let Some(maximum) = maximum(resources, standing) {
        properties.extend(cpu_quota(&maximum, version));
    }
    if !only_v2 && !resources.devices.is_empty() {
        properties.extend(super::devices::properties(&devices::rules(resources)?));
    }
    Ok(properties)
}

/// Quota and period as `cpu.max` will have them; none when they stay as they are.
fn maximum(resources: &LinuxResources, standing: &str) -> Option<String> {
    if let Some(value) = resources.unified.get("cpu.max") {
        return Some(value.clone());
    }
    let cpu = resources.cpu.as_ref()?;
    if cpu.quota.is_none() && cpu.period.is_none() {
        return None;
    }
    let (quota, period) = standing.trim().split_once(' ')?;
    let quota = match cpu.quota {
        Some(quota) if quota > 0 => quota.to_string(),
        Some(_) => "max".to_owned(),
        None => quota.to_owned(),
    };
    let period = cpu
        .period
        .map_or(period.to_owned(), |period| period.to_string());
    Some(format!("{quota} {period}"))
}

/// The property for one file.
fn property(file: &str, value: &str, version: u32) -> Option<Property> {
    let number = || match value {
        "max" | "-1" => Some(Value::U64(u64::MAX)),
        value => value.parse().ok().map(Value::U64),
    };
    let (name, value) = match file {
        "memory.max" => ("MemoryMax", number()?),
        "memory.high" => ("MemoryHigh", number()?),
        "memory.low" => ("MemoryLow", number()?),
        "memory.min" => ("MemoryMin", number()?),
        "memory.swap.max" => ("MemorySwapMax", number()?),
        "memory.limit_in_bytes" => ("MemoryLimit", number()?),
        "cpu.weight" => ("CPUWeight", number()?),
        "cpu.shares" => ("CPUShares", number()?),
        "cpu.idle" if value == "1" && version >= HAS_IDLE => ("CPUWeight", Value::U64(0)),
        "io.weight" => (
            "IOWeight",
            Value::U64(value.rsplit(' ').next()?.parse().ok()?),
        ),
        "pids.max" => ("TasksMax", number()?),
        "cpuset.cpus" if version >= HAS_CPUSETS => ("AllowedCPUs", bits(value)?),
        "cpuset.mems" if version >= HAS_CPUSETS => ("AllowedMemoryNodes", bits(value)?),
        _ => return None,
    };
    Some((name.to_owned(), value))
}

/// `QUOTA PERIOD`, or `max`, as time per second; a part of a per cent counts as a whole one.
fn cpu_quota(value: &str, version: u32) -> Vec<Property> {
    let mut words = value.split_whitespace();
    let quota = words.next().and_then(|word| word.parse::<u64>().ok());
    let period = words.next().and_then(|word| word.parse::<u64>().ok());
    let per_second = match quota.filter(|quota| *quota > 0) {
        Some(quota) => {
            let period = period
                .filter(|period| *period > 0)
                .unwrap_or(DEFAULT_PERIOD);
            let exact = quota.saturating_mul(1_000_000) / period;
            exact.div_ceil(PER_CENT).saturating_mul(PER_CENT)
        }
        None => u64::MAX,
    };
    let mut properties = vec![("CPUQuotaPerSecUSec".to_owned(), Value::U64(per_second))];
    if let Some(period) = period.filter(|_| version >= HAS_PERIOD) {
        properties.push(("CPUQuotaPeriodUSec".to_owned(), Value::U64(period)));
    }
    properties
}

/// `0-2,5` as a mask, the lowest numbers first.
fn bits(list: &str) -> Option<Value> {
    let mut mask: Vec<u8> = Vec::new();
    for part in list
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // More processors than any kernel is built for.
        if first > last || last > 65_535 {
            return None;
        }
        mask.resize(mask.len().max(last / 8 + 1), 0);
        for number in first..=last {
            if let Some(byte) = mask.get_mut(number / 8) {
                *byte |= 1 << (number % 8);
            }
        }
    }
    let bytes = mask.into_iter().map(Value::Byte).collect();
    Some(Value::Array("y".to_owned(), bytes))
}

/// What `org.systemd.property.*` asks for. Times may be named in seconds, which the bus wants in
/// microseconds.
pub(super) fn of_annotations(
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<Property>, Error> {
    let asked = annotations
        .iter()
        .filter_map(|(key, value)| Some((key, key.strip_prefix(PREFIX)?, value)));
    asked
        .map(|(key, name, text)| {
            let wrong = |why: String| Error::Annotation {
                key: key.clone(),
                why,
            };
            if name.len() < 3 || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(wrong(format!("{name:?} is not the name of a property")));
            }
            let value = dbus::parse(text).map_err(wrong)?;
            match name.strip_suffix("Sec").filter(|name| !name.ends_with('U')) {
                Some(stem) => {
                    let value = microseconds(&value)
                        .ok_or_else(|| wrong(format!("{text:?} is no number of seconds")))?;
                    Ok((format!("{stem}USec"), value))
                }
                None => Ok((name.to_owned(), value)),
            }
        })
        .collect()
}

fn microseconds(seconds: &Value) -> Option<Value> {
    let whole = match *seconds {
        Value::Byte(n) => u64::from(n),
        Value::I16(n) => u64::try_from(n).ok()?,
        Value::U16(n) => u64::from(n),
        Value::I32(n) => u64::try_from(n).ok()?,
        Value::U32(n) => u64::from(n),
        Value::I64(n) => u64::try_from(n).ok()?,
        Value::U64(n) => n,
        Value::Double(n) => {
            let whole = std::time::Duration::try_from_secs_f64(n).ok()?.as_micros();
            return u64::try_from(whole).ok().map(Value::U64);
        }
        _ => return None,
    };
    whole.checked_mul(1_000_000).map(Value::U64)
}

#[cfg(test)]
mod tests {
    use spec::runtime::{Cpu, Memory, Pids};

    use super::*;

    fn resources() -> LinuxResources {
        LinuxResources {
            memory: Some(Memory {
                limit: Some(64 << 20),
                swap: Some(-1),
                ..Memory::default()
            }),
            cpu: Some(Cpu {
                quota: Some(12_345),
                period: Some(100_000),
                cpus: Some("0-1,9".to_owned()),
                ..Cpu::default()
            }),
            pids: Some(Pids { limit: Some(20) }),
            unified: [("memory.high".to_owned(), "max".to_owned())].into(),
            ..LinuxResources::default()
        }
    }

    #[test]
    fn limits_have_their_names_in_systemd() {
        let properties: BTreeMap<_, _> = of_resources(&resources(), 252, true, "max 100000")
            .unwrap()
            .into_iter()
            .collect();
        let mask = Value::Array("y".into(), vec![Value::Byte(3), Value::Byte(2)]);
        let expected = [
            ("AllowedCPUs", mask),
            ("CPUQuotaPerSecUSec", Value::U64(130_000)),
            ("CPUQuotaPeriodUSec", Value::U64(100_000)),
            ("MemoryHigh", Value::U64(u64::MAX)),
            ("MemoryMax", Value::U64(64 << 20)),
            ("MemorySwapMax", Value::U64(u64::MAX)),
            ("TasksMax", Value::U64(20)),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(properties, BTreeMap::from(expected));
        let old = of_resources(&resources(), 239, true, "max 100000").unwrap();
        let is_new = |name: &str| name == "AllowedCPUs" || name == "CPUQuotaPeriodUSec";
        assert!(!old.iter().any(|(name, _)| is_new(name)));
    }

    #[test]
    fn annotations_become_properties() {
        let of = |key: &str, value: &str| {
            let key = format!("{PREFIX}{key}");
            of_annotations(&[(key, value.to_owned())].into())
        };
        let one = |name: &str, value| vec![(name.to_owned(), value)];
        assert_eq!(
            of("CollectMode", "'inactive'").unwrap(),
            one("CollectMode", Value::from("inactive"))
        );
        assert_eq!(
            of("TimeoutStopSec", "uint32 2").unwrap(),
            one("TimeoutStopUSec", Value::U64(2_000_000))
        );
        assert_eq!(
            of("TimeoutStopUSec", "uint64 5").unwrap(),
            one("TimeoutStopUSec", Value::U64(5))
        );
        for (key, value) in [
            ("X", "1"),
            ("A.B", "1"),
            ("TasksMax", "x"),
            ("StopSec", "'a'"),
        ] {
            assert!(of(key, value).is_err(), "{key} {value}");
        }
    }
}
