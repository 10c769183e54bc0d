//! `cargo xtask order`: finds the functions that short-lived commands execute, and writes them down
//! for the linker (`crates/wharf/functions.ld`), which puts them side by side. The program is large
//! and a start needs little of it: what is spread over all of it costs a page fault at each place,
//! and sixteen pages of memory.
//!
//! Names come first as they are in this build, and behind them without what a compiler or a version
//! of a library adds to them, so that the list outlives both; a function that is not there any more
//! is passed over.

mod map;
mod trace;

use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use trace::{TRACE, trace};

use self::map::Section;
use self::trace::Until;
use crate::{cargo, packages, workspace};

const HEAD: &str = "\
/* What short-lived commands execute, in its order: made by `cargo xtask order`. */
SECTIONS
{
  .text.near :
  {
";

/// Writes the list anew.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    if let Some(word) = arguments.first() {
        return Err(format!("order takes no arguments, and got {word}"));
    }
    packages::install();
    let scratch = Scratch::make()?;
    let map = scratch.path("map");
    let program = link(&map)?;
    let text = std::fs::read_to_string(&map).map_err(|e| format!("the linker's map: {e}"))?;
    let sections = map::sections(&text);
    let addresses = addresses(&scratch, &program)?;
    let executed = || addresses.iter().filter_map(|at| map::at(&sections, *at));
    let mut known = HashSet::new();
    let patterns: Vec<String> = executed()
        .map(Section::pattern)
        .chain(executed().filter_map(Section::pattern_of_any_version))
        .filter(|pattern| known.insert(pattern.clone()))
        .collect();
    let mut script = HEAD.to_owned();
    for pattern in &patterns {
        let _ = writeln!(script, "    {pattern}");
    }
    script.push_str("  }\n}\nINSERT BEFORE .text;\n");
    let path = workspace::root().join("crates/wharf/functions.ld");
    std::fs::write(&path, script).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{} names, in {}", patterns.len(), path.display());
    Ok(true)
}

/// Links the program as it is released, with a map of where everything is.
fn link(map: &Path) -> Result<PathBuf, String> {
    let argument = format!("link-arg=-Wl,-Map={}", map.display());
    let words = ["rustc", "--release", "--package", "wharf", "--bin", "wharf"];
    let words = [&words[..], &["--", "-C", &argument]].concat();
    cargo::built(&words, "wharf")
}

/// What is executed, in its order, of all that a user waits for.
fn addresses(scratch: &Scratch, program: &Path) -> Result<Vec<u64>, String> {
    let bundle = scratch.bundle(program)?;
    let oci = ["oci", "--root"].map(str::to_owned);
    let oci = [&oci[..], &[scratch.text("oci")]].concat();
    let own = ["--data-root", "--run-root"].map(str::to_owned);
    let own = vec![
        own[0].clone(),
        scratch.text("data"),
        own[1].clone(),
        scratch.text("run"),
    ];
    let mut found = Vec::new();
    let mut go = |before: &[String], words: &str, until| -> Result<(), String> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let words = [before, &words].concat();
        println!("wharf {}", words.join(" "));
        found.extend(trace::run(program, &words, &bundle, until)?);
        Ok(())
    };
    for words in [
        "run once",
        "create --config sleep.json box",
        "start box",
        "state box",
        "exec box true",
        "kill box KILL",
    ] {
        let until = match words {
            "run once" | "exec box true" => Until::All,
            _ => Until::Command,
        };
        go(&oci, words, until)?;
    }
    go(&oci, "delete --force box", Until::Command)?;
    go(&own, "run --rm host true", Until::All)?;
    let words = "run --detach --name box host sleep 1000";
    let started = Command::new(program)
        .args(&own)
        .args(words.split(' '))
        .stdout(Stdio::null())
        .status();
    if !started.is_ok_and(|status| status.success()) {
        return Err(format!("wharf {words} failed"));
    }
    go(&own, "exec box true", Until::All)?;
    go(&own, "ps", Until::All)?;
    go(&own, "rm --force box", Until::Command)?;
    Ok(found)
}

/// A directory that goes with us.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("wharf-order-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A bundle with busybox in it, whose program does nothing, and a configuration with one that
    /// sleeps.
    fn bundle(&self, program: &Path) -> Result<PathBuf, String> {
        let bundle = self.path("bundle");
        let binaries = bundle.join("rootfs/bin");
        let made = std::fs::create_dir_all(&binaries)
            .and_then(|()| std::fs::copy("/bin/busybox", binaries.join("busybox")))
            .and_then(|_| std::os::unix::fs::symlink("busybox", binaries.join("true")))
            .and_then(|()| std::os::unix::fs::symlink("busybox", binaries.join("sleep")));
        made.map_err(|error| format!("a bundle with busybox: {error}"))?;
        let spec = Command::new(program)
            .args(["oci", "spec", "--bundle"])
            .arg(&bundle)
            .stdin(Stdio::null())
            .status();
        if !spec.is_ok_and(|status| status.success()) {
            return Err("wharf oci spec failed".to_owned());
        }
        let path = bundle.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let text = text.replace("\"terminal\": true", "\"terminal\": false");
        for (name, program) in [
            ("config.json", "\"true\""),
            ("sleep.json", "\"sleep\", \"1000\""),
        ] {
            let text = text.replace("\"sh\"", program);
            std::fs::write(bundle.join(name), text).map_err(|error| error.to_string())?;
        }
        Ok(bundle)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
