//! `cargo xtask fuzz`: hostile input for every parser and for the seccomp compiler, for a bounded
//! time, on any toolchain. The targets and what makes their input are in `fuzz/`; `cargo fuzz` does
//! the same with coverage.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::{cargo, workspace};

/// One target, ready to be fed.
pub(crate) struct Target {
    pub(crate) name: String,
    program: PathBuf,
}

/// Feeds all targets, or the named one; true when none fails.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    let mut seconds: u64 = 30;
    let mut seed = seed_of_now();
    let mut wanted = None;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let value = words.next().and_then(|value| value.parse().ok());
                seconds = value.ok_or("--seconds takes a number")?;
            }
            "--seed" => {
                let value = words.next().and_then(|value| value.parse().ok());
                seed = value.ok_or("--seed takes a number")?;
            }
            option if option.starts_with('-') => return Err(format!("no option {option}")),
            target => wanted = Some(target),
        }
    }
    let targets = targets()?;
    if let Some(name) = wanted
        && !targets.iter().any(|target| target.name == name)
    {
        let known: Vec<_> = targets.iter().map(|target| target.name.as_str()).collect();
        return Err(format!("no target {name}; there are {}", known.join(", ")));
    }
    let mut is_good = true;
    for target in targets {
        if wanted.is_none_or(|wanted| wanted == target.name) {
            is_good &= target.feed(Duration::from_secs(seconds), seed)?;
        }
    }
    Ok(is_good)
}

/// A seed that is another one each time.
pub(crate) fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |time| time.as_secs())
}

/// Builds the targets and names them.
pub(crate) fn targets() -> Result<Vec<Target>, String> {
    let program = cargo::program("wharf-fuzz")?;
    let output = Command::new(&program)
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    let names = String::from_utf8_lossy(&output.stdout);
    Ok(names
        .lines()
        .map(|name| Target {
            name: name.to_owned(),
            program: program.clone(),
        })
        .collect())
}

impl Target {
    /// Feeds it; false when it failed. The input it failed on is named then.
    pub(crate) fn feed(&self, time: Duration, seed: u64) -> Result<bool, String> {
        let root = workspace::root();
        let failed = root.join("target").join("fuzz");
        std::fs::create_dir_all(&failed)
            .map_err(|error| format!("cannot make {}: {error}", failed.display()))?;
        let status = Command::new(&self.program)
            .arg(&self.name)
            .args([time.as_secs_f64().to_string(), seed.to_string()])
            .arg(root.join("fuzz/corpus").join(&self.name))
            .arg(failed.join(format!("{}-{seed}", self.name)))
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        Ok(status.success())
    }
}
