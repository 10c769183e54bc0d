//! The loader's work without loading: starting from a program, each library that is needed is
//! found and selected, with the links that lead to it.
//!
//! What programs load by themselves later (`dlopen`) is not known here.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use program::elf::ReadCache;

use super::ld_cache::{self, Entry};
use super::search::{self, Place, Requester, System};
use super::{CACHE, Object, defaults};
use crate::Error;
use crate::tree::{NodeKind, Tree, Way};

/// The object in a file; `None` when it is no ELF file.
fn read(path: &Path) -> Result<Option<Object>, Error> {
    let file = File::open(path).map_err(Error::io("opening", path))?;
    Object::parse(&ReadCache::new(file)).map_err(|source| Error::Elf {
        path: path.to_owned(),
        source,
    })
}

/// Below a library directory: variants for newer processors.
const HWCAPS: &str = "glibc-hwcaps";

/// Finds the libraries of programs.
#[derive(Debug)]
pub(crate) struct Loader {
    cache: Vec<Entry>,
    systems: HashMap<PathBuf, Rc<System>>,
    /// By their paths without links; `None` for what is no ELF file.
    objects: HashMap<PathBuf, Option<Rc<Object>>>,
}

/// An object in the program's memory.
struct Loaded {
    object: Rc<Object>,
    /// The directory it came from.
    origin: PathBuf,
    /// Its path without links.
    end: PathBuf,
    /// By which names it is known.
    names: Vec<OsString>,
    /// Which one needed it.
    parent: Option<usize>,
}

/// A library that was found.
struct Library {
    way: Way,
    object: Rc<Object>,
    /// As the loader opens it.
    path: PathBuf,
}

impl Loader {
    /// A loader with the cache of the host.
    pub(crate) fn new(tree: &Tree) -> Self {
        let cache = std::fs::read(tree.on_host(Path::new(CACHE))).ok();
        Self {
            cache: cache
                .and_then(|file| ld_cache::parse(&file))
                .unwrap_or_default(),
            systems: HashMap::new(),
            objects: HashMap::new(),
        }
    }

    /// The object at the end of a way, or `None` when it is no ELF file.
    pub(crate) fn object(&mut self, tree: &Tree, way: &Way) -> Result<Option<Rc<Object>>, Error> {
        if let Some(known) = self.objects.get(&way.end) {
            return Ok(known.clone());
        }
        let object = match way.node.kind {
            NodeKind::File => read(&tree.on_host(&way.end))?.map(Rc::new),
            _ => None,
        };
        self.objects.insert(way.end.clone(), object.clone());
        Ok(object)
    }

    /// Selects the interpreter of `program` and all libraries it needs.
    ///
    /// # Errors
    /// [`Error::MissingLibrary`] and [`Error::MissingInterpreter`], which name the program.
    pub(crate) fn load(
        &mut self,
        tree: &mut Tree,
        program: &Path,
        way: &Way,
        object: Rc<Object>,
    ) -> Result<(), Error> {
        // Without one, the kernel starts the program directly: it needs nothing.
        let Some(interpreter) = object.interpreter.clone() else {
            return Ok(());
        };
        let missing = || Error::MissingInterpreter {
            program: program.to_owned(),
            interpreter: interpreter.clone(),
        };
        let loader = tree.follow(&interpreter)?.ok_or_else(missing)?;
        let loader_object = self.object(tree, &loader)?.ok_or_else(missing)?;
        let system = self.system(tree, &interpreter, &loader, &object)?;
        tree.select(&loader);
        let mut loaded = vec![
            Loaded::new(way.end.clone(), &way.end, object, None),
            Loaded::new(loader.end, &interpreter, loader_object, None),
        ];
        let mut next = 0;
        while let Some(current) = loaded.get(next) {
            for name in current.object.needed.clone() {
                self.need(tree, program, &mut loaded, next, &name, &system)?;
            }
            next += 1;
        }
        Ok(())
    }

    fn system(
        &mut self,
        tree: &Tree,
        interpreter: &Path,
        loader: &Way,
        program: &Object,
    ) -> Result<Rc<System>, Error> {
        if let Some(system) = self.systems.get(interpreter) {
            return Ok(Rc::clone(system));
        }
        let on_host = tree.on_host(&loader.end);
        let bytes = std::fs::read(&on_host).map_err(Error::io("reading", &on_host))?;
        let musl_path = |architecture: &str| {
            std::fs::read_to_string(tree.on_host(&defaults::musl_path_file(architecture))).ok()
        };
        let system = Rc::new(System::new(program.abi, interpreter, &bytes, musl_path));
        self.systems
            .insert(interpreter.to_owned(), Rc::clone(&system));
        Ok(system)
    }

