//! What one pull took: its own process with all that it waited for, as time(1) has it, and what its
//! daemons took meanwhile.

use std::fs;
use std::time::Instant;

use super::super::stage::Stage;
use super::super::subject::CommandLine;

/// What a pull took.
pub(super) struct Usage {
    /// Milliseconds until the command was done.
    pub(super) wall: f64,
    /// Milliseconds of processors, in user and kernel mode.
    pub(super) processor: f64,
    /// The most resident memory, in KiB; the command's and the daemons' peaks are added up.
    pub(super) memory: u64,
    /// Bytes on the disk afterwards.
    pub(super) disk: u64,
}

/// Runs the command once.
pub(super) fn measure(
    stage: &Stage,
    command: &CommandLine,
    daemons: &[u32],
) -> Result<Usage, String> {
    let report = stage.state("usage");
    let time = stage.peer("time")?.and(["--format=%U %S %M", "--output"]);
    let timed = time.and([&report]).then(command);
    // The peak is that of what comes.
    for pid in daemons {
        fs::write(format!("/proc/{pid}/clear_refs"), "5").map_err(|error| error.to_string())?;
    }
    let before: f64 = daemons.iter().map(|pid| processor(*pid)).sum();
    let started = Instant::now();
    timed.time()?;
    let wall = started.elapsed().as_secs_f64() * 1000.0;
    let after: f64 = daemons.iter().map(|pid| processor(*pid)).sum();
    let text = fs::read_to_string(&report).map_err(|error| error.to_string())?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [user, system, peak] = numbers.as_slice() else {
        return Err(format!("time says {text:?}"));
    };
    let daemons_peak: u64 = daemons.iter().map(|pid| peak_of(*pid)).sum();
    Ok(Usage {
        wall,
        processor: (user + system) * 1000.0 + after - before,
        memory: format!("{peak}").parse().unwrap_or(0) + daemons_peak,
        disk: 0,
    })
}

/// What a process and the children that it waited for took so far, in milliseconds.
fn processor(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(4);
    let ticks: f64 = ticks.filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks * 1000.0 / rustix::param::clock_ticks_per_second() as f64
}

fn peak_of(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    kib.unwrap_or_default()
}
