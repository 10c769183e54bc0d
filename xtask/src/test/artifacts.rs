//! Builds wharf and the test programs, and puts them where an ordinary user can run them too.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cargo::cargo;

/// What a build brought.
pub(super) struct Artifacts {
    /// The wharf binary, in the run's directory.
    pub(super) wharf: PathBuf,
    /// This program, likewise: every test runs below it.
    pub(super) xtask: PathBuf,
    pub(super) tests: Vec<TestProgram>,
}

/// One test program: a crate's unit tests or one integration suite.
pub(super) struct TestProgram {
    /// As people name it: `wharf-sys`, or `wharf-tests/lifecycle`.
    pub(super) name: String,
    pub(super) program: PathBuf,
    /// The directory of its package, the working directory Cargo promises to a test.
    pub(super) package: PathBuf,
}

impl TestProgram {
    /// The names of its tests, each with the program's before it, of which `filter` is a part.
    pub(super) fn tests(&self, filter: &str) -> Result<Vec<String>, String> {
        let output = Command::new(&self.program)
            .args(["--list", "--format=terse"])
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.name))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
        let wanted = names.filter(|name| format!("{} {name}", self.name).contains(filter));
        Ok(wanted.map(str::to_owned).collect())
    }
}

/// Builds in the development profile and links every program into `directory`.
pub(super) fn build(directory: &Path) -> Result<Artifacts, String> {
    println!("building wharf and the tests");
    let messages = cargo(&["build", "--package", "wharf"])?;
    let wharf = messages
        .iter()
        .find_map(|message| message["executable"].as_str())
        .ok_or("cargo built no wharf binary")?;
    let wharf = link(Path::new(wharf), &directory.join("wharf"))?;
    let xtask = std::env::current_exe().map_err(|error| format!("cannot find xtask: {error}"))?;
    let xtask = link(&xtask, &directory.join("xtask"))?;
    // The programs of the tests have the names of what they test, so they get a place apart.
    let directory = directory.join("tests");
    fs::create_dir(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;

    let mut tests = Vec::new();
    for message in cargo(&["test", "--workspace", "--no-run"])? {
        let executable = message["executable"].as_str();
        let (Some(executable), Some(true)) = (executable, message["profile"]["test"].as_bool())
        else {
            continue;
        };
        tests.push(test_program(&message, Path::new(executable), &directory)?);
    }
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Artifacts {
        wharf,
        xtask,
        tests,
    })
}

fn test_program(
    message: &Value,
    executable: &Path,
    directory: &Path,
) -> Result<TestProgram, String> {
    let manifest = message["manifest_path"].as_str().map(Path::new);
    let package = manifest
        .and_then(Path::parent)
        .ok_or_else(|| format!("cargo named no package for {}", executable.display()))?;
    let target = message["target"]["name"].as_str().unwrap_or_default();
    let is_suite = message["target"]["kind"][0].as_str() == Some("test");
    let folder = package.file_name().unwrap_or_default().to_string_lossy();
    let name = if is_suite {
        format!("{folder}/{target}")
    } else {
        target.replace('_', "-")
    };
    // Cargo's own file name is unique: it ends in a hash.
    let file = executable.file_name().unwrap_or_default();
    let program = link(executable, &directory.join(file))?;
    Ok(TestProgram {
        name,
        program,
        package: package.to_path_buf(),
    })
}

/// A hard link, or a copy where the directory is on another filesystem; all may run it, whatever
/// the umask of the build was.
fn link(program: &Path, target: &Path) -> Result<PathBuf, String> {
    let everybody = fs::Permissions::from_mode(0o755);
    fs::hard_link(program, target)
        .or_else(|error| match error.kind() {
            ErrorKind::CrossesDevices => fs::copy(program, target).map(|_| ()),
            _ => Err(error),
        })
        .and_then(|()| fs::set_permissions(target, everybody))
        .map_err(|error| format!("cannot copy {}: {error}", program.display()))?;
    Ok(target.to_path_buf())
}
