//! What an idle container costs in memory beside its own processes: the private dirty pages of
//! whatever process stands over it.

use std::fs;

use super::engines::{self, Engine};
use super::report::Table;
use super::stage::Stage;
use super::subject::container_name;

/// For `--case`.
pub(super) const NAME: &str = "memory";

/// The budget, in KiB.
const LIMIT: u64 = 256;

/// Starts one idle container with each engine and reads what its supervisor has.
pub(super) fn measure(stage: &Stage) -> Table {
    let wharf = supervised(Ok(engines::wharf(stage)), "__monitor");
    let podman = supervised(stage.podman(), "conmon");
    let docker = supervised(stage.docker(), "containerd-shim");
    let verdict = wharf.as_ref().ok().map(|kib| {
        let holds = if *kib <= LIMIT {
            "holds"
        } else {
            "is exceeded"
        };
        format!("wharf: at most {LIMIT} KiB: {kib}, {holds}")
    });
    let row = |name: &str, memory: Result<u64, String>| {
        let cell = memory.map_or_else(|why| why, |kib| kib.to_string());
        vec![name.to_owned(), cell]
    };
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
