//! Cargo, run for what it builds.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::workspace;

/// Builds one program in the release profile; gives back where it is.
pub(crate) fn release_program(package: &str, name: &str) -> Result<PathBuf, String> {
    built(
        &["build", "--release", "--package", package, "--bin", name],
        name,
    )
}

/// Builds one package's program in the development profile, as the tests use it.
pub(crate) fn program(package: &str) -> Result<PathBuf, String> {
    built(&["build", "--package", package], package)
}

/// Runs Cargo; gives back the program that it built.
pub(crate) fn built(arguments: &[&str], name: &str) -> Result<PathBuf, String> {
    let messages = cargo(arguments)?;
    let mut executables = messages.iter().filter_map(|m| m["executable"].as_str());
    let program = executables.next_back().map(PathBuf::from);
    program.ok_or_else(|| format!("cargo built no program {name}"))
}

/// Runs Cargo, its own messages to the terminal, and returns what it says of its artifacts.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Vec<Value>, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments.get(..1).unwrap_or_default())
        .arg("--message-format=json-render-diagnostics")
        .args(arguments.get(1..).unwrap_or_default())
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo {} failed", arguments.join(" ")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}
