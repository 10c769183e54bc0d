//! The rules for `linux.resources`: values that no kernel takes. What this kernel offers is found out
//! by the runtime.

use std::collections::BTreeSet;

use super::super::{BlockIo, Cpu, LinuxResources, Memory};
use super::ensure;
use crate::Error;

pub(super) fn check_resources(resources: &LinuxResources) -> Result<(), Error> {
    for (index, rule) in resources.devices.iter().enumerate() {
        let key = format!("linux.resources.devices[{index}]");
        let kind = rule.kind.as_deref().unwrap_or("a");
        let why = format!("is {kind:?}; expected a, b or c");
        ensure(
            ["a", "b", "c"].contains(&kind),
            &format!("{key}.type"),
            &why,
        )?;
        let access = rule.access.as_deref().unwrap_or("rwm");
        let why = format!("is {access:?}; expected some of r, w and m");
        let known = access.chars().all(|letter| "rwm".contains(letter));
        ensure(known, &format!("{key}.access"), &why)?;
    }
    resources.memory.as_ref().map_or(Ok(()), check_memory)?;
    resources.cpu.as_ref().map_or(Ok(()), check_cpu)?;
    resources.block_io.as_ref().map_or(Ok(()), check_block_io)?;
    let mut seen = BTreeSet::new();
    for (index, limit) in resources.hugepage_limits.iter().enumerate() {
        let key = format!("linux.resources.hugepageLimits[{index}].pageSize");
        let size = limit.page_size.as_str();
        let why = format!("is {size:?}; expected a size such as 64KB, 2MB or 1GB");
        ensure(is_page_size(size), &key, &why)?;
        let why = format!("limits pages of {size} a second time");
        ensure(seen.insert(size), &key, &why)?;
    }
    for file in resources.unified.keys() {
        let key = format!("linux.resources.unified.{file}");
        let why = "is no name of a cgroup file";
        ensure(file.contains('.') && !file.contains('/'), &key, why)?;
    }
    Ok(())
}

fn check_memory(memory: &Memory) -> Result<(), Error> {
    let limits = [
        ("limit", memory.limit),
        ("reservation", memory.reservation),
        ("swap", memory.swap),
        ("kernelTCP", memory.kernel_tcp),
    ];
    for (key, limit) in limits {
        let key = format!("linux.resources.memory.{key}");
        let why = "is less than -1, which is no limit";
        ensure(limit.is_none_or(|limit| limit >= -1), &key, why)?;
    }
    let swappiness = memory.swappiness.unwrap_or_default();
    let key = "linux.resources.memory.swappiness";
    ensure(swappiness <= 200, key, "is more than 200")
}

fn check_cpu(cpu: &Cpu) -> Result<(), Error> {
    let key = "linux.resources.cpu.idle";
    let idle = cpu.idle.unwrap_or_default();
    ensure([0, 1].contains(&idle), key, "must be 0 or 1")
}

/// A weight of zero asks for none, as Docker has it.
fn check_block_io(io: &BlockIo) -> Result<(), Error> {
    let devices = io.weight_device.iter();
    let of_devices = devices.flat_map(|device| [device.weight, device.leaf_weight]);
    let weights = [io.weight, io.leaf_weight].into_iter().chain(of_devices);
    for weight in weights.flatten() {
        let why = format!("has the weight {weight}, which is not between 10 and 1000");
        let fits = weight == 0 || (10..=1000).contains(&weight);
        ensure(fits, "linux.resources.blockIO", &why)?;
    }
    Ok(())
}

fn is_page_size(size: &str) -> bool {
    let digits = size
        .strip_suffix("KB")
        .or_else(|| size.strip_suffix("MB"))
        .or_else(|| size.strip_suffix("GB"));
    digits.is_some_and(|digits| {
        digits.parse::<u32>().is_ok_and(|number| number > 0) && !digits.starts_with('0')
    })
}
