//! The home directory of a user whose environment names none, from the container's own
//! /etc/passwd: programs expect HOME, and every runtime in use sets it.

use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

/// The most that is read of a file which may be anything.
const MOST: u64 = 1 << 20;

/// `HOME=…` for the user `uid`, unless the environment has it. Called in the container's root.
pub(crate) fn missing(environment: &[CString], uid: u32) -> Option<CString> {
    let is_set = |entry: &CString| entry.as_bytes().starts_with(b"HOME=");
    if environment.iter().any(is_set) {
        return None;
    }
    let home = of_user(Path::new("/etc/passwd"), uid).unwrap_or_else(|| PathBuf::from("/"));
    CString::new([b"HOME=", home.as_os_str().as_bytes()].concat()).ok()
}

fn of_user(passwd: &Path, uid: u32) -> Option<PathBuf> {
    // The file is the image's: a fifo must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(passwd, flags, Mode::empty()).ok()?;
    let mode = rustix::fs::fstat(&file).ok()?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::RegularFile {
        return None;
    }
    let lines = BufReader::new(File::from(file).take(MOST)).split(b'\n');
    lines.map_while(Result::ok).find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let [_, _, id, _, _, home, ..] = fields[..] else {
            return None;
        };
        let is_theirs = std::str::from_utf8(id).ok()?.parse() == Ok(uid);
        let home = Path::new(std::ffi::OsStr::from_bytes(home));
        (is_theirs && home.is_absolute()).then(|| home.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_is_set_stays() {
        assert_eq!(missing(&[CString::new("HOME=").unwrap()], 0), None);
        let root = missing(&[], 0).unwrap();
        assert_eq!(root.to_str(), Ok("HOME=/root"));
        assert_eq!(missing(&[], u32::MAX - 7).unwrap().to_str(), Ok("HOME=/"));
    }
}
