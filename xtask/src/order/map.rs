//! LLD's map of a program: which piece of which object lies where.
//!
//! ```text
//!      VMA      LMA     Size Align Out     In      Symbol
//!   483740   483740       1d    16         /…/name.rcgu.o:(.text._ZN5wharf4main17h0123456789abcdefE)
//! ```

/// A piece of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section<'a> {
    start: u64,
    size: u64,
    /// The object, or `archive(member)`.
    object: &'a str,
    name: &'a str,
}

/// All pieces of code, by their addresses.
pub(super) fn sections(map: &str) -> Vec<Section<'_>> {
    let mut found: Vec<_> = map.lines().filter_map(section).collect();
    found.sort_by_key(|section| section.start);
    found
}

fn section(line: &str) -> Option<Section<'_>> {
    let (place, name) = line.strip_suffix(')')?.rsplit_once(":(")?;
    if name != ".text" && !name.starts_with(".text.") {
        return None;
    }
    let mut fields = place.trim_start().splitn(4, char::is_whitespace);
    let start = u64::from_str_radix(fields.next()?, 16).ok()?;
    let mut rest = place.split_whitespace();
    let size = u64::from_str_radix(rest.nth(2)?, 16).ok()?;
    Some(Section {
        start,
        size,
        object: rest.nth(1)?,
        name,
    })
}

/// The piece with this address.
pub(super) fn at<'a, 'b>(sections: &'b [Section<'a>], address: u64) -> Option<&'b Section<'a>> {
    let after = sections.partition_point(|section| section.start <= address);
    let section = sections.get(after.checked_sub(1)?)?;
    (address < section.start + section.size).then_some(section)
}

impl Section<'_> {
    /// How a linker script names it: a function of Rust has a section of its own, the C library's
    /// have their objects.
    pub(super) fn pattern(&self) -> String {
        let file = self.object.rsplit('/').next().unwrap_or(self.object);
        match file.strip_suffix(')').and_then(|file| file.split_once('(')) {
            Some((archive, member)) if !archive.ends_with(".rlib") => {
                format!("*{archive}:{member}({})", self.name)
            }
            _ if self.name == ".text" => format!("*{file}(.text)"),
            _ => format!("*({})", self.name),
        }
    }

    /// The same without the hash that ends a function's name in Rust and changes with every version
    /// of anything; none for what has no such name. It takes all instances of a generic function.
    pub(super) fn pattern_of_any_version(&self) -> Option<String> {
        let (name, _) = self.name.split_once("17h")?;
        Some(format!("*({name}17h*)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
          483740           483740   c8d490    16 .text
          483740           483740       1d    16         /t/deps/wharf-1.2.rcgu.o:(.text._ZN5wharf4main17h0123456789abcdefE)
          483740           483740        0     1                 _ZN5wharf4main17h0123456789abcdefE
          483760           483760       40    16         /usr/lib/libc.a(malloc.o):(.text)
          4837a0           4837a0       10    16         /t/libcore-1.rlib(core.o):(.text.memcpy)
          483800           483800       10    16 .data
          483800           483800       10    16         /t/a.o:(.data)
";

    #[test]
    fn code_is_found_by_its_address() {
        let sections = sections(MAP);
        let pattern = |address| at(&sections, address).map(Section::pattern);
        let main = "*(.text._ZN5wharf4main17h0123456789abcdefE)".to_owned();
        assert_eq!(pattern(0x48_3740), Some(main.clone()));
        assert_eq!(pattern(0x48_375c), Some(main));
        assert_eq!(pattern(0x48_375d), None);
        assert_eq!(pattern(0x48_3761).unwrap(), "*libc.a:malloc.o(.text)");
        assert_eq!(pattern(0x48_37a0).unwrap(), "*(.text.memcpy)");
        assert_eq!(pattern(0x48_3800), None);
        assert_eq!(pattern(1), None);
    }

    #[test]
    fn only_functions_of_rust_have_versions() {
        let sections = sections(MAP);
        let any = |address| at(&sections, address).unwrap().pattern_of_any_version();
        assert_eq!(any(0x48_3740).unwrap(), "*(.text._ZN5wharf4main17h*)");
        assert_eq!(any(0x48_3761), None);
    }
}
