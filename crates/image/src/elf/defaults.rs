//! The directories that a loader searches last. Distributions compile them in, so they are read
//! out of the loader itself (glibc) or from its path file (musl).
//!
//! Source: glibc, `elf/dl-load.c` (`system_dirs`); musl, `ldso/dynlink.c`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const MUSL_DEFAULT: &str = "/lib:/usr/local/lib:/usr/lib";
/// Where a glibc of unknown build looks.
const COMMON: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];
const LONGEST: usize = 256;

/// The architecture in a musl loader's name (`/lib/ld-musl-x86_64.so.1`); `None` for others.
pub(super) fn musl_architecture(interpreter: &Path) -> Option<&str> {
    let name = interpreter.file_name()?.to_str()?;
    name.strip_prefix("ld-musl-")?.split('.').next()
}

/// The file that names musl's directories.
pub(super) fn musl_path_file(architecture: &str) -> PathBuf {
    format!("/etc/ld-musl-{architecture}.path").into()
}

/// musl's directories; `file` is the content of its path file, if there is one.
pub(super) fn of_musl(file: Option<&str>) -> Vec<PathBuf> {
    let text = file.unwrap_or(MUSL_DEFAULT);
    text.split(['\n', ':'])
        .filter(|part| !part.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// glibc's directories, from the bytes of its loader: the longest row of strings, each ended by a
/// null byte, that begin and end with a slash and speak of a lib directory.
pub(super) fn of_glibc(loader: &[u8]) -> Vec<PathBuf> {
    let mut best: Vec<PathBuf> = Vec::new();
    let mut row: Vec<PathBuf> = Vec::new();
    for string in loader.split(|&b| b == 0) {
        // A row may begin right behind other bytes, but each string in it is exact.
        if is_directory(string) {
            row.push(PathBuf::from(OsStr::from_bytes(trim(string))));
            continue;
        }
        if row.len() > best.len() {
            best = std::mem::take(&mut row);
        }
        row.clear();
    }
    if row.len() > best.len() {
        best = row;
    }
    match best.is_empty() {
        true => COMMON.iter().map(PathBuf::from).collect(),
        false => best,
    }
}

fn is_directory(string: &[u8]) -> bool {
    (2..LONGEST).contains(&string.len())
        && string.starts_with(b"/")
        && string.ends_with(b"/")
        && string.windows(4).any(|part| part == b"/lib")
        && string.iter().all(u8::is_ascii_graphic)
}

fn trim(string: &[u8]) -> &[u8] {
    string.strip_suffix(b"/").unwrap_or(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directories_are_read_out_of_the_loader() {
        let loader = b"\x01\x02\0/lib/ld.so\0/lib/a/\0junk\0/lib/x/\0/usr/lib/x/\0/lib/\0\xff";
        let expected = ["/lib/x", "/usr/lib/x", "/lib"].map(PathBuf::from);
        assert_eq!(of_glibc(loader), expected);
        assert_eq!(of_glibc(b"nothing"), COMMON.map(PathBuf::from));
    }

    #[test]
    fn musl_has_a_path_file() {
        assert_eq!(
            musl_architecture(Path::new("/lib/ld-musl-x86_64.so.1")),
            Some("x86_64")
        );
        assert_eq!(
            musl_architecture(Path::new("/lib64/ld-linux-x86-64.so.2")),
            None
        );
        assert_eq!(
            of_musl(Some("/a\n/b:/c\n")),
            ["/a", "/b", "/c"].map(PathBuf::from)
        );
        assert_eq!(of_musl(None).len(), 3);
    }

    #[test]
    fn this_hosts_loader_searches_its_own_directories() {
        let Ok(loader) = std::fs::read("/lib64/ld-linux-x86-64.so.2") else {
            println!("skipped: needs the loader of x86-64 glibc");
            return;
        };
        let directories = of_glibc(&loader);
        assert!(
            directories.contains(&PathBuf::from("/usr/lib64"))
                || directories.contains(&PathBuf::from("/usr/lib")),
            "{directories:?}"
        );
    }
}
