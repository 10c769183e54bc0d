//! `wharf info`: what this machine can do, and what would have to be installed for more.

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;

/// Show what this machine can do
#[derive(Debug, clap::Parser)]
#[command(name = "info")]
pub(crate) struct Args {
    /// json
    #[arg(short, long, value_name = "FORMAT", value_parser = crate::output::format)]
    format: Option<crate::output::Format>,
}

/// Runs the verb.
pub(crate) fn info(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let info = engine.info()?;
    let (running, paused, stopped) = info.containers;
    let rootless = engine.host().uid != 0;
    let lines = [
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Containers", (running + paused + stopped).to_string()),
        ("  Running", running.to_string()),
        ("  Paused", paused.to_string()),
        ("  Stopped", stopped.to_string()),
        ("Images", info.images.to_string()),
        ("Data root", context.data_root.display().to_string()),
        ("Run root", context.run_root.display().to_string()),
        ("Kernel", info.kernel.clone()),
        ("Name", info.machine.0.clone()),
        ("Architecture", info.machine.1.clone()),
        ("Cgroup hierarchy", info.cgroup.to_owned()),
        ("Cgroup manager", info.cgroup_manager.to_owned()),
        ("Limits", limits(info.has_cgroups)),
        ("Rootless", rootless.to_string()),
        ("User ids", ids(info.has_id_ranges)),
    ];
    if args.format == Some(crate::output::Format::Json) {
        let value = serde_json::json!({
            "Containers": running + paused + stopped,
            "ContainersRunning": running,
            "ContainersPaused": paused,
            "ContainersStopped": stopped,
            "Images": info.images,
            "DataRoot": context.data_root,
            "RunRoot": context.run_root,
            "KernelVersion": info.kernel,
            "Name": info.machine.0,
            "Architecture": info.machine.1,
            "CgroupHierarchy": info.cgroup,
            "CgroupManager": info.cgroup_manager,
            "HasLimits": info.has_cgroups,
            "Rootless": rootless,
            "HasIdRanges": info.has_id_ranges,
            "ServerVersion": env!("CARGO_PKG_VERSION"),
        });
        output::print(&format!("{value}\n"));
        return Ok(0);
    }
    let text: String = lines
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    output::print(&text);
    Ok(0)
}

fn limits(has_cgroups: bool) -> String {
    match has_cgroups {
        true => "memory, cpu, pids".to_owned(),
        false => "none: making cgroups needs root, or the user's systemd".to_owned(),
    }
}

fn ids(has_ranges: bool) -> String {
    match has_ranges {
        true => "65536 for each container, none shared".to_owned(),
        false => "1 (you are root inside; other users do not exist there)".to_owned(),
    }
}
