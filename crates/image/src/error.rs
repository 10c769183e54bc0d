//! What can go wrong with images.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::reference::Malformed;
use crate::{Digest, registry, unpack};

/// A failed operation: what was being done to which object, and why not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused an operation on a file.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was being done, as `reading`.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file of the store could not be written, locked or removed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A name of an image that is none.
    #[error("{text:?} is no name of an image")]
    Reference {
        /// As given.
        text: String,
        /// What is wrong with it.
        #[source]
        source: Malformed,
    },
    /// A digest that is none, or of another algorithm than SHA-256.
    #[error("{text:?} is no digest sha256:<64 hexadecimal digits>")]
    Digest {
        /// As given.
        text: String,
    },
    /// There is no such image.
    #[error("no image {name:?} is here")]
    NotFound {
        /// As given.
        name: String,
    },
    /// The beginning of an id means several images.
    #[error("{prefix:?} is the beginning of more than one image's id")]
    Ambiguous {
        /// As given.
        prefix: String,
    },
    /// The name of the built-in image.
    #[error("{name:?} is the name of the built-in image, which cannot be made or removed")]
    BuiltIn {
        /// As given.
        name: String,
    },
    /// A document of the store is not what it should be.
    #[error("{} is damaged", .path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// Which key, and what was expected.
        #[source]
        source: spec::Error,
    },
    /// A document could not be put into words.
    #[error("writing {what}")]
    Serialize {
        /// The document.
        what: &'static str,
        /// What the serializer says.
        #[source]
        source: serde_json::Error,
    },
    /// Content is not what its digest says.
    #[error("{what} has the digest {found}, not {expected}")]
    WrongDigest {
        /// The content.
        what: String,
        /// Its digest.
        found: Digest,
        /// What was said.
        expected: Digest,
    },
    /// An image without a layer of its own here, which can be used by nobody.
    #[error("layer {layer} of image {image} is missing in the store")]
    MissingLayer {
        /// The diff id.
        layer: Digest,
        /// The image's id.
        image: Digest,
    },
    /// A layer could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] unpack::Error),
    /// A document or an image that nothing can be done with.
    #[error("{what} cannot be used: {why}")]
    Unusable {
        /// What it is.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no image for this platform.
    #[error("there is no image for {wanted}, only for {available}")]
    NoPlatform {
        /// As asked for.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// A stream of content failed.
    #[error("{what}")]
    Stream {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Something else that was being done at the same time failed.
    #[error("stopped because something else failed")]
    Stopped,
    /// A registry could not be asked, or did not give what was asked for.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// No file of this name is on the host.
    #[error("{} does not exist", .0.display())]
    NoSuchFile(PathBuf),
    /// The links of a name lead in a circle.
    #[error("{} leads through more than 40 links", .0.display())]
    TooManyLinks(PathBuf),
    /// A file that nothing can be made of.
    #[error("{} is a socket, a pipe or a device, which an image cannot take over", .0.display())]
    SpecialFile(PathBuf),
    /// A file that is no program.
    #[error("{} is no program: {why}", .path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// A damaged program or library.
    #[error("{} is a damaged ELF file", .path.display())]
    Elf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: program::elf::Error,
    },
    /// A program for a machine that images cannot name.
    #[error("{} is for a machine (ELF number {machine}) that images have no name for", .path.display())]
    UnknownMachine {
        /// The program.
        path: PathBuf,
        /// As in the ELF header.
        machine: u16,
    },
    /// The program that starts another one is not on the host.
    #[error("{} needs the interpreter {}, which is not on this host",
        .program.display(), .interpreter.display())]
    MissingInterpreter {
        /// The program or script.
        program: PathBuf,
        /// Its ELF interpreter, or that of its first line.
        interpreter: PathBuf,
    },
    /// A library is not on the host.
    #[error("{} needs the library {}, which is not on this host{}",
        .program.display(), .library.display(), through(.program, .needed_by))]
    MissingLibrary {
        /// The program that was asked for.
        program: PathBuf,
        /// The library, as it is asked for.
        library: OsString,
        /// The object that asks for it.
        needed_by: PathBuf,
    },
    /// An image of nothing.
    #[error("an image from the host needs at least one binary")]
    NoBinaries,
}

/// Says who wants a library if it is not the program itself.
fn through(program: &Path, needed_by: &Path) -> String {
    match program.file_name() == needed_by.file_name() {
        true => String::new(),
        false => format!(" (needed by {})", needed_by.display()),
    }
}

impl Error {
    /// For `map_err`: an operation on `path` that failed.
    pub(crate) fn io(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }

    /// For `map_err`: a stream that failed. What a registry said is told in its own words.
    pub(crate) fn stream(what: &str) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let what = what.to_owned();
        move |source| match source.downcast::<registry::Error>() {
            Ok(error) => Self::Registry(error),
            Err(source) => Self::Stream { what, source },
        }
    }

    /// For `map_err`: an operation on `path` that the kernel refused.
    pub(crate) fn errno(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(Errno) -> Self + use<> {
        let failed = Self::io(operation, path);
        move |errno| failed(errno.into())
    }
}
