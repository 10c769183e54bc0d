//! The flags that limit what a container uses, shared by `run`, `create` and `update`.

use std::path::PathBuf;

use engine::{BlockLimit, BlockLimitKind, Rate, Rates, Resources};

use super::{number, size};

/// Docker's limits.
#[derive(Debug, clap::Args)]
pub(crate) struct LimitFlags {
    /// Limit its memory
    #[arg(short, long, value_name = "BYTES", value_parser = size::bytes)]
    memory: Option<i64>,
    /// Memory that it keeps when memory is short
    #[arg(long, value_name = "BYTES", value_parser = size::bytes)]
    memory_reservation: Option<i64>,
    /// Limit memory and swap together; -1 is unlimited swap
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true,
          value_parser = size::bytes_or_unlimited)]
    memory_swap: Option<i64>,
    /// Limit its processors
    #[arg(long, value_name = "NUMBER", value_parser = size::cpus)]
    cpus: Option<i64>,
    /// Its share of the processors among others; 1024 is what everybody has
    #[arg(short, long, value_name = "SHARES", value_parser = number::count::<u64>)]
    cpu_shares: Option<u64>,
    /// Microseconds in which --cpu-quota is counted
    #[arg(long, value_name = "MICROSECONDS", value_parser = number::count::<u64>)]
    cpu_period: Option<u64>,
    /// Microseconds of processor time in a period
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true,
          value_parser = number::whole)]
    cpu_quota: Option<i64>,
    /// Microseconds in which --cpu-rt-runtime is counted
    #[arg(long, value_name = "MICROSECONDS", value_parser = number::count::<u64>)]
    cpu_rt_period: Option<u64>,
    /// Microseconds of real-time in a period
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true,
          value_parser = number::whole)]
    cpu_rt_runtime: Option<i64>,
    /// Its processors, as 0-2,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Its memory nodes, as 0,1
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Its share of block devices' time, 10 to 1000
    #[arg(long, value_name = "WEIGHT", value_parser = number::count::<u16>)]
    blkio_weight: Option<u16>,
    /// Limit its processes; -1 is unlimited
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = number::whole)]
    pids_limit: Option<i64>,
    /// How fast it receives and sends on each of its networks, as 10mbit, 1gbit:256k with the bytes
    /// that go at once, or unlimited
    #[arg(long, value_name = "RATE[:BURST]")]
    network_rate: Option<Rate>,
    /// How fast it receives
    #[arg(long, value_name = "RATE[:BURST]")]
    network_rate_in: Option<Rate>,
    /// How fast it sends
    #[arg(long, value_name = "RATE[:BURST]")]
    network_rate_out: Option<Rate>,
}

/// Limits that only a new container gets.
#[derive(Debug, clap::Args)]
pub(crate) struct FirstLimitFlags {
    /// How readily its memory is swapped, 0 to 100; -1 leaves it alone
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = swappiness)]
    memory_swappiness: Option<Option<u64>>,
    /// Let it wait for memory instead of being killed
    #[arg(long)]
    oom_kill_disable: bool,
    /// Its share of one block device's time, DEVICE:WEIGHT
    #[arg(long, value_name = "DEVICE:WEIGHT", value_parser = weight)]
    blkio_weight_device: Vec<BlockLimit>,
    /// Bytes that it reads from a device in a second, DEVICE:BYTES
    #[arg(long, value_name = "DEVICE:BYTES", value_parser = read_bytes)]
    device_read_bps: Vec<BlockLimit>,
    /// Bytes that it writes to a device in a second, DEVICE:BYTES
    #[arg(long, value_name = "DEVICE:BYTES", value_parser = write_bytes)]
    device_write_bps: Vec<BlockLimit>,
    /// Reads from a device in a second, DEVICE:NUMBER
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = reads)]
    device_read_iops: Vec<BlockLimit>,
    /// Writes to a device in a second, DEVICE:NUMBER
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = writes)]
    device_write_iops: Vec<BlockLimit>,
    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES", value_parser = size::bytes)]
    shm_size: Option<i64>,
}

