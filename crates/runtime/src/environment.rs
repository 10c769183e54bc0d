//! The environment of a container's process: each name once, and a HOME, which programs expect and
//! configurations leave to the user database of the container.

use std::collections::HashSet;
use std::ffi::CString;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use crate::error::Error;

/// No user database is larger.
const LARGEST: u64 = 1 << 20;

/// The entries of `process.env` as `execve` takes them: the last of a name counts, an empty HOME is
/// none.
pub(crate) fn resolve(entries: &[String]) -> Result<Vec<CString>, Error> {
    let invalid = |why: String| Error::Invalid {
        key: "process.env".to_owned(),
        why,
    };
    let mut names = HashSet::with_capacity(entries.len());
    let mut kept = Vec::with_capacity(entries.len() + 1);
    for entry in entries.iter().rev() {
        let (name, value) = entry
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| invalid(format!("{entry:?} is not of the form NAME=VALUE")))?;
        if !names.insert(name) || (name == "HOME" && value.is_empty()) {
            continue;
        }
        kept.push(
            CString::new(entry.as_str())
                .map_err(|_| invalid(format!("the value of {name} has a null byte")))?,
        );
    }
    kept.reverse();
    Ok(kept)
}

/// The entry for HOME if `environment` has none: what the user database of the calling process'
/// root says of `user`, else `/`. An empty environment was meant to be empty.
pub(crate) fn missing_home(environment: &[CString], user: u32) -> Option<CString> {
    let has_home = environment
        .iter()
        .any(|entry| entry.to_bytes().starts_with(b"HOME="));
    if environment.is_empty() || has_home {
        return None;
    }
    let home = user_database().and_then(|text| home_of(&text, user).map(str::to_owned));
    CString::new(format!("HOME={}", home.as_deref().unwrap_or("/"))).ok()
}

/// Whatever an image puts at its place must not make us wait.
fn user_database() -> Option<String> {
    let mut text = String::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open("/etc/passwd")
        .ok()?;
    file.metadata().ok()?.is_file().then_some(())?;
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

fn home_of(passwd: &str, user: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_user = fields.nth(2)?.parse() == Ok(user);
        let home = fields.nth(2)?;
        (is_user && !home.is_empty()).then_some(home)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(entries: &[&str]) -> Result<Vec<String>, Error> {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        let found = resolve(&entries)?;
        Ok(found
            .into_iter()
            .map(|entry| entry.into_string().unwrap())
            .collect())
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let found = resolved(&["A=1", "B=2", "A=3", "HOME=/x", "HOME="]).unwrap();
        assert_eq!(found, ["B=2", "A=3"]);
    }

    #[test]
    fn an_entry_needs_a_name_and_a_value() {
        for entry in ["A", "=x", ""] {
            assert!(resolved(&[entry]).is_err(), "{entry:?}");
        }
    }

    #[test]
    fn home_is_what_the_database_says() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbad\nweb:x:33:33::/srv:/bin/false\n";
        assert_eq!(home_of(passwd, 33), Some("/srv"));
        assert_eq!(home_of(passwd, 34), None);
    }
}
