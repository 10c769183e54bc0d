//! `cargo xtask test`: installs, builds, runs every test as root and as an ordinary user, looks
//! for what was left behind, and runs what needs another kernel in a small machine. Here is the order of it; each step is a file in `test/`.

mod artifacts;
mod in_machine;
mod leftovers;
mod pass;
mod supervisor;
mod tally;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use in_machine::alone as in_machine_alone;
pub(crate) use supervisor::{SUPERVISE, supervise};

use crate::{fuzz, packages};
use pass::{Pass, User};
use tally::{Outcome, Tally};

/// For each fuzz target.
const FUZZ_TIME: Duration = Duration::from_secs(5);

/// Runs everything whose name contains the optional filter; true when nothing failed. Whatever
/// happens, the last line is a tally.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    let tally = run_all(arguments).unwrap_or_else(|problem| {
        println!("xtask: {problem}");
        let mut tally = Tally::default();
        tally.check("the tests can be run", false);
        tally
    });
    tally.report();
    Ok(tally.is_good())
}

fn run_all(arguments: &[String]) -> Result<Tally, String> {
    let filter = match arguments {
        [] => "",
        [filter] if !filter.starts_with('-') => filter,
        [other, ..] => return Err(format!("test takes one optional FILTER, got '{other}'")),
    };
    packages::install();
    let mut tally = Tally::default();
    let directory = RunDirectory::make()?;
    let artifacts = artifacts::build(&directory.path.join("bin"))?;
    let before = leftovers::Snapshot::take();
    for &user in User::to_run_as() {
        let home = directory.home(user)?;
        println!("tests as {user}:");
        Pass {
            user,
            home: &home,
            artifacts: &artifacts,
            filter,
        }
        .run(&mut tally)?;
    }
    fuzz_briefly(filter, &mut tally)?;
    let left = before.left_behind(&directory.path);
    for thing in &left {
        println!("left behind: {thing}");
    }
    tally.check("nothing is left behind", left.is_empty());
    in_machine::run(&artifacts, filter, &mut tally)?;
    Ok(tally)
}

/// Every fuzz target for a moment, each time with other input.
fn fuzz_briefly(filter: &str, tally: &mut Tally) -> Result<(), String> {
    if !filter.is_empty() && !filter.starts_with("fuzz") {
        return Ok(());
    }
    println!("fuzz targets:");
    let seed = fuzz::seed_of_now();
    for target in fuzz::targets()? {
        let name = format!("fuzz {}", target.name);
        if name.contains(filter) {
            let started = Instant::now();
            let outcome = match target.feed(FUZZ_TIME, seed)? {
                true => Outcome::Passed,
                false => Outcome::Failed(format!("repeat it with --seed {seed}")),
            };
            tally.add(&name, outcome, started.elapsed());
        }
    }
    Ok(())
}

/// The directory of one run, below /tmp so that an ordinary user reaches it; removed at the end.
struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    fn make() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("wharf-test-{}", std::process::id()));
        make(&path, 0o755)?;
        make(&path.join("bin"), 0o755)?;
        Ok(RunDirectory { path })
    }

    /// The home of a user: where its tests put whatever they make. Open to all, because a test
    /// of root's may become somebody else.
    fn home(&self, user: User) -> Result<PathBuf, String> {
        let home = self.path.join(user.directory());
        make(&home, 0o755)?;
        if let Some(id) = user.id_to_become() {
            std::os::unix::fs::chown(&home, Some(id), Some(id))
                .map_err(|error| format!("cannot give {} away: {error}", home.display()))?;
        }
        Ok(home)
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("xtask: cannot remove {}: {error}", self.path.display());
        }
    }
}

fn make(path: &Path, mode: u32) -> Result<(), String> {
    fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(|error| format!("cannot make {}: {error}", path.display()))
}