impl LimitFlags {
    /// The limits; `first` are those of a new container.
    pub(crate) fn resources(self, first: Option<FirstLimitFlags>) -> Resources {
        let mut resources = Resources {
            memory: self.memory.filter(|bytes| *bytes != 0),
            memory_swap: self.memory_swap,
            memory_reservation: self.memory_reservation.filter(|bytes| *bytes != 0),
            nano_cpus: self.cpus,
            cpu_shares: self.cpu_shares,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpu_rt_period: self.cpu_rt_period,
            cpu_rt_runtime: self.cpu_rt_runtime,
            cpuset_cpus: self.cpuset_cpus.filter(|list| !list.is_empty()),
            cpuset_mems: self.cpuset_mems.filter(|list| !list.is_empty()),
            blkio_weight: self.blkio_weight,
            pids: self.pids_limit,
            network: Rates {
                inward: self.network_rate_in.or(self.network_rate),
                outward: self.network_rate_out.or(self.network_rate),
            },
            ..Resources::default()
        };
        if let Some(first) = first {
            resources.memory_swappiness = first.memory_swappiness.flatten();
            resources.oom_kill_disable = first.oom_kill_disable;
            resources.shm_size = first.shm_size.filter(|bytes| *bytes != 0);
            resources.block_devices = [
                first.blkio_weight_device,
                first.device_read_bps,
                first.device_write_bps,
                first.device_read_iops,
                first.device_write_iops,
            ]
            .concat();
        }
        resources
    }
}

fn swappiness(text: &str) -> Result<Option<u64>, String> {
    match text {
        "-1" => Ok(None),
        _ => text
            .parse()
            .ok()
            .filter(|number| *number <= 100)
            .map(Some)
            .ok_or_else(|| format!("invalid swappiness {text:?}: expected -1 to 100")),
    }
}

fn limit(
    text: &str,
    kind: BlockLimitKind,
    value: impl Fn(&str) -> Option<u64>,
) -> Result<BlockLimit, String> {
    let wrong = || format!("invalid device limit {text:?}: expected /dev/NAME:NUMBER");
    let (device, number) = text.rsplit_once(':').ok_or_else(wrong)?;
    if !device.starts_with("/dev/") {
        return Err(wrong());
    }
    Ok(BlockLimit {
        device: PathBuf::from(device),
        kind,
        value: value(number).ok_or_else(wrong)?,
    })
}

fn bytes(text: &str) -> Option<u64> {
    size::bytes(text)
        .ok()
        .and_then(|bytes| u64::try_from(bytes).ok())
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn weight(text: &str) -> Result<BlockLimit, String> {
    let weight = |text: &str| number(text).filter(|weight| (10..=1000).contains(weight));
    limit(text, BlockLimitKind::Weight, weight)
}

fn read_bytes(text: &str) -> Result<BlockLimit, String> {
    limit(text, BlockLimitKind::ReadBytes, bytes)
}

fn write_bytes(text: &str) -> Result<BlockLimit, String> {
    limit(text, BlockLimitKind::WriteBytes, bytes)
}

fn reads(text: &str) -> Result<BlockLimit, String> {
    limit(text, BlockLimitKind::Reads, number)
}

fn writes(text: &str) -> Result<BlockLimit, String> {
    limit(text, BlockLimitKind::Writes, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_a_device_names_it_and_a_number() {
        let limit = read_bytes("/dev/vda:1m").unwrap();
        assert_eq!(
            (limit.device.to_str(), limit.value),
            (Some("/dev/vda"), 1 << 20)
        );
        for text in ["/dev/vda", "vda:1", "/dev/vda:x", "/dev/vda:-1"] {
            assert!(writes(text).unwrap_err().contains(text), "{text}");
        }
        assert!(weight("/dev/vda:9").is_err());
        assert_eq!(swappiness("-1"), Ok(None));
        assert!(swappiness("101").is_err());
    }
}
