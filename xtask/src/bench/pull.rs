//! Pulling and unpacking a real image: the time, the processors' time with the daemons', the
//! memory and the room on the disk; beside the floor, which only decompresses, digests and writes.

mod disk;
mod image;
mod puller;
mod registry;
mod usage;

use super::report::Table;
use super::stage::Stage;
use disk::Disk;
use image::{CODECS, Codec};
use puller::{Puller, pullers};
use registry::Registry;
use usage::Usage;

/// For `--case`.
pub(super) const NAME: &str = "pull";

/// Rounds that count; one more comes first.
const ROUNDS: usize = 5;

const WHARF: &str = "wharf";
const FLOOR: &str = "floor";

/// The budget: of the fastest peer's time, and of the floor's processor time.
const MOST_TIME: f64 = 0.5;
const MOST_PROCESSOR: f64 = 1.2;

/// What was measured of one engine.
struct Measured {
    name: &'static str,
    /// A round each, or why there is nothing.
    rounds: Result<Vec<Usage>, String>,
}

/// Measures both codecs; a table each.
pub(super) fn tables(stage: &Stage, rounds: Option<usize>) -> Vec<Table> {
    let registry = Registry::start(stage);
    let table = |codec: &Codec| match &registry {
        Ok(registry) => of_codec(stage, registry, codec, rounds.unwrap_or(ROUNDS)),
        Err(why) => table(codec, &[], why),
    };
    CODECS.iter().map(table).collect()
}

fn of_codec(stage: &Stage, registry: &Registry, codec: &Codec, rounds: usize) -> Table {
    let mut all: Vec<Measured> = pullers()
        .iter()
        .map(|puller| Measured {
            name: puller.name,
            rounds: Ok(Vec::new()),
        })
        .collect();
    for round in 0..=rounds {
        for (puller, measured) in pullers().iter().zip(&mut all) {
            let Ok(so_far) = &mut measured.rounds else {
                continue;
            };
            match once(stage, registry, codec, puller) {
                // The first one warms the registry's files up.
                Ok(usage) if round > 0 => so_far.push(usage),
                Ok(_) => {}
                Err(why) => measured.rounds = Err(format!("fails: {why}")),
            }
        }
    }
    table(codec, &all, &registry.about())
}

/// One pull onto an empty disk.
fn once(
    stage: &Stage,
    registry: &Registry,
    codec: &Codec,
    puller: &Puller,
) -> Result<Usage, String> {
    let disk = Disk::new(&stage.state("disk"))?;
    let ready = (puller.ready)(stage, disk.path(), registry, codec)?;
    let before = disk.used()?;
    let mut usage = usage::measure(stage, &ready.command, &ready.daemons)?;
    drop(ready);
    usage.disk = disk.used()?.saturating_sub(before);
    Ok(usage)
}

fn table(codec: &Codec, all: &[Measured], about: &str) -> Table {
    let floor = processor_of(all, FLOOR);
    let row = |measured: &Measured| match &measured.rounds {
        Err(why) => [measured.name, why, "", "", "", "", ""]
            .map(str::to_owned)
            .to_vec(),
        Ok(rounds) => {
            let of = |value: fn(&Usage) -> f64| median(rounds.iter().map(value).collect());
            let processor = of(|usage| usage.processor);
            vec![
                measured.name.to_owned(),
                format!("{:.0}", of(|usage| usage.wall)),
                format!("{:.0}", processor),
                floor.map_or_else(String::new, |floor| format!("{:.2}", processor / floor)),
                format!("{:.0}", of(|usage| usage.memory as f64 / 1024.0)),
                format!("{:.0}", of(|usage| usage.disk as f64 / 1048576.0)),
            ]
        }
    };
    Table {
        title: format!("Pull and unpack, {}", codec.name),
        about: about.to_owned(),
        head: [
            "",
            "median, ms",
            "cpu, ms",
            "cpu × floor",
            "memory, MiB",
            "disk, MiB",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: all.iter().map(row).collect(),
        verdicts: verdicts(all),
    }
}

fn verdicts(all: &[Measured]) -> Vec<String> {
    let mut said = Vec::new();
    let wall = |measured: &Measured| {
        let rounds = measured.rounds.as_ref().ok()?;
        Some(median(rounds.iter().map(|usage| usage.wall).collect()))
    };
    let peers = all.iter().filter(|m| m.name != WHARF && m.name != FLOOR);
    let fastest = peers
        .filter_map(|peer| Some((wall(peer)?, peer.name)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let own = all.iter().find(|m| m.name == WHARF).and_then(wall);
    if let (Some(own), Some((time, name))) = (own, fastest) {
        said.push(verdict("time", MOST_TIME, own / time, name));
    }
    if let (Some(own), Some(floor)) = (processor_of(all, WHARF), processor_of(all, FLOOR)) {
        said.push(verdict("cpu", MOST_PROCESSOR, own / floor, FLOOR));
    }
    said
}

fn verdict(what: &str, limit: f64, ratio: f64, other: &str) -> String {
    let holds = if ratio <= limit {
        "holds"
    } else {
        "is exceeded"
    };
    format!("wharf, {what}: at most {limit} × {other}: {ratio:.3}, {holds}")
}

fn processor_of(all: &[Measured], name: &str) -> Option<f64> {
    let rounds = all.iter().find(|m| m.name == name)?.rounds.as_ref().ok()?;
    Some(median(rounds.iter().map(|usage| usage.processor).collect()))
}

/// 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
