//! What a program lacks in a root made of layers, without running it: the library or interpreter
//! that its loader would not find.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::from_host;
use crate::tree::{Part, Tree};

/// What the program `name`, found in the directories of `search`, does not find in the layers of
/// `parts`, as a clause; `None` when nothing is known to be missing.
pub fn lacking(parts: Vec<Part>, name: &str, search: &str) -> Option<String> {
    let mut tree = Tree::of_layers(parts);
    let path = find(&tree, name, search)?;
    match from_host::check(&mut tree, &path) {
        Err(Error::MissingLibrary {
            program, library, ..
        }) => Some(format!(
            "{} needs the library {}, which is not there",
            program.display(),
            library.display()
        )),
        Err(Error::MissingInterpreter {
            program,
            interpreter,
        }) => Some(format!(
            "{} is run with {}, which is not there",
            program.display(),
            interpreter.display()
        )),
        // What cannot be read says nothing about the program.
        Ok(()) | Err(_) => None,
    }
}

fn find(tree: &Tree, name: &str, search: &str) -> Option<PathBuf> {
    if name.contains('/') {
        let path = Path::new(name);
        return path.is_absolute().then(|| path.to_owned());
    }
    let paths = search
        .split(':')
        .map(|directory| Path::new(directory).join(OsStr::new(name)));
    let mut paths = paths.filter(|path| path.is_absolute());
    paths.find(|path| tree.follow(path).is_ok_and(|way| way.is_some()))
}
