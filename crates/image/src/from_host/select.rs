//! Which files of the host an image needs.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use program::script;

use super::config::PATH;
use crate::Error;
use crate::elf::{Loader, Object};
use crate::tree::{NodeKind, Tree};

/// As the kernel's own limit on scripts that are run by scripts.
const MOST_INTERPRETERS: usize = 4;

/// What was found out about the named programs.
#[derive(Debug)]
pub(super) struct Selection {
    /// The programs, as absolute paths.
    pub(super) binaries: Vec<PathBuf>,
    /// For which machine the first one is.
    pub(super) architecture: &'static str,
}

/// Selects programs with all they need, and further files.
pub(super) fn select(
    tree: &mut Tree,
    binaries: &[PathBuf],
    with: &[PathBuf],
) -> Result<Selection, Error> {
    let mut programs = Programs {
        loader: Loader::new(tree),
        tree,
    };
    let mut absolute = Vec::new();
    let mut architecture = None;
    for binary in binaries {
        let path = std::path::absolute(binary).map_err(Error::io("resolving", binary))?;
        let object = programs.select(&path, 0)?;
        architecture = architecture.or(Some(named(&path, &object)?));
        absolute.push(path);
    }
    for file in with {
        let path = std::path::absolute(file).map_err(Error::io("resolving", file))?;
        select_file(programs.tree, &path)?;
    }
    Ok(Selection {
        binaries: absolute,
        architecture: architecture.ok_or(Error::NoBinaries)?,
    })
}

/// Whether all that the program at `path` needs is there.
pub(crate) fn check(tree: &mut Tree, path: &Path) -> Result<(), Error> {
    let mut programs = Programs {
        loader: Loader::new(tree),
        tree,
    };
    programs.select(path, 0).map(drop)
}

fn named(path: &Path, object: &Object) -> Result<&'static str, Error> {
    object
        .abi
        .architecture()
        .ok_or_else(|| Error::UnknownMachine {
            path: path.to_owned(),
            machine: object.abi.machine,
        })
}

fn select_file(tree: &mut Tree, path: &Path) -> Result<(), Error> {
    let way = tree
        .follow(path)?
        .ok_or_else(|| Error::NoSuchFile(path.to_owned()))?;
    tree.select(&way);
    match way.node.kind {
        NodeKind::Directory => tree.select_below(&way.end),
        NodeKind::Special => Err(Error::SpecialFile(path.to_owned())),
        NodeKind::File | NodeKind::Link(_) => Ok(()),
    }
}

struct Programs<'a> {
    tree: &'a mut Tree,
    loader: Loader,
}

impl Programs<'_> {
    /// Selects a program, and gives back the ELF program that the kernel starts for it in the end.
    fn select(&mut self, path: &Path, depth: usize) -> Result<std::rc::Rc<Object>, Error> {
        let way = self.tree.follow(path)?;
        let way = way.ok_or_else(|| Error::NoSuchFile(path.to_owned()))?;
        let not_executable = |why| Error::NotExecutable {
            path: path.to_owned(),
            why,
        };
        if way.node.kind != NodeKind::File {
            return Err(not_executable("it is no regular file"));
        }
        if way.node.mode & 0o111 == 0 {
            return Err(not_executable("it has no execute permission"));
        }
        if depth > MOST_INTERPRETERS {
            return Err(not_executable(
                "it has a script as interpreter, too many times over",
            ));
        }
        self.tree.select(&way);
        if let Some(object) = self.loader.object(self.tree, &way)? {
            self.loader.load(self.tree, path, &way, object.clone())?;
            return Ok(object);
        }
        let found = script::interpreter(&self.start(&way.end)?);
        let found = found.ok_or_else(|| not_executable("it is neither ELF nor a script"))?;
        let object = self.interpreter(path, &found.path, depth)?;
        match found.by_env {
            Some(command) => {
                let command = self.in_path(path, Path::new(&command))?;
                self.interpreter(path, &command, depth)
            }
            None => Ok(object),
        }
    }

    fn interpreter(
        &mut self,
        script: &Path,
        interpreter: &Path,
        depth: usize,
    ) -> Result<std::rc::Rc<Object>, Error> {
        let selected = self.select(interpreter, depth + 1);
        selected.map_err(|error| match error {
            Error::NoSuchFile(missing) if missing == interpreter => Error::MissingInterpreter {
                program: script.to_owned(),
                interpreter: missing,
            },
            error => error,
        })
    }

    /// Where `env` will find a command: the image's own search path counts.
    fn in_path(&self, script: &Path, command: &Path) -> Result<PathBuf, Error> {
        if command.is_absolute() {
            return Ok(command.to_owned());
        }
        for directory in PATH.split(':') {
            let path = Path::new(directory).join(command);
            let way = self.tree.follow(&path)?;
            if way.is_some_and(|way| way.node.mode & 0o111 != 0) {
                return Ok(path);
            }
        }
        Err(Error::MissingInterpreter {
            program: script.to_owned(),
            interpreter: command.to_owned(),
        })
    }

    fn start(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let on_host = self.tree.on_host(path);
        let mut bytes = Vec::new();
        let file = File::open(&on_host).map_err(Error::io("opening", &on_host))?;
        let read = file.take(script::LINE).read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(Error::io("reading", &on_host))
    }
}
