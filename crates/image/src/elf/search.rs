//! Where a loader looks for a library, in order. Pure: nothing is opened here.
//!
//! Source: ld.so(8) and glibc's `_dl_map_object`; musl's `load_library`.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use program::elf::Abi;

use super::{Object, defaults};

/// What is common to all libraries of a program.
#[derive(Debug, Clone)]
pub(super) struct System {
    pub(super) abi: Abi,
    pub(super) is_musl: bool,
    /// The directories that are searched last.
    pub(super) defaults: Vec<PathBuf>,
    /// Those of them that the loader knows without reading a file.
    pub(super) compiled_in: Vec<PathBuf>,
    /// The file that tells it of others.
    pub(super) guide: PathBuf,
}

/// An object that needs a library.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requester<'a> {
    pub(super) object: &'a Object,
    /// The directory it was loaded from.
    pub(super) origin: &'a Path,
}

/// A place to look in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Directory(PathBuf),
    /// The loader's cache.
    Cache {
        /// Leaving out what is in a default directory.
        without_defaults: bool,
    },
}

/// Where a library is looked for. `chain` is the object that needs it, the object that needed
/// that one, and so on up to the program.
pub(super) fn places(chain: &[Requester<'_>], system: &System) -> Vec<Place> {
    let Some(requester) = chain.first() else {
        return Vec::new();
    };
    let mut places = Vec::new();
    let without_defaults = requester.object.no_default_directories;
    if system.is_musl {
        // For musl the two are one, and both are inherited.
        for link in chain {
            let path = link.object.runpath.as_ref().unwrap_or(&link.object.rpath);
            places.extend(directories(path, link, system));
        }
    } else {
        if requester.object.runpath.is_none() {
            for link in chain {
                places.extend(directories(&link.object.rpath, link, system));
            }
        }
        let runpath = requester.object.runpath.as_deref().unwrap_or_default();
        places.extend(directories(runpath, requester, system));
        places.push(Place::Cache { without_defaults });
    }
    if !without_defaults {
        places.extend(system.defaults.iter().cloned().map(Place::Directory));
    }
    places
}

fn directories(
    path: &[impl AsRef<OsStr>],
    requester: &Requester<'_>,
    system: &System,
) -> Vec<Place> {
    path.iter()
        .filter_map(|part| expand(part.as_ref(), requester.origin, system))
        // A relative one means another directory in every working directory: never ours.
        .filter(|directory| directory.is_absolute())
        .map(Place::Directory)
        .collect()
}

/// Puts in what `$ORIGIN`, `$LIB` and `$PLATFORM` stand for; `None` when one is not known, for
/// then loaders leave the directory out.
pub(super) fn expand(text: &OsStr, origin: &Path, system: &System) -> Option<PathBuf> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(dollar) = rest.iter().position(|&b| b == b'$') {
        out.extend_from_slice(rest.get(..dollar)?);
        rest = rest.get(dollar..)?;
        let (token, length) = token(rest);
        match token {
            Some(Token::Origin) => out.extend_from_slice(origin.as_os_str().as_bytes()),
            Some(Token::Lib) => out.extend_from_slice(lib(system)?.as_os_str().as_bytes()),
            Some(Token::Platform) => out.extend_from_slice(system.abi.platform()?.as_bytes()),
            None => out.push(b'$'),
        }
        rest = rest.get(length..)?;
    }
    out.extend_from_slice(rest);
    Some(std::ffi::OsString::from_vec(out).into())
}

enum Token {
    Origin,
    Lib,
    Platform,
}

