//! The rules for `linux`, without resources.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::{IdMapping, IntelRdt, Linux, NamespaceType};
use super::ensure;
use crate::Error;

pub(super) fn check_linux(linux: &Linux) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (index, namespace) in linux.namespaces.iter().enumerate() {
        let key = format!("linux.namespaces[{index}]");
        let why = format!("names the {} namespace a second time", namespace.kind);
        ensure(seen.insert(namespace.kind), &key, &why)?;
        let absolute = namespace.path.as_deref().is_none_or(Path::is_absolute);
        ensure(absolute, &format!("{key}.path"), "must be an absolute path")?;
    }
    check_id_maps(linux)?;
    check_clocks(linux)?;
    for (index, device) in linux.devices.iter().enumerate() {
        let key = format!("linux.devices[{index}]");
        ensure(
            device.path.is_absolute(),
            &format!("{key}.path"),
            "must be an absolute path",
        )?;
        let known = ["c", "u", "b", "p"].contains(&device.kind.as_str());
        let why = format!("is {:?}; expected c, u, b or p", device.kind);
        ensure(known, &format!("{key}.type"), &why)?;
        let numbers = device.kind == "p"
            || (0..1 << 12).contains(&device.major) && (0..1 << 20).contains(&device.minor);
        let why = format!(
            "has the impossible number {}:{}",
            device.major, device.minor
        );
        ensure(numbers, &key, &why)?;
    }
    for (key, paths) in [
        ("linux.maskedPaths", &linux.masked_paths),
        ("linux.readonlyPaths", &linux.readonly_paths),
    ] {
        let absolute = paths.iter().all(|path| path.is_absolute());
        ensure(absolute, key, "must hold absolute paths only")?;
    }
    linux.intel_rdt.as_ref().map_or(Ok(()), check_intel_rdt)?;
    let resources = linux.resources.as_ref();
    resources.map_or(Ok(()), super::resources::check_resources)
}

fn check_intel_rdt(rdt: &IntelRdt) -> Result<(), Error> {
    if let Some(name) = rdt.clos_id.as_deref().filter(|name| *name != "/") {
        let reserved = [".", "..", "info", "mon_groups", "mon_data"].contains(&name);
        let why = format!("is {name:?}; expected / or the name of a group");
        let key = "linux.intelRdt.closID";
        ensure(!reserved && !name.contains('/'), key, &why)?;
    }
    let has_line = |text: &String| text.contains('\n');
    for (key, schema, start) in [
        ("l3CacheSchema", &rdt.l3_cache_schema, "L3"),
        ("memBwSchema", &rdt.mem_bw_schema, "MB:"),
    ] {
        let key = format!("linux.intelRdt.{key}");
        let schema = schema.as_ref();
        let why = format!("must start with {start}");
        ensure(schema.is_none_or(|s| s.starts_with(start)), &key, &why)?;
        ensure(!schema.is_some_and(has_line), &key, "must be one line")?;
    }
    let key = "linux.intelRdt.schemata";
    let lines = rdt.schemata.iter().any(has_line);
    ensure(!lines, key, "must hold one line in each string")
}

/// Id maps belong to a new user namespace, and a new one cannot do without.
fn check_id_maps(linux: &Linux) -> Result<(), Error> {
    let makes_user = linux.makes(NamespaceType::User);
    for (key, map) in [
        ("linux.uidMappings", &linux.uid_mappings),
        ("linux.gidMappings", &linux.gid_mappings),
    ] {
        if makes_user {
            ensure(
                !map.is_empty(),
                key,
                "must not be empty with a new user namespace",
            )?;
        } else if linux.namespace(NamespaceType::User).is_none() {
            ensure(map.is_empty(), key, "needs a new user namespace")?;
        }
        check_map(key, map)?;
    }
    Ok(())
}

pub(super) fn check_map(key: &str, map: &[IdMapping]) -> Result<(), Error> {
    for (index, line) in map.iter().enumerate() {
        let key = format!("{key}[{index}]");
        ensure(
            line.size > 0,
            &format!("{key}.size"),
            "must be greater than zero",
        )?;
        let fits = |first: u32| first.checked_add(line.size).is_some();
        let fit = fits(line.container_id) && fits(line.host_id);
        ensure(fit, &key, "reaches beyond the last id")?;
        let meets = |a: u32, b: u32, other: &IdMapping| {
            a < b.saturating_add(other.size) && b < a.saturating_add(line.size)
        };
        let before = map.iter().take(index);
        let overlaps = before.into_iter().any(|other| {
            meets(line.container_id, other.container_id, other)
                || meets(line.host_id, other.host_id, other)
        });
        ensure(!overlaps, &key, "overlaps with a line before it")?;
    }
    Ok(())
}

fn check_clocks(linux: &Linux) -> Result<(), Error> {
    for (clock, offset) in &linux.time_offsets {
        let key = format!("linux.timeOffsets.{clock}");
        let known = ["monotonic", "boottime"].contains(&clock.as_str());
        ensure(
            known,
            &key,
            "is no clock of a time namespace; expected monotonic or boottime",
        )?;
        ensure(
            offset.nanosecs < 1_000_000_000,
            &format!("{key}.nanosecs"),
            "is a second or more",
        )?;
    }
    let makes_time = linux.makes(NamespaceType::Time);
    let why = "needs a new time namespace";
    ensure(
        linux.time_offsets.is_empty() || makes_time,
        "linux.timeOffsets",
        why,
    )
}
