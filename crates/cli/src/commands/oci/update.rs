//! `oci update`: other limits for a container that stands.

use std::io::Read;
use std::path::PathBuf;

use ::spec::runtime::{BlockIo, Cpu, LinuxResources, Memory, Pids};

use super::global::Global;
use super::main::Failure;
use crate::flags::size::bytes_or_unlimited;

/// Change the limits of a container.
#[derive(Debug, clap::Parser)]
#[command(name = "update")]
pub(super) struct Args {
    /// File with the limits as in config.json's linux.resources; - is standard input. Other options
    /// are ignored then
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,
    /// Share of the block devices' time, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,
    /// Period of the CPU quota, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// CPU time in a period, in microseconds; -1 for no limit
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,
    /// Unused CPU time that may be added, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_burst: Option<u64>,
    /// Share of the CPUs among groups
    #[arg(long, value_name = "SHARES")]
    cpu_share: Option<u64>,
    /// Period of the realtime quota, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<u64>,
    /// Realtime in a period, in microseconds
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    cpu_rt_runtime: Option<i64>,
    /// CPUs, as 0-3,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Memory nodes, as 0-1
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// 1 runs the container only when nothing else wants to run
    #[arg(long, value_name = "0|1")]
    cpu_idle: Option<i64>,
    /// Ignored, as the kernel has no such limit any more
    #[arg(long, hide = true)]
    kernel_memory: Option<String>,
    /// Ignored, as the kernel has no such limit any more
    #[arg(long, hide = true)]
    kernel_memory_tcp: Option<String>,
    /// Memory in bytes, or with k, m, g; -1 for no limit
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true,
          value_parser = bytes_or_unlimited)]
    memory: Option<i64>,
    /// Memory that the container may keep when memory is short
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true,
          value_parser = bytes_or_unlimited)]
    memory_reservation: Option<i64>,
    /// Memory and swap together; -1 for no limit
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true,
          value_parser = bytes_or_unlimited)]
    memory_swap: Option<i64>,
    /// How many tasks there may be; -1 for no limit
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    /// Schema of the L3 cache (Intel RDT)
    #[arg(long, value_name = "SCHEMA")]
    l3_cache_schema: Option<String>,
    /// Schema of the memory bandwidth (Intel RDT)
    #[arg(long, value_name = "SCHEMA")]
    mem_bw_schema: Option<String>,
    /// The container
    id: String,
}

pub(super) fn update(global: &Global, args: &Args) -> Result<i32, Failure> {
    if args.l3_cache_schema.is_some() || args.mem_bw_schema.is_some() {
        let message = "changing the Intel RDT schemata of a container is not supported".to_owned();
        return Err(Failure::usage(message));
    }
    let resources = match &args.resources {
        Some(path) => read(path)?,
        None => of_flags(args),
    };
    let kernel_memory = resources.memory.as_ref().is_some_and(|memory| {
        [memory.kernel, memory.kernel_tcp]
            .iter()
            .flatten()
            .any(|limit| *limit != 0)
    });
    if kernel_memory || args.kernel_memory.is_some() || args.kernel_memory_tcp.is_some() {
        crate::output::warning("limits of kernel memory are ignored: the kernel has none any more");
    }
    runtime::update(&global.root, &args.id, &resources)?;
    Ok(0)
}

fn read(path: &PathBuf) -> Result<LinuxResources, Failure> {
    let wrong = |why: String| Failure::usage(format!("reading {}: {why}", path.display()));
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|found| bytes = found)
    };
    read.map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
}

fn of_flags(args: &Args) -> LinuxResources {
    LinuxResources {
        memory: Some(Memory {
            limit: args.memory,
            reservation: args.memory_reservation,
            swap: args.memory_swap,
            ..Memory::default()
        }),
        cpu: Some(Cpu {
            shares: args.cpu_share,
            quota: args.cpu_quota,
            burst: args.cpu_burst,
            period: args.cpu_period,
            realtime_runtime: args.cpu_rt_runtime,
            realtime_period: args.cpu_rt_period,
            cpus: args.cpuset_cpus.clone(),
            mems: args.cpuset_mems.clone(),
            idle: args.cpu_idle,
        }),
        pids: args.pids_limit.map(|limit| Pids { limit: Some(limit) }),
        block_io: args.blkio_weight.map(|weight| BlockIo {
            weight: Some(weight),
            ..BlockIo::default()
        }),
        ..LinuxResources::default()
    }
}
