//! The pass in the small machine of `cargo xtask vm`, which has cgroup v2 and systemd: the tests
//! that need them, and those whose subject is another one there.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::RunDirectory;
use super::artifacts::{self, Artifacts, TestProgram};
use super::pass::lock;
use super::supervisor::SUPERVISE;
use super::tally::{Outcome, Tally};
use crate::vm::{self, Cgroups, Job, Machine, Parts};

/// Only here do they find what they need, so they belong to every run.
const OF_ITS_OWN: &[(&str, &str)] = &[
    ("wharf/it", "vm::"),
    ("wharf/it", "oci_checkpoint::"),
    ("wharf-runtime", "cgroup::devices::"),
];
/// What needs systemd over v1; it belongs to every run, and to a machine of its own.
const HYBRID: &[(&str, &str)] = &[("wharf/it", "vm::hybrid::")];
/// They pass on the host too, and are run here when everything is.
const AS_WELL: &[(&str, &str)] = &[
    ("wharf/it", "limits::"),
    ("wharf/it", "lifecycle::"),
    ("wharf/it", "oci::"),
    ("wharf/it", "rootless::"),
];

/// The machine has two processors.
const AT_ONCE: usize = 2;
/// More than a supervisor allows a test and what it leaves behind.
const DEADLINE: Duration = Duration::from_secs(180);
/// For all tests together.
const STAGE: Duration = Duration::from_secs(15 * 60);

struct Test<'a> {
    program: &'a TestProgram,
    name: String,
}

/// `cargo xtask vm --test FILTER`: this pass alone.
pub(crate) fn alone(filter: &str) -> Result<bool, String> {
    let directory = RunDirectory::make()?;
    let artifacts = artifacts::build(&directory.path.join("bin"))?;
    let mut tally = Tally::default();
    let tests = list(&artifacts, filter, &[OF_ITS_OWN, AS_WELL].concat(), HYBRID)?;
    run_tests(&artifacts, &tests, Cgroups::V2, &mut tally)?;
    let tests = list(&artifacts, filter, HYBRID, &[])?;
    run_tests(&artifacts, &tests, Cgroups::Hybrid, &mut tally)?;
    tally.report();
    Ok(tally.is_good())
}

/// The pass as a part of `cargo xtask test`.
pub(super) fn run(artifacts: &Artifacts, filter: &str, tally: &mut Tally) -> Result<(), String> {
    let wanted = match filter {
        "" => &[OF_ITS_OWN, AS_WELL].concat(),
        _ => OF_ITS_OWN,
    };
    let tests = list(artifacts, filter, wanted, HYBRID)?;
    run_tests(artifacts, &tests, Cgroups::V2, tally)?;
    let tests = list(artifacts, filter, HYBRID, &[])?;
    run_tests(artifacts, &tests, Cgroups::Hybrid, tally)
}

/// Boots the machine and runs the tests in it as root. Where it cannot be built, they are skipped
/// by name.
fn run_tests(
    artifacts: &Artifacts,
    tests: &[Test<'_>],
    cgroups: Cgroups,
    tally: &mut Tally,
) -> Result<(), String> {
    if tests.is_empty() {
        return Ok(());
    }
    let kind = cgroups.name();
    println!("tests in a machine with cgroup {kind} and systemd:");
    let parts = match Parts::prepare() {
        Ok(parts) => parts,
        Err(why) => {
            for test in tests {
                let reason = format!("there is no machine for it: {why}");
                tally.add(&test.full_name(), Outcome::Skipped(reason), Duration::ZERO);
            }
            return Ok(());
        }
    };
    let mut files: Vec<(PathBuf, &str)> = vec![(artifacts.wharf.clone(), "wharf")];
    for program in programs(tests) {
        files.push((program.program.clone(), file_name(program)));
    }
    let machine = parts.boot(&files, cgroups)?;
    run_all(&machine, cgroups, tests, tally)
}

/// The tests of the wanted programs and beginnings that the filter lets through, without those of
/// `others`.
fn list<'a>(
    artifacts: &'a Artifacts,
    filter: &str,
    wanted: &[(&str, &str)],
    others: &[(&str, &str)],
) -> Result<Vec<Test<'a>>, String> {
    let mut tests = Vec::new();
    for program in &artifacts.tests {
        let beginnings = beginnings(wanted, program);
        let others = self::beginnings(others, program);
        if beginnings.is_empty() {
            continue;
        }
        let names = program.tests(filter)?.into_iter();
        let begins = |name: &String, words: &[&str]| words.iter().any(|w| name.starts_with(w));
        let ours = names.filter(|name| begins(name, &beginnings) && !begins(name, &others));
        tests.extend(ours.map(|name| Test { program, name }));
    }
    Ok(tests)
}

fn beginnings<'a>(list: &[(&str, &'a str)], program: &TestProgram) -> Vec<&'a str> {
    let own = list.iter().filter(|(name, _)| *name == program.name);
    own.map(|(_, beginning)| *beginning).collect()
}

fn programs<'a>(tests: &[Test<'a>]) -> Vec<&'a TestProgram> {
    let mut programs: Vec<&TestProgram> = tests.iter().map(|test| test.program).collect();
    programs.dedup_by(|a, b| a.name == b.name);
    programs
}

fn file_name(program: &TestProgram) -> &str {
    let name = program.program.file_name().unwrap_or_default();
    name.to_str().unwrap_or("test")
}

fn run_all(
    machine: &Machine,
    cgroups: Cgroups,
    tests: &[Test<'_>],
    tally: &mut Tally,
) -> Result<(), String> {
    let end = Instant::now() + STAGE;
    let next = Mutex::new(tests.iter().enumerate());
    let tally = Mutex::new(tally);
    let broken = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, test)) = lock(&next).next() {
                    if lock(&broken).is_some() {
                        return;
                    }
                    let started = Instant::now();
                    let left = DEADLINE.min(end.saturating_duration_since(started));
                    match test.run(machine, cgroups, number, left) {
                        Ok(outcome) => {
                            lock(&tally).add(&test.full_name(), outcome, started.elapsed());
                        }
                        Err(problem) => {
                            lock(&broken).get_or_insert(problem);
                        }
                    }
                }
            });
        }
    });
    let broken = lock(&broken).take();
    broken.map_or(Ok(()), Err)
}

impl Test<'_> {
    fn full_name(&self) -> String {
        format!("{} {}", self.program.name, self.name)
    }

    /// Below a supervisor, as on the host.
    fn run(
        &self,
        machine: &Machine,
        cgroups: Cgroups,
        number: usize,
        time: Duration,
    ) -> Result<Outcome, String> {
        let directory = format!("/tmp/wharf-test-{number}");
        let program = vm::inside(file_name(self.program));
        let xtask = vm::inside("xtask");
        let script = "mkdir $0 && chmod 755 $0 && exec \"$@\"";
        let argv = ["/bin/sh", "-c", script, &directory, &xtask, SUPERVISE];
        let test = [&directory, &program, self.name.as_str(), "--exact"];
        let options = ["--nocapture", "--test-threads=1"];
        let words = argv.iter().chain(&test).chain(&options);
        let wharf = vm::inside("wharf");
        let env = [
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("TMPDIR", &directory),
            ("WHARF_TEST_BINARY", &wharf),
            ("WHARF_TEST_MACHINE", cgroups.name()),
        ];
        let job = Job {
            argv: words.map(|word| (*word).to_owned()).collect(),
            env: env
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            deadline: time,
        };
        let mut printed = String::new();
        let code = machine.run(&job, &mut |text| printed.push_str(text))?;
        Ok(Outcome::new(code == 0, &printed))
    }
}
