//! One ELF file: what its dynamic section says to the loader. Read by the program headers alone,
//! as loaders do; sections may have been stripped.
//!
//! Source: System V ABI, "Dynamic Section"; ld.so(8).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
pub use object::read::{Error, ReadCache, Result};
use object::read::{ReadRef, StringTable};

/// Entries of the default directories are not for this object.
const DF_1_NODEFLIB: u64 = 0x800;

/// For which machine an object is; only equal ones can be loaded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abi {
    /// Whether addresses have 64 bits.
    pub is_64: bool,
    /// Whether the highest byte comes first.
    pub is_big_endian: bool,
    /// The number of the processor's kind.
    pub machine: u16,
}

/// What a loader reads of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// For which machine it is.
    pub abi: Abi,
    /// `PT_INTERP`.
    pub interpreter: Option<PathBuf>,
    /// `DT_SONAME`.
    pub soname: Option<OsString>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<OsString>,
    /// `DT_RPATH`; empty when there is a `DT_RUNPATH`, which makes loaders ignore it.
    pub rpath: Vec<OsString>,
    /// `DT_RUNPATH`.
    pub runpath: Option<Vec<OsString>>,
    /// `DF_1_NODEFLIB`.
    pub no_default_directories: bool,
}

impl Object {
    /// Reads an object; `None` when it is no ELF file.
    ///
    /// # Errors
    /// When it is a damaged ELF file, or `data` does not have all that is read of it.
    pub fn parse<'data>(data: impl ReadRef<'data>) -> Result<Option<Self>> {
        let ident = data.read_bytes_at(0, 6).unwrap_or_default();
        match ident {
            [0x7f, b'E', b'L', b'F', 1, _] => parse::<FileHeader32<Endianness>, _>(data).map(Some),
            [0x7f, b'E', b'L', b'F', 2, _] => parse::<FileHeader64<Endianness>, _>(data).map(Some),
            _ => Ok(None),
        }
    }
}

/// The loader that an ELF file names (`PT_INTERP`), of which the beginning is enough; `None` when
/// there is none.
pub fn loader<'data>(data: impl ReadRef<'data>) -> Option<PathBuf> {
    let ident = data.read_bytes_at(0, 5).ok()?;
    match ident {
        [0x7f, b'E', b'L', b'F', 1] => loader_of::<FileHeader32<Endianness>, _>(data),
        [0x7f, b'E', b'L', b'F', 2] => loader_of::<FileHeader64<Endianness>, _>(data),
        _ => None,
    }
}

fn loader_of<'data, Elf, R>(data: R) -> Option<PathBuf>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = Elf::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let mut paths = segments.iter();
    let path = paths.find_map(|segment| segment.interpreter(endian, data).ok()?)?;
    Some(OsString::from_vec(path.to_vec()).into())
}

impl Abi {
    /// As image configurations name it (Go's GOARCH).
    pub fn architecture(self) -> Option<&'static str> {
        Some(
            match (elf::Machine(self.machine), self.is_64, self.is_big_endian) {
                (elf::EM_X86_64, ..) => "amd64",
                (elf::EM_386, ..) => "386",
                (elf::EM_AARCH64, ..) => "arm64",
                (elf::EM_ARM, ..) => "arm",
                (elf::EM_RISCV, true, _) => "riscv64",
                (elf::EM_PPC64, _, false) => "ppc64le",
                (elf::EM_PPC64, _, true) => "ppc64",
                (elf::EM_S390, true, _) => "s390x",
                (elf::EM_LOONGARCH, true, _) => "loong64",
                _ => return None,
            },
        )
    }

    /// What the kernel tells programs as `AT_PLATFORM`, for `$PLATFORM`.
    pub fn platform(self) -> Option<&'static str> {
        Some(match elf::Machine(self.machine) {
            elf::EM_X86_64 => "x86_64",
            elf::EM_386 => "i686",
            elf::EM_AARCH64 => "aarch64",
            _ => return None,
        })
    }
}

fn parse<'data, Elf, R>(data: R) -> Result<Object>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = Elf::parse(data)?;
    let endian = header.endian()?;
    let mut object = Object {
        abi: Abi {
            is_64: header.is_class_64(),
            is_big_endian: header.is_big_endian(),
            machine: header.e_machine(endian).0,
        },
        interpreter: None,
        soname: None,
        needed: Vec::new(),
        rpath: Vec::new(),
        runpath: None,
        no_default_directories: false,
    };
    let segments = header.program_headers(endian, data)?;
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            object.interpreter = Some(OsString::from_vec(path.to_vec()).into());
        }
        if let Some(entries) = segment.dynamic(endian, data)? {
            let end = entries
                .iter()
                .position(|entry| entry.tag(endian) == elf::DT_NULL);
            let entries = entries
                .get(..end.unwrap_or(entries.len()))
                .unwrap_or_default();
            if let Some(strings) = string_table::<Elf, R>(segments, entries, endian, data) {
                read_dynamic(&mut object, entries, endian, strings)?;
            }
        }
    }
    Ok(object)
}

/// The table that `DT_STRTAB` points to with an address of the loaded object.
fn string_table<'data, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    segments: &[Elf::ProgramHeader],
    entries: &[Elf::Dyn],
    endian: Endianness,
    data: R,
) -> Option<StringTable<'data, R>> {
    let value = |tag| {
        let entry = entries.iter().find(|entry| entry.tag(endian) == tag)?;
        Some(entry.val(endian))
    };
    let (address, size) = (value(elf::DT_STRTAB)?, value(elf::DT_STRSZ)?);
    segments.iter().find_map(|segment| {
        let start: u64 = segment.p_vaddr(endian).into();
        let (offset, length) = segment.file_range(endian);
        let inside = address
            .checked_sub(start)
            .filter(|&inside| inside < length)?;
        if segment.p_type(endian) != elf::PT_LOAD {
            return None;
        }
        let begin = offset.checked_add(inside)?;
        Some(StringTable::new(data, begin, begin.checked_add(size)?))
    })
}

fn read_dynamic<'data, Entry: Dyn<Endian = Endianness>, R: ReadRef<'data>>(
    object: &mut Object,
    entries: &[Entry],
    endian: Endianness,
    strings: StringTable<'data, R>,
) -> Result<()> {
    for entry in entries {
        let string = || {
            let bytes = entry.string(endian, strings)?;
            Ok::<_, Error>(OsString::from_vec(bytes.to_vec()))
        };
        match entry.tag(endian) {
            elf::DT_NEEDED => object.needed.push(string()?),
            elf::DT_SONAME => object.soname = Some(string()?),
            elf::DT_RPATH => object.rpath = split(string()?),
            elf::DT_RUNPATH => object.runpath = Some(split(string()?)),
            elf::DT_FLAGS_1 => {
                object.no_default_directories = entry.val(endian) & DF_1_NODEFLIB != 0;
            }
            _ => {}
        }
    }
    if object.runpath.is_some() {
        object.rpath.clear();
    }
    Ok(())
}

/// The directories of a search path.
fn split(path: OsString) -> Vec<OsString> {
    let directories = path.into_vec();
    directories
        .split(|&b| b == b':')
        .map(|part| OsString::from_vec(part.to_vec()))
        .collect()
}
