//! The built-in image `host`: the host's own `/usr` over a base layer with a fresh `/etc` and
//! empty directories. Nothing of the host but its programs, and those few files of `/etc` that
//! programs need and everybody may read.
//!
//! The base layer is made once and named after what it was made of (`host/key.rs`); a run costs a
//! few `lstat`s.

mod base;
mod etc;
mod key;

use std::path::{Path, PathBuf};

use rustix::io::Errno;
use spec::image::ContainerDefaults;

use crate::Error;
use crate::content::Images;
use crate::scratch::Scratch;
use crate::stack::{Extra, Stack};

/// The name of the built-in image.
pub const NAME: &str = "host";

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether a text means the built-in image.
pub fn is_built_in(name: &str) -> bool {
    matches!(name, NAME | "host:latest")
}

/// The directories of the built-in image, whose base layer is made if need be.
///
/// # Errors
/// When the base layer cannot be made.
pub(crate) fn stack(images: &Images) -> Result<Stack, Error> {
    let state = key::State::look()?;
    let base = images.host_bases().join(&state.key);
    if !base.exists() {
        make(images, &base)?;
    }
    let programs = std::iter::once("usr").chain(state.separate);
    let shell = match Path::new("/bin/bash").exists() {
        true => "/bin/bash",
        false => "/bin/sh",
    };
    Ok(Stack {
        root: vec![base],
        extra: programs.map(extra).collect(),
        config: ContainerDefaults {
            env: vec![PATH.to_owned()],
            cmd: vec![shell.to_owned()],
            ..Default::default()
        },
        id: None,
        name: NAME.to_owned(),
    })
}

/// Where the base layer for the host as it is now belongs.
pub(crate) fn base(images: &Images) -> Result<PathBuf, Error> {
    Ok(images.host_bases().join(key::State::look()?.key))
}

fn extra(name: &str) -> Extra {
    let path = Path::new("/").join(name);
    Extra {
        destination: path.clone(),
        lower: path,
    }
}

/// Makes the base layer beside its place, and moves it there; somebody else may have been faster.
fn make(images: &Images, place: &Path) -> Result<(), Error> {
    images.create()?;
    let scratch = Scratch::new(images.root())?;
    let tree = scratch.path().join("tree");
    base::make(&tree)?;
    match rustix::fs::rename(&tree, place) {
        Ok(()) | Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(()),
        Err(errno) => Err(Error::errno("naming", place)(errno)),
    }
}

#[cfg(test)]
mod tests;
