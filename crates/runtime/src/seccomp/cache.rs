//! Compiled filters, kept by what they were compiled from: a profile of four hundred calls takes
//! longer to compile than to compare. A profile is the same only if every byte of it is; the name of
//! a file merely finds it. Filters of another build of this program are not used, and nothing here
//! outlives the boot, so that the kernel is the same one too.
//!
//! ```text
//! FORMAT  checksum of what follows  flags  length of the program  profile  program
//! ```

use std::fs::DirBuilder;
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, fstat, open, openat, stat};
use rustix::io::Errno;
use spec::runtime::LinuxSeccomp;
use store::Durability;
use sys::seccomp::{FilterFlags, Instruction};

use super::{Error, Program, compile};

const FORMAT: &[u8; 8] = b"filter 1";

/// Four words of 64 bits, and from where on they are summed.
const HEAD: usize = 32;
const SUMMED: usize = 16;

/// A profile with fewer names is compiled sooner than it is looked for.
const FEW_NAMES: usize = 50;

/// How many filters are kept. Hosts have a handful of profiles; whoever makes a new one for each
/// container only makes the others compile theirs again.
const MOST: usize = 64;

/// No filter is larger: 4,096 instructions beside a profile.
const LARGEST: usize = 4 << 20;

/// What a profile compiles to, from `directory` if it was compiled before. The directory is made
/// when it is not there; where it cannot be used, or is somebody else's, nothing is kept.
///
/// # Errors
/// As [`compile`].
pub(super) fn compiled(profile: &LinuxSeccomp, directory: &Path) -> Result<Program, Error> {
    let names: usize = profile.syscalls.iter().map(|rule| rule.names.len()).sum();
    if names < FEW_NAMES {
        return compile(profile);
    }
    let Some(entry) = Entry::of(profile, directory) else {
        return compile(profile);
    };
    if let Some(program) = entry.read() {
        return Ok(program);
    }
    let program = compile(profile)?;
    entry.keep(&program);
    Ok(program)
}

/// A filter's place.
struct Entry<'a> {
    directory: &'a Path,
    /// What it was compiled by and from.
    source: Vec<u8>,
}

impl<'a> Entry<'a> {
    fn of(profile: &LinuxSeccomp, directory: &'a Path) -> Option<Self> {
        let mut source = compiler()?;
        serde_json::to_writer(&mut source, profile).ok()?;
        Some(Self { directory, source })
    }

    fn path(&self) -> PathBuf {
        self.directory.join(format!("{:016x}", sum(&self.source)))
    }

    fn read(&self) -> Option<Program> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(CWD, self.path(), flags, Mode::empty()).ok()?;
        let facts = fstat(&file).ok()?;
        let size = usize::try_from(facts.st_size).ok()?;
        if !is_ours(facts.st_uid, facts.st_mode) || size > LARGEST {
            return None;
        }
        let mut bytes = vec![0; size];
        let mut filled = 0;
        while filled < size {
            match rustix::io::read(&file, &mut bytes[filled..]) {
                Ok(0) => return None,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        self.decode(&bytes)
    }

    /// The program in a file, if it is this one's and whole.
    fn decode(&self, bytes: &[u8]) -> Option<Program> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let (format, numbers) = head.split_first_chunk()?;
        let mut numbers = numbers.chunks_exact(8).map(number);
        let (checksum, flags, length) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let program = rest.strip_prefix(self.source.as_slice())?;
        let is_whole = sum(bytes.get(SUMMED..)?) == checksum
            && program.len() as u64 == length.checked_mul(8)?;
        (format == FORMAT && is_whole).then(|| Program {
            instructions: program.chunks_exact(8).map(instruction).collect(),
            flags: FilterFlags::from_bits_retain(u32::try_from(flags).unwrap_or_default()),
        })
    }

    fn encode(&self, program: &Program) -> Vec<u8> {
        let words = program.instructions.iter().map(|instruction| {
            u64::from(instruction.code)
                | u64::from(instruction.jt) << 16
                | u64::from(instruction.jf) << 24
                | u64::from(instruction.k) << 32
        });
        let mut bytes = [*FORMAT, [0; 8]].concat();
        for number in [program.flags.bits().into(), words.len() as u64] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend(&self.source);
        bytes.extend(words.flat_map(u64::to_ne_bytes));
        let checksum = sum(&bytes[SUMMED..]);
        bytes[FORMAT.len()..SUMMED].copy_from_slice(&checksum.to_ne_bytes());
        bytes
    }

    /// What cannot be kept is compiled again the next time.
    fn keep(&self, program: &Program) {
        if make_room(self.directory).is_ok() {
            let _ = store::atomic_write(&self.path(), &self.encode(program), Durability::Boot);
        }
    }
}

