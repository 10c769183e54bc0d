//! What containers cost in memory: beside an idle one's own processes, the private dirty pages of
//! whatever process stands over it; and the most that `create` has while it works.

use std::fs;

use super::engines::{self, Engine};
use super::report::Table;
use super::stage::Stage;
use super::subject::{CommandLine, ID, Work, container_name};

/// For `--case`.
pub(super) const NAME: &str = "memory";

/// The budget of an idle container, in KiB.
const LIMIT: u64 = 256;

/// The budget of `create`, in KiB.
const CREATE_LIMIT: u64 = 3072;

/// How often `create` is measured.
const CREATIONS: usize = 5;

/// Starts one idle container with each engine and reads what its supervisor has.
pub(super) fn of_idle_containers(stage: &Stage) -> Table {
    let wharf = supervised(Ok(engines::wharf(stage)), "__monitor");
    let podman = supervised(stage.podman(), "conmon");
    let docker = supervised(stage.docker(), "containerd-shim");
    let verdict = verdict("wharf", &wharf, LIMIT);
    Table {
        title: "Memory of an idle container".to_owned(),
        about: "Private dirty memory of the process that stands over a container with `sleep` in \
                it; the container's own processes are not counted."
            .to_owned(),
        head: ["", "private dirty, KiB"].map(str::to_owned).to_vec(),
        rows: vec![
            row("wharf (monitor)", wharf),
            row("podman (conmon)", podman),
            row("docker (containerd-shim)", docker),
        ],
        verdicts: verdict.into_iter().collect(),
    }
}

/// Creates containers behind Docker's filter of system calls and asks time(1) what it took.
pub(super) fn of_create(stage: &Stage) -> Table {
    let wharf = peak(stage, Ok(engines::wharf_oci(stage)));
    let verdict = verdict("wharf oci", &wharf, CREATE_LIMIT);
    let peer = |name| row(name, peak(stage, engines::oci_runtime(stage, name)));
    Table {
        title: "Memory of create".to_owned(),
        about: "The most resident memory of any process of `create` of the bundle behind Docker's \
                filter of system calls, as time(1) has it: the highest of five."
            .to_owned(),
        head: ["", "peak, KiB"].map(str::to_owned).to_vec(),
        rows: vec![row("wharf oci", wharf), peer("crun"), peer("runc")],
        verdicts: verdict.into_iter().collect(),
    }
}

fn peak(stage: &Stage, runtime: Result<CommandLine, String>) -> Result<u64, String> {
    let runtime = runtime?;
    let report = stage.state("peak");
    let time = stage.peer("time")?.and(["--format=%M", "--output"]);
    let create = time
        .and([&report])
        .then(&runtime)
        .and(["create", "--bundle"]);
    let create = create.and([stage.filtered_bundle()?]).and([ID]);
    let work = Work::of(create).after(runtime.and(["delete", "--force", ID]));
    let mut highest = 0;
    for _ in 0..CREATIONS {
        work.time()?;
        let text = fs::read_to_string(&report).map_err(|error| error.to_string())?;
        let peak = text
            .trim()
            .parse()
            .map_err(|_| format!("time says {text:?}"))?;
        highest = highest.max(peak);
    }
    Ok(highest)
}

fn row(name: &str, memory: Result<u64, String>) -> Vec<String> {
    let cell = memory.map_or_else(|why| why, |kib| kib.to_string());
    vec![name.to_owned(), cell]
}

fn verdict(name: &str, memory: &Result<u64, String>, limit: u64) -> Option<String> {
    let kib = *memory.as_ref().ok()?;
    let holds = if kib <= limit { "holds" } else { "is exceeded" };
    Some(format!("{name}: at most {limit} KiB: {kib}, {holds}"))
}

/// The private dirty KiB of the new processes named `word`, once `engine` has
/// started an idle container.
fn supervised(engine: Result<Engine, String>, word: &str) -> Result<u64, String> {
    let engine = engine?;
    let before = processes_with(word);
    let _running = engine.start(&container_name("idle"))?;
    let mut after = processes_with(word);
    after.retain(|pid| !before.contains(pid));
    match after.as_slice() {
        [] => Err(format!("no process with '{word}' is there")),
        pids => pids.iter().map(|pid| private_dirty(*pid)).sum(),
    }
}

fn processes_with(word: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").ok().into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // The first words only: a word in an argument of something else is no match.
        let words = command.split(|byte| *byte == 0).take(2);
        words.map(String::from_utf8_lossy).any(|text| {
            text.rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with(word))
        })
    })
    .collect()
}

fn private_dirty(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    parse_private_dirty(&text).ok_or_else(|| format!("{path} says nothing of private memory"))
}

fn parse_private_dirty(rollup: &str) -> Option<u64> {
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_memory_is_read_from_the_rollup() {
        let text = "400000-7fff rollup\nRss: 900 kB\nPrivate_Dirty:       124 kB\n";
        assert_eq!(parse_private_dirty(text), Some(124));
        assert_eq!(parse_private_dirty("Rss: 900 kB\n"), None);
    }

    #[test]
    fn the_own_process_is_found_by_its_name() {
        let program = std::env::current_exe().unwrap();
        let name = program.file_name().unwrap().to_str().unwrap();
        assert!(processes_with(name).contains(&std::process::id()));
    }
}
