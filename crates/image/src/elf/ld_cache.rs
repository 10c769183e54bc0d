//! glibc's `/etc/ld.so.cache`, which says where libraries are.
//!
//! The format is that of glibc 2.2 and later (`glibc-ld.so.cache1.1`), alone or behind the older
//! one. Source: glibc, `sysdeps/generic/dl-cache.h` and `elf/cache.c`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// The lowest byte of the flags: the kind of library; the others name the ABI.
const KIND: u32 = 0xff;
const KIND_ELF: u32 = 1;
const KIND_ELF_LIBC6: u32 = 3;

/// One library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    /// For machines with certain features only.
    pub(super) is_variant: bool,
}

/// The ELF libraries in a cache, in its order; `None` when it is none or is damaged, in which
/// case loaders do without it.
pub(super) fn parse(file: &[u8]) -> Option<Vec<Entry>> {
    let cache = file.get(start(file)?..)?;
    let big_endian = match cache.get(28)? & 3 {
        0 => cfg!(target_endian = "big"),
        2 => false,
        3 => true,
        _ => return None,
    };
    let number = |offset: usize| {
        let bytes: [u8; 4] = cache.get(offset..offset + 4)?.try_into().ok()?;
        Some(match big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        })
    };
    let string = |offset: usize| {
        let start = usize::try_from(number(offset)?).ok()?;
        let bytes = cache.get(start..)?.split(|&b| b == 0).next()?;
        Some(OsString::from_vec(bytes.to_vec()))
    };
    let count = usize::try_from(number(20)?).ok()?;
    // A damaged count must not make us reserve memory: it is bounded by the file's length.
    let last = count.checked_mul(ENTRY)?.checked_add(HEADER)?;
    cache.get(..last)?;
    let mut entries = Vec::new();
    for offset in (HEADER..last).step_by(ENTRY) {
        if !matches!(number(offset)? & KIND, KIND_ELF | KIND_ELF_LIBC6) {
            continue;
        }
        entries.push(Entry {
            name: string(offset + 4)?,
            path: string(offset + 8)?.into(),
            is_variant: number(offset + 16)? != 0 || number(offset + 20)? != 0,
        });
    }
    Some(entries)
}

/// Where the new format begins.
fn start(file: &[u8]) -> Option<usize> {
    if file.starts_with(MAGIC) {
        return Some(0);
    }
    file.strip_prefix(OLD_MAGIC)?;
    let count: [u8; 4] = file.get(12..16)?.try_into().ok()?;
    let count = usize::try_from(u32::from_ne_bytes(count)).ok()?;
    let behind = count.checked_mul(OLD_ENTRY)?.checked_add(OLD_HEADER)?;
    let start = behind.checked_next_multiple_of(8)?;
    file.get(start..)?.starts_with(MAGIC).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with one library, whose strings are behind the entries.
    fn cache(flags: u32, hwcap: u64) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(20u32.to_le_bytes());
        bytes.push(2);
        bytes.resize(HEADER, 0);
        bytes.extend(flags.to_le_bytes());
        bytes.extend(72u32.to_le_bytes());
        bytes.extend(80u32.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(hwcap.to_le_bytes());
        bytes.extend(b"liba.so\0/l/liba.so\0");
        bytes
    }

    fn expected(is_variant: bool) -> Option<Vec<Entry>> {
        Some(vec![Entry {
            name: "liba.so".into(),
            path: "/l/liba.so".into(),
            is_variant,
        }])
    }

    #[test]
    fn both_forms_of_the_cache_are_read() {
        let new = cache(0x303, 0);
        assert_eq!(parse(&new), expected(false));
        assert_eq!(parse(&cache(0x303, 1 << 62)), expected(true));
        let mut old = OLD_MAGIC.to_vec();
        old.extend(1u32.to_ne_bytes());
        old.resize(32, 0);
        old.extend(&new);
        assert_eq!(parse(&old), expected(false));
    }

    #[test]
    fn other_libraries_and_damage_are_left_out() {
        assert_eq!(parse(&cache(0x300, 0)), Some(Vec::new()));
        let whole = cache(0x303, 0);
        for length in 0..HEADER + ENTRY {
            assert_eq!(parse(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_hosts_own_cache_has_the_c_library() {
        let Ok(file) = std::fs::read("/etc/ld.so.cache") else {
            println!("skipped: needs /etc/ld.so.cache");
            return;
        };
        let entries = parse(&file).unwrap();
        assert!(entries.iter().any(|entry| entry.name == "libc.so.6"));
    }
}
