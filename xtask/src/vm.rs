//! `cargo xtask vm`: a small machine with cgroup v2 and systemd, under software emulation, for the
//! tests of what the machine at hand lacks. Here is the order of it; each part is a file in `vm/`.

mod agent;
mod image;
mod initramfs;
mod kernel;
mod machine;
mod protocol;
mod start;
mod storage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) use agent::{AGENT, agent};
pub(crate) use machine::{Cgroups, Job, Machine};
pub(crate) use start::{START, start};

use crate::{cargo, packages, test, workspace};

/// What a command of the user's own may take.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Runs a command in the machine as root, with wharf in its PATH, or the tests that belong there;
/// gives back whether all went well.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    packages::install();
    match arguments {
        [] => Err("vm takes a command to run in the machine, or --test".to_owned()),
        [option] if option == "--test" => test::in_machine_alone(""),
        [option, filter] if option == "--test" => test::in_machine_alone(filter),
        command => run_command(command),
    }
}

fn run_command(command: &[String]) -> Result<bool, String> {
    let wharf = cargo::program("wharf")?;
    let machine = Parts::prepare()?.boot(&[(wharf, "wharf")], Cgroups::V2)?;
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", storage::INSIDE);
    let job = Job {
        argv: command.to_vec(),
        env: vec![("PATH".into(), path), ("HOME".into(), "/root".into())],
        deadline: PATIENCE,
    };
    let mut print = |text: &str| print!("{text}");
    Ok(machine.run(&job, &mut print)? == 0)
}

/// What a machine is booted from.
pub(crate) struct Parts {
    kernel: kernel::Kernel,
    root: PathBuf,
}

impl Parts {
    /// Takes them from the cache, or makes them; that fails where there is no root, no network or
    /// no Debian.
    pub(crate) fn prepare() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("building the machine's root needs root".to_owned());
        }
        let kernel = kernel::Kernel::unpack(&cache())?;
        let root = image::build(&cache(), &kernel)?;
        Ok(Parts { kernel, root })
    }

    /// Boots with the given files, which are found under the given names by [`inside`].
    pub(crate) fn boot(
        &self,
        files: &[(PathBuf, &str)],
        cgroups: Cgroups,
    ) -> Result<Machine, String> {
        let scratch = machine::Scratch::make()?;
        initramfs::write(&scratch.path.join("initramfs"), &self.kernel)?;
        let mut files = files.to_vec();
        files.push((own_program()?, "xtask"));
        storage::pack(&scratch.path.join("files.tar"), &scratch.path, &files)?;
        Machine::start(scratch, &self.kernel.image, &self.root, cgroups)
    }
}

/// Where a file that was handed in is found in the machine.
pub(crate) fn inside(name: &str) -> String {
    format!("{}/{name}", storage::INSIDE)
}

/// What outlives a run: `target/vm`.
fn cache() -> PathBuf {
    workspace::root().join("target/vm")
}

fn own_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("cannot find xtask: {error}"))
}

/// Makes something below a temporary name and renames it, so that what has its name is whole.
fn make_once(target: &Path, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    if target.exists() {
        return Ok(());
    }
    let unfinished = target.with_extension(format!("new-{}", std::process::id()));
    let made = make(&unfinished).and_then(|()| {
        fs::rename(&unfinished, target)
            .map_err(|error| format!("cannot rename {}: {error}", unfinished.display()))
    });
    if made.is_err() {
        // Only one of the two is there, or none.
        let _ = fs::remove_dir_all(&unfinished);
        let _ = fs::remove_file(&unfinished);
    }
    made
}

/// Runs a program to its end; its words are told when it fails.
fn execute(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {name}: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = words.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Err(format!("{name} failed: {}", last.join("; ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
