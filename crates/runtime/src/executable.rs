//! Finding the program of a container: the search through PATH as `execvp` does it, from inside
//! the container's root, with the error a user expects of a shell.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use program::Answer;
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

/// The search list of a process without PATH.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How every such message begins: container engines look for these words, which are Go's.
pub(crate) const PREFIX: &str = "exec: ";

/// Why a program cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// One clause that names the program.
    pub(crate) why: String,
    /// The errno that `execve` would give.
    pub(crate) errno: Errno,
}

/// The path that `execve` gets for `name`, with the caller's root and working directory being
/// those of the container. `environment` is the process' own.
pub(crate) fn find(name: &CStr, environment: &[CString]) -> Result<CString, Missing> {
    let text = name.to_string_lossy().into_owned();
    if name.to_bytes().contains(&b'/') {
        return match check(Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))) {
            Ok(()) => Ok(name.to_owned()),
            Err(errno) => Err(missing(&text, errno, false)),
        };
    }
    let mut denied = None;
    for directory in search_list(environment).split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        let candidate = Path::new(directory).join(&text);
        match check(&candidate) {
            Ok(()) => {
                return CString::new(candidate.as_os_str().as_bytes())
                    .map_err(|_| missing(&text, Errno::INVAL, false));
            }
            Err(Errno::ACCESS | Errno::ISDIR) => denied = Some(Errno::ACCESS),
            Err(_) => {}
        }
    }
    Err(missing(&text, denied.unwrap_or(Errno::NOENT), true))
}

fn search_list(environment: &[CString]) -> String {
    environment
        .iter()
        .filter_map(|entry| entry.to_bytes().strip_prefix(b"PATH="))
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .next_back()
        .unwrap_or_else(|| DEFAULT_PATH.to_owned())
}

/// Whether a file is there and may be executed by the calling process.
fn check(path: &Path) -> Result<(), Errno> {
    let stat = rustix::fs::stat(path)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(Errno::ISDIR),
        _ => return Err(Errno::ACCESS),
    }
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)
}

/// The beginning of a program, read while no filter stands in the way; empty where it may only be
/// executed.
pub(crate) fn head(program: &CStr) -> Vec<u8> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut head = Vec::with_capacity(program::HEAD);
    if let Ok(file) = rustix::fs::open(program, flags, Mode::empty()) {
        // What cannot be read explains nothing.
        let _ = rustix::io::read(&file, rustix::buffer::spare_capacity(&mut head));
    }
    head
}

/// The number of this machine's processor in ELF files.
const MACHINE: u16 = if cfg!(target_arch = "aarch64") {
    183
} else if cfg!(target_arch = "riscv64") {
    243
} else {
    62
};

/// Why `execve` did not take a program that is there, from its beginning.
pub(crate) fn refusal(name: &CStr, head: &[u8], errno: Errno) -> Option<String> {
    let answer = match errno {
        Errno::NOENT => Answer::Missing,
        Errno::NOEXEC => Answer::Format,
        _ => return None,
    };
    let flaw = program::flaw(head, answer, MACHINE)?;
    let words = std::io::Error::from(errno).to_string();
    let words = words
        .split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase();
    Some(format!(
        "{PREFIX}{:?}: {words}: {flaw}",
        name.to_string_lossy()
    ))
}

/// The words are runc's: Docker and Podman look for them to tell 127 from 126.
fn missing(name: &str, errno: Errno, searched: bool) -> Missing {
    let why = match (errno, searched) {
        (Errno::NOENT, true) => "executable file not found in $PATH".to_owned(),
        (Errno::NOENT | Errno::NOTDIR, false) => format!("stat {name}: no such file or directory"),
        (Errno::ISDIR, _) => "is a directory".to_owned(),
        (Errno::ACCESS | Errno::PERM, _) => "permission denied".to_owned(),
        (other, _) => std::io::Error::from(other).to_string(),
    };
    let why = format!("{PREFIX}{name:?}: {why}");
    Missing { why, errno }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn c(text: &str) -> CString {
        CString::new(text).unwrap()
    }

    #[test]
    fn a_bare_name_is_searched_in_path() {
        let environment = [c("PATH=/nowhere:/usr/bin:/bin")];
        assert_eq!(find(&c("env"), &environment), Ok(c("/usr/bin/env")));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = find(&c("no-such-program"), &[]).unwrap_err();
        assert_eq!(error.errno, Errno::NOENT);
        assert!(error.why.contains("no-such-program") && error.why.contains("$PATH"));
    }

    #[test]
    fn a_directory_is_not_executable() {
        let error = find(&c("/usr"), &[]).unwrap_err();
        assert_eq!(
            (error.errno, error.why.as_str()),
            (Errno::ISDIR, "exec: \"/usr\": is a directory")
        );
    }
}