/// The token that a text beginning with a dollar sign begins with, and its length.
fn token(text: &[u8]) -> (Option<Token>, usize) {
    let braced = text.get(1) == Some(&b'{');
    let name = text.get(if braced { 2 } else { 1 }..).unwrap_or_default();
    for (token, word) in [
        (Token::Origin, &b"ORIGIN"[..]),
        (Token::Lib, b"LIB"),
        (Token::Platform, b"PLATFORM"),
    ] {
        let behind = name
            .strip_prefix(word)
            .map(|behind| behind.first().copied());
        match behind {
            Some(Some(b'}')) if braced => return (Some(token), word.len() + 3),
            Some(next) if !braced && !next.is_some_and(is_word) => {
                return (Some(token), word.len() + 1);
            }
            _ => {}
        }
    }
    (None, 1)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What `$LIB` stands for: the first default directory, seen from `/`.
fn lib(system: &System) -> Option<&Path> {
    system.defaults.first()?.strip_prefix("/").ok()
}

impl System {
    /// Whether the loader finds what is in this directory only with its file; `listed` is whether
    /// the file was asked, in glibc's case.
    pub(super) fn needs_guide(&self, directory: &Path, listed: bool) -> bool {
        let within = |all: &[PathBuf]| all.iter().any(|one| one == directory);
        (listed || (self.is_musl && within(&self.defaults))) && !within(&self.compiled_in)
    }

    /// The system of programs with this interpreter.
    pub(super) fn new(
        abi: Abi,
        interpreter: &Path,
        loader: &[u8],
        musl_path: impl FnOnce(&str) -> Option<String>,
    ) -> Self {
        match defaults::musl_architecture(interpreter) {
            Some(architecture) => Self {
                abi,
                is_musl: true,
                defaults: defaults::of_musl(musl_path(architecture).as_deref()),
                compiled_in: defaults::of_musl(None),
                guide: defaults::musl_path_file(architecture),
            },
            None => Self {
                abi,
                is_musl: false,
                defaults: defaults::of_glibc(loader),
                compiled_in: defaults::of_glibc(loader),
                guide: super::CACHE.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(is_musl: bool) -> System {
        let abi = Abi {
            is_64: true,
            is_big_endian: false,
            machine: 62,
        };
        System {
            abi,
            is_musl,
            defaults: vec!["/lib/x".into(), "/lib".into()],
            compiled_in: vec!["/lib/x".into(), "/lib".into()],
            guide: "/etc/ld.so.cache".into(),
        }
    }

    fn object(rpath: &[&str], runpath: Option<&[&str]>) -> Object {
        Object {
            abi: system(false).abi,
            interpreter: None,
            soname: None,
            needed: Vec::new(),
            rpath: rpath.iter().map(Into::into).collect(),
            runpath: runpath.map(|path| path.iter().map(Into::into).collect()),
            no_default_directories: false,
        }
    }

    fn searched(objects: &[&Object], is_musl: bool) -> String {
        let requester = |object| Requester {
            object,
            origin: Path::new("/o"),
        };
        let chain: Vec<_> = objects.iter().map(|object| requester(*object)).collect();
        let places = places(&chain, &system(is_musl));
        let text = places.iter().map(|place| match place {
            Place::Directory(path) => path.display().to_string(),
            Place::Cache { .. } => "cache".to_owned(),
        });
        text.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_rpath_is_inherited_and_a_runpath_is_not() {
        let program = object(&["/program"], None);
        let library = object(&["/library"], None);
        let modern = object(&[], Some(&["/modern"]));
        let all = "/library /program cache /lib/x /lib";
        assert_eq!(searched(&[&library, &program], false), all);
        assert_eq!(
            searched(&[&modern, &program], false),
            "/modern cache /lib/x /lib"
        );
        assert_eq!(
            searched(&[&library, &modern], false),
            "/library cache /lib/x /lib"
        );
    }

    #[test]
    fn musl_inherits_both_and_has_no_cache() {
        let program = object(&[], Some(&["/program"]));
        let library = object(&["/library"], None);
        assert_eq!(
            searched(&[&library, &program], true),
            "/library /program /lib/x /lib"
        );
    }

    #[test]
    fn tokens_are_expanded_and_relative_directories_left_out() {
        let path = [
            "$ORIGIN/../a",
            "${LIB}/b",
            "/c/$PLATFORM",
            "/$LIB",
            "d",
            "",
            "/$ORIGINAL",
        ];
        let expected = "/o/../a /c/x86_64 /lib/x /$ORIGINAL cache /lib/x /lib";
        assert_eq!(searched(&[&object(&path, None)], false), expected);
    }

    #[test]
    fn nodeflib_takes_the_default_directories_away() {
        let mut object = object(&["/r"], None);
        object.no_default_directories = true;
        assert_eq!(searched(&[&object], false), "/r cache");
    }
}
