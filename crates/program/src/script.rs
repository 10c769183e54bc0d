//! The first line of a script: which program the kernel starts for it.
//!
//! Source: execve(2), "Interpreter scripts"; env(1), `-S`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// As many bytes as the kernel looks at.
pub const LINE: u64 = 256;

/// What a script is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The program that the kernel starts.
    pub path: PathBuf,
    /// The command that `env` looks for.
    pub by_env: Option<OsString>,
}

/// The interpreter named in the first bytes of a file; `None` when it is no script.
pub fn interpreter(start: &[u8]) -> Option<Interpreter> {
    let line = start.strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?;
    let line = line.trim_ascii();
    let end = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    let (path, argument) = line.split_at_checked(end)?;
    if path.is_empty() {
        return None;
    }
    let path = Path::new(OsStr::from_bytes(path));
    let is_env = path.file_name() == Some(OsStr::new("env"));
    let by_env = is_env.then(|| command(argument)).flatten();
    Some(Interpreter {
        path: path.to_owned(),
        by_env,
    })
}

/// The command in env's arguments: the first that is neither an option nor an assignment.
fn command(argument: &[u8]) -> Option<OsString> {
    let mut words = argument
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let word = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    Some(OsStr::from_bytes(word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(PathBuf, Option<OsString>)> {
        interpreter(text.as_bytes()).map(|found| (found.path, found.by_env))
    }

    #[test]
    fn the_interpreter_is_the_first_word() {
        for text in ["#!/bin/sh\nexit", "#! /bin/sh -e\n", "#!/bin/sh"] {
            assert_eq!(found(text), Some(("/bin/sh".into(), None)), "{text}");
        }
        for text in ["", "#!", "#!\n/bin/sh", "\x7fELF", "echo"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn env_names_a_command() {
        let expected = Some(("/usr/bin/env".into(), Some("bash".into())));
        for text in [
            "#!/usr/bin/env bash\n",
            "#!/usr/bin/env -S bash -e\n",
            "#!/usr/bin/env -S A=b bash\n",
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
        assert_eq!(
            found("#!/usr/bin/env\n"),
            Some(("/usr/bin/env".into(), None))
        );
    }
}
