//! The life of a container beside Docker and Podman: what users wait for, and what many containers
//! and much output cost.

use std::fs;
use std::time::{Duration, Instant};

use super::engines::{self, Engine};
use super::report::Table;
use super::stage::Stage;
use super::subject::{CommandLine, ID, Running, Subject, Work, container_name};

/// For `--case`.
pub(super) const NAME: &str = "thousand";

/// How many containers stand beside each other.
const HUNDRED: usize = 100;
const THOUSAND: usize = 1000;

/// Of how many containers a time is the median, in the table of a thousand.
const SAMPLE: usize = 10;

/// The budget of `ps` with a thousand containers, in milliseconds.
const PS_LIMIT: f64 = 30.0;

/// A program that ends when it is asked to.
const OBEDIENT: &str = "trap 'exit 0' TERM; sleep 100000 & wait";

/// A piece of work of every engine.
fn of_each(stage: &Stage, work: impl Fn(&Engine) -> Result<Work, String>) -> Vec<Subject> {
    let subject = |name, engine: Result<Engine, String>| {
        Subject::of_work(name, engine.and_then(|engine| work(&engine)))
    };
    vec![
        subject("wharf", Ok(engines::wharf(stage))),
        subject("podman", stage.podman()),
        subject("docker", stage.docker()),
    ]
}

/// A command of every engine beside something that is there as long.
fn beside<T: 'static>(
    stage: &Stage,
    prepare: impl Fn(&Engine) -> Result<(CommandLine, T), String>,
) -> Vec<Subject> {
    let subject = |name, engine: Result<Engine, String>| {
        Subject::in_container(name, engine.and_then(|engine| prepare(&engine)))
    };
    vec![
        subject("wharf", Ok(engines::wharf(stage))),
        subject("podman", stage.podman()),
        subject("docker", stage.docker()),
    ]
}

fn detached(engine: &Engine) -> CommandLine {
    let run = engine.run().and(["--detach", "--name", ID]);
    run.and([engine.image(), "sh", "-c", OBEDIENT])
}

fn remove(engine: &Engine) -> CommandLine {
    engine.verb(["rm", "--force", ID])
}

pub(super) fn run_detached(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |engine| {
        Ok(Work::of(detached(engine)).after(remove(engine)))
    })
}

pub(super) fn stop(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |engine| {
        let stop = Work::of(engine.verb(["stop", ID]));
        Ok(stop.before(detached(engine)).after(remove(engine)))
    })
}

pub(super) fn rm(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |engine| {
        Ok(Work::of(remove(engine)).before(detached(engine)))
    })
}

pub(super) fn ps(stage: &Stage) -> Vec<Subject> {
    beside(stage, |engine| {
        let name = |number| container_name(&format!("ps-{number}"));
        let all: Result<Vec<Running>, _> = (0..HUNDRED)
            .map(|number| engine.start(&name(number)))
            .collect();
        Ok((engine.verb(["ps"]), all?))
    })
}

/// 100 MB in lines of 64 bytes.
const LINES: &str = "yes 012345678901234567890123456789012345678901234567890123456789012 | \
    head -c 100000000";

pub(super) fn logs(stage: &Stage) -> Vec<Subject> {
    beside(stage, |engine| {
        let name = container_name("logs");
        let run = engine.run().and(["--log-opt", "max-size=1g", "--name"]);
        let run = run.and([&name]).and([engine.image(), "sh", "-c", LINES]);
        let written = run.start(engine.verb(["rm", "--force", &name]))?;
        Ok((engine.verb(["logs", &name]), written))
    })
}

/// A gigabyte in the same lines.
const MANY_LINES: &str = "yes 012345678901234567890123456789012345678901234567890123456789012 | \
    head -c 1000000000";

pub(super) fn log_throughput(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |engine| {
        let run = engine.run().and(["--rm", "--log-opt", "max-size=10m"]);
        Ok(Work::of(run.and([engine.image(), "sh", "-c", MANY_LINES])))
    })
}

/// How many files are copied, of how many bytes.
const FILES: usize = 10_000;
const SIZE: usize = 1024;

pub(super) fn cp(stage: &Stage) -> Vec<Subject> {
    let files = files(stage);
    beside(stage, |engine| {
        let name = container_name("cp");
        let running = engine.start(&name)?;
        let copy = engine.verb(["cp"]).and([files.clone()?]);
        Ok((copy.and([format!("{name}:/tmp/{ID}")]), running))
    })
}

fn files(stage: &Stage) -> Result<std::path::PathBuf, String> {
    let directory = stage.state("files");
    let write = || {
        fs::create_dir_all(&directory)?;
        (0..FILES).try_for_each(|n| fs::write(directory.join(n.to_string()), [b'x'; SIZE]))
    };
    write().map_err(|error: std::io::Error| format!("{}: {error}", directory.display()))?;
    Ok(directory)
}

/// A thousand containers of wharf on one machine.
pub(super) fn of_a_thousand(stage: &Stage) -> Table {
    let measured = thousand(&engines::wharf(stage));
    let limit = |times: &Thousand| {
        let holds = if times.ps <= PS_LIMIT {
            "holds"
        } else {
            "is exceeded"
        };
        format!(
            "ps of {THOUSAND}: at most {PS_LIMIT} ms: {:.1}, {holds}",
            times.ps
        )
    };
    let verdicts = measured.as_ref().map(limit).into_iter().collect();
    let rows = match measured {
        Err(why) => vec![row("wharf", why)],
        Ok(times) => vec![
            row("the first ten", format!("{:.1}", times.first)),
            row("the last ten", format!("{:.1}", times.last)),
            row("`ps` beside them", format!("{:.1}", times.ps)),
            row("`rm -f` of one of them", format!("{:.1}", times.rm)),
        ],
    };
    Table {
        title: format!("{THOUSAND} containers"),
        about: format!(
            "`run -d` of one container after the other with wharf, until there are {THOUSAND}; \
             medians of ten."
        ),
        head: ["", "median, ms"].map(str::to_owned).to_vec(),
        rows,
        verdicts,
    }
}

fn row(name: &str, cell: String) -> Vec<String> {
    vec![name.to_owned(), cell]
}

/// In milliseconds.
struct Thousand {
    first: f64,
    last: f64,
    ps: f64,
    rm: f64,
}

fn thousand(engine: &Engine) -> Result<Thousand, String> {
    let name = |number| container_name(&format!("many-{number}"));
    let end = |number| engine.verb(["rm", "--force", &name(number)]);
    let mut all = Vec::with_capacity(THOUSAND);
    let mut times = Vec::with_capacity(THOUSAND);
    for number in 0..THOUSAND {
        let start = engine.run().and(["--detach", "--name", &name(number)]);
        let start = start.and([engine.image(), "sleep", "100000"]);
        let (running, time) = start.start_timed(end(number))?;
        all.push(running);
        times.push(time);
    }
    let ps = (0..SAMPLE).map(|_| engine.verb(["ps"]).time());
    let ps = ps.collect::<Result<Vec<_>, _>>()?;
    let rm = (0..SAMPLE).map(|_| {
        let started = Instant::now();
        drop(all.pop());
        started.elapsed()
    });
    let rm: Vec<_> = rm.collect();
    Ok(Thousand {
        first: median(&times[..SAMPLE]),
        last: median(&times[THOUSAND - SAMPLE..]),
        ps: median(&ps),
        rm: median(&rm),
    })
}

fn median(times: &[Duration]) -> f64 {
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
