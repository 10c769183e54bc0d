//! Entering a container whose root could write to this program: the command runs itself again from
//! a binary that cannot be written through, before any process of it is seen inside
//! (CVE-2019-5736).

use std::ffi::{CString, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

use rustix::io::Errno;

use crate::exit_code::Failure;

/// Returns when this process runs from such a binary already; else it becomes one that does.
pub(crate) fn run_sealed() -> Result<(), Failure> {
    let failed = |errno: Errno| {
        let why = std::io::Error::from(errno);
        Failure::usage(format!("running from a sealed copy of this program: {why}"))
    };
    let Some(binary) = sys::sealed_self::sealed().map_err(failed)? else {
        return Ok(());
    };
    let argv = strings(std::env::args_os()).ok_or_else(|| failed(Errno::INVAL))?;
    let variables = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    let envp = strings(variables).ok_or_else(|| failed(Errno::INVAL))?;
    Err(failed(sys::exec::fexecve(binary.as_fd(), &argv, &envp)))
}

fn strings(words: impl Iterator<Item = OsString>) -> Option<Vec<CString>> {
    words
        .map(|word| CString::new(word.into_vec()).ok())
        .collect()
}