    /// Loads what object number `by` needs under `name`, unless it is loaded already.
    fn need(
        &mut self,
        tree: &mut Tree,
        program: &Path,
        loaded: &mut Vec<Loaded>,
        by: usize,
        name: &OsStr,
        system: &System,
    ) -> Result<(), Error> {
        let known = |one: &Loaded| one.names.iter().any(|known| known == name);
        if loaded.iter().any(known) || (system.is_musl && is_part_of_musl(name)) {
            return Ok(());
        }
        let chain = chain(loaded, by);
        let libraries = self.find(tree, &chain, name, system)?;
        if libraries.is_empty() {
            let needed_by = loaded
                .get(by)
                .map(|one| one.end.clone())
                .unwrap_or_default();
            return Err(Error::MissingLibrary {
                program: program.to_owned(),
                library: name.to_owned(),
                needed_by,
            });
        }
        for library in libraries {
            tree.select(&library.way);
            let same = loaded.iter_mut().find(|one| one.end == library.way.end);
            match same {
                Some(one) => one.names.push(name.to_owned()),
                None => {
                    let mut new =
                        Loaded::new(library.way.end, &library.path, library.object, Some(by));
                    new.names.push(name.to_owned());
                    loaded.push(new);
                }
            }
        }
        Ok(())
    }

    /// The library, and before it its variants for newer processors, which other machines need
    /// not have.
    fn find(
        &mut self,
        tree: &mut Tree,
        chain: &[Requester<'_>],
        name: &OsStr,
        system: &System,
    ) -> Result<Vec<Library>, Error> {
        let origin = chain
            .first()
            .map_or(Path::new("/"), |requester| requester.origin);
        if name.as_bytes().contains(&b'/') {
            let path = search::expand(name, origin, system).filter(|path| path.is_absolute());
            let found = path.map(|path| self.open(tree, path, system)).transpose()?;
            return Ok(found.flatten().into_iter().collect());
        }
        let mut found = Vec::new();
        for place in search::places(chain, system) {
            let (variants, plain, listed) = match place {
                Place::Directory(directory) => {
                    let variants = variants(tree, &directory, name);
                    (variants, vec![directory.join(name)], false)
                }
                Place::Cache { without_defaults } => {
                    let (variants, plain) = self.cached(name, without_defaults, system);
                    (variants, plain, true)
                }
            };
            for path in variants {
                found.extend(self.open(tree, path, system)?);
            }
            for path in plain {
                if let Some(library) = self.open(tree, path, system)? {
                    select_guide(tree, &library.path, system, listed)?;
                    found.push(library);
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// What the cache has under a name: the variants, and the others.
    fn cached(
        &self,
        name: &OsStr,
        without_defaults: bool,
        system: &System,
    ) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let is_default = |entry: &&Entry| is_below_default(&entry.path, system);
        let entries = self.cache.iter().filter(|entry| entry.name == name);
        let (variants, plain): (Vec<&Entry>, Vec<&Entry>) = entries
            .filter(|entry| !(without_defaults && is_default(entry)))
            .partition(|entry| entry.is_variant);
        let paths = |entries: Vec<&Entry>| entries.iter().map(|e| e.path.clone()).collect();
        (paths(variants), paths(plain))
    }

    /// The library at `path`, if there is one for the program's machine.
    fn open(
        &mut self,
        tree: &Tree,
        path: PathBuf,
        system: &System,
    ) -> Result<Option<Library>, Error> {
        let Some(way) = tree.follow(&path)? else {
            return Ok(None);
        };
        let object = self
            .object(tree, &way)?
            .filter(|object| object.abi == system.abi);
        Ok(object.map(|object| Library { way, object, path }))
    }
}

impl Loaded {
    fn new(end: PathBuf, path: &Path, object: Rc<Object>, parent: Option<usize>) -> Self {
        Self {
            names: object.soname.iter().cloned().collect(),
            origin: path.parent().unwrap_or(Path::new("/")).to_owned(),
            end,
            object,
            parent,
        }
    }
}

/// An object, the one that needed it, and so on.
fn chain(loaded: &[Loaded], first: usize) -> Vec<Requester<'_>> {
    let mut chain = Vec::new();
    let mut next = Some(first);
    while let Some(one) = next.and_then(|index| loaded.get(index)) {
        chain.push(Requester {
            object: &one.object,
            origin: &one.origin,
        });
        next = one.parent;
    }
    chain
}

fn is_below_default(path: &Path, system: &System) -> bool {
    path.parent()
        .is_some_and(|parent| system.defaults.iter().any(|default| default == parent))
}

/// A library outside of the directories that are compiled in is found by a file of the host, which
/// the image then needs, too.
fn select_guide(
    tree: &mut Tree,
    library: &Path,
    system: &System,
    listed: bool,
) -> Result<(), Error> {
    let directory = library.parent().unwrap_or(Path::new("/"));
    if system.needs_guide(directory, listed)
        && let Some(way) = tree.follow(&system.guide)?
    {
        tree.select(&way);
    }
    Ok(())
}

/// The variants of a library in a directory, in a fixed order.
fn variants(tree: &Tree, directory: &Path, name: &OsStr) -> Vec<PathBuf> {
    let hwcaps = directory.join(HWCAPS);
    let Ok(entries) = std::fs::read_dir(tree.on_host(&hwcaps)) else {
        return Vec::new();
    };
    let entries = entries.filter_map(|entry| entry.ok());
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| hwcaps.join(entry.file_name()).join(name))
        .collect();
    paths.sort();
    paths
}

/// Libraries that are in musl's loader itself.
fn is_part_of_musl(name: &OsStr) -> bool {
    let Some(rest) = name.to_str().and_then(|name| name.strip_prefix("lib")) else {
        return false;
    };
    let parts = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];
    parts.iter().any(|part| rest.starts_with(part))
}