/// The directory, made if need be, with room for one more.
fn make_room(directory: &Path) -> Result<(), Errno> {
    let mut maker = DirBuilder::new();
    if let Err(error) = maker.mode(0o700).recursive(true).create(directory) {
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(directory, flags, Mode::empty())?;
    let facts = fstat(&opened)?;
    if !is_ours(facts.st_uid, facts.st_mode) {
        return Err(Errno::PERM);
    }
    let entries: Vec<_> = rustix::fs::Dir::read_from(&opened)?
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_name().to_bytes().starts_with(b"."))
        .collect();
    if entries.len() >= MOST {
        for entry in entries {
            // Somebody else may do the same.
            let _ = rustix::fs::unlinkat(&opened, entry.file_name(), rustix::fs::AtFlags::empty());
        }
    }
    Ok(())
}

/// Whether nobody else may have written there.
fn is_ours(owner: u32, mode: u32) -> bool {
    owner == rustix::process::geteuid().as_raw()
        && !Mode::from_raw_mode(mode).intersects(Mode::WGRP | Mode::WOTH)
}

/// Which build of this program compiles. A copy in memory is a new file each time, for which
/// nothing is kept.
fn compiler() -> Option<Vec<u8>> {
    let facts = stat("/proc/self/exe")
        .ok()
        .filter(|facts| facts.st_nlink > 0)?;
    let mut source = Vec::with_capacity(32 * 1024);
    for number in [
        facts.st_dev,
        facts.st_ino,
        facts.st_size.cast_unsigned(),
        facts.st_mtime.cast_unsigned(),
        facts.st_mtime_nsec,
        facts.st_ctime.cast_unsigned(),
        facts.st_ctime_nsec,
    ] {
        source.extend(number.to_ne_bytes());
    }
    Some(source)
}

/// Good enough to find a file and to notice one that was cut off.
fn sum(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes.try_into().unwrap_or_default())
}

#[allow(clippy::cast_possible_truncation, reason = "the parts of a word")]
fn instruction(bytes: &[u8]) -> Instruction {
    let word = number(bytes);
    Instruction {
        code: word as u16,
        jt: (word >> 16) as u8,
        jf: (word >> 24) as u8,
        k: (word >> 32) as u32,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::seccomp::default_profile;

    fn scratch() -> tempfile::TempDir {
        tempfile::Builder::new()
            .prefix("wharf-filters-")
            .tempdir()
            .unwrap()
    }

    fn kept(directory: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The profile that only `name` tells from others.
    fn profile(name: &str) -> LinuxSeccomp {
        let mut profile = default_profile(&[]);
        profile.syscalls[0].names.push(name.to_owned());
        profile
    }

    #[test]
    fn what_is_kept_is_what_was_compiled() {
        let scratch = scratch();
        let directory = scratch.path().join("filters");
        let (one, other) = (profile("one"), profile("mkdir"));
        let expected = compile(&one).unwrap();
        for _ in 0..2 {
            assert_eq!(compiled(&one, &directory).unwrap(), expected);
            assert_eq!(kept(&directory).len(), 1);
        }
        assert_eq!(
            compiled(&other, &directory).unwrap(),
            compile(&other).unwrap()
        );
        assert_eq!(kept(&directory).len(), 2);
    }

    /// Each byte of the file, turned: what comes out is right in any case.
    #[test]
    fn a_damaged_filter_is_compiled_again() {
        let scratch = scratch();
        let profile = profile("one");
        let expected = compiled(&profile, scratch.path()).unwrap();
        let path = kept(scratch.path()).remove(0);
        let entry = Entry::of(&profile, scratch.path()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(entry.decode(&whole), Some(expected.clone()));
        for place in (0..whole.len()).step_by(97) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            assert_eq!(entry.decode(&damaged), None, "{place}");
            assert_eq!(entry.decode(&whole[..place]), None);
        }
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(compiled(&profile, scratch.path()).unwrap(), expected);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn what_others_could_have_written_is_not_used() {
        let scratch = scratch();
        let profile = profile("one");
        let expected = compiled(&profile, scratch.path()).unwrap();
        let path = kept(scratch.path()).remove(0);
        let entry = Entry::of(&profile, scratch.path()).unwrap();
        assert_eq!(entry.read(), Some(expected.clone()));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o622)).unwrap();
        assert_eq!(entry.read(), None);
        std::fs::remove_file(&path).unwrap();
        std::fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o777)).unwrap();
        assert_eq!(compiled(&profile, scratch.path()).unwrap(), expected);
        assert!(kept(scratch.path()).is_empty());
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let scratch = scratch();
        for number in 0..=MOST {
            compiled(&profile(&number.to_string()), scratch.path()).unwrap();
        }
        assert_eq!(kept(scratch.path()).len(), 1);
    }

    #[test]
    fn a_short_profile_is_not_kept() {
        let scratch = scratch();
        let mut profile = profile("one");
        profile.syscalls.truncate(1);
        profile.syscalls[0].names.truncate(3);
        compiled(&profile, scratch.path()).unwrap();
        assert!(kept(scratch.path()).is_empty());
    }
}
