//! Files of the host, found as the kernel finds them, with every link and directory on the way
//! remembered: what an image must hold so that the same name leads to the same file in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::FileType;

use crate::Error;

/// As the kernel's own limit (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// What was found at a place, without following a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// Permission bits with set-id and sticky bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) mtime: i64,
    /// Device and number, if the file has further names.
    pub(crate) inode: Option<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeKind {
    File,
    Directory,
    Link(PathBuf),
    Special,
}

/// The way to a place.
#[derive(Debug)]
pub(crate) struct Way {
    /// Everything on it, without the root.
    nodes: Vec<(PathBuf, Node)>,
    /// Its end: an absolute path without links.
    pub(crate) end: PathBuf,
    /// What is there.
    pub(crate) node: Node,
}

/// A selection of the files below a root.
#[derive(Debug)]
pub(crate) struct Tree {
    /// What the root is made of, that at `/` first.
    parts: Vec<Part>,
    nodes: BTreeMap<PathBuf, Node>,
}

/// Directories that lie over each other.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where they are seen.
    pub target: PathBuf,
    /// Where they are on the host, the topmost first.
    pub layers: Vec<PathBuf>,
}

impl Tree {
    /// Selects nothing yet of what is below `root`, which is `/` outside of tests.
    pub(crate) fn new(root: &Path) -> Self {
        Self::of_layers(vec![Part {
            target: "/".into(),
            layers: vec![root.to_owned()],
        }])
    }

    /// The same of a root that is made of layers.
    pub(crate) fn of_layers(parts: Vec<Part>) -> Self {
        Self {
            parts,
            nodes: BTreeMap::new(),
        }
    }

    /// What is selected, by absolute paths; a directory comes before what is in it.
    pub(crate) fn nodes(&self) -> &BTreeMap<PathBuf, Node> {
        &self.nodes
    }

    /// Where an absolute path of the tree is on the host.
    pub(crate) fn on_host(&self, path: &Path) -> PathBuf {
        let within = |part: &Part| {
            Some((
                path.strip_prefix(&part.target).ok()?.to_owned(),
                part.layers.clone(),
            ))
        };
        let (below, layers) = self.parts.iter().rev().find_map(within).unwrap_or_default();
        let mut places = layers.iter().map(|layer| layer.join(&below)).peekable();
        while let Some(place) = places.next() {
            if places.peek().is_none() || place.symlink_metadata().is_ok() {
                return place;
            }
        }
        path.to_owned()
    }

    /// Selects a way with its end.
    pub(crate) fn select(&mut self, way: &Way) {
        self.nodes.extend(way.nodes.iter().cloned());
    }

    /// Follows an absolute path to its end; `None` when there is nothing.
    pub(crate) fn follow(&self, path: &Path) -> Result<Option<Way>, Error> {
        let mut way = Way {
            nodes: Vec::new(),
            end: PathBuf::from("/"),
            node: self.look(Path::new("/"))?.ok_or_else(|| not_found(path))?,
        };
        let mut rest: Vec<OsString> = reversed(path);
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                way.end.pop();
                continue;
            }
            let place = way.end.join(&name);
            let Some(node) = self.look(&place)? else {
                return Ok(None);
            };
            way.nodes.push((place.clone(), node.clone()));
            if let NodeKind::Link(target) = &node.kind {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Error::TooManyLinks(path.to_owned()));
                }
                if target.is_absolute() {
                    way.end = PathBuf::from("/");
                }
                rest.extend(reversed(target));
                continue;
            }
            if !rest.is_empty() && node.kind != NodeKind::Directory {
                return Ok(None);
            }
            (way.end, way.node) = (place, node);
        }
        if way.end == Path::new("/") {
            way.node = self.look(Path::new("/"))?.ok_or_else(|| not_found(path))?;
        }
        Ok(Some(way))
    }

    /// Selects all that is below the directory `path`, which is already selected.
    ///
    /// # Errors
    /// Sockets, pipes and devices cannot be in an image made from files.
    pub(crate) fn select_below(&mut self, path: &Path) -> Result<(), Error> {
        let mut directories = vec![path.to_owned()];
        while let Some(directory) = directories.pop() {
            let on_host = self.on_host(&directory);
            let entries = std::fs::read_dir(&on_host).map_err(Error::io("reading", &on_host))?;
            for entry in entries {
                let place =
                    directory.join(entry.map_err(Error::io("reading", &on_host))?.file_name());
                let Some(node) = self.look(&place)? else {
                    continue;
                };
                match node.kind {
                    NodeKind::Special => return Err(Error::SpecialFile(place)),
                    NodeKind::Directory => directories.push(place.clone()),
                    NodeKind::File | NodeKind::Link(_) => {}
                }
                self.nodes.insert(place, node);
            }
        }
        Ok(())
    }

    fn look(&self, place: &Path) -> Result<Option<Node>, Error> {
        let on_host = self.on_host(place);
        let metadata = match std::fs::symlink_metadata(&on_host) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("looking at", &on_host)(error)),
        };
        if FileType::from_raw_mode(metadata.mode()) == FileType::CharacterDevice
            && metadata.rdev() == 0
        {
            // A layer's word for what is not there any more.
            return Ok(None);
        }
        let kind = match FileType::from_raw_mode(metadata.mode()) {
            FileType::RegularFile => NodeKind::File,
            FileType::Directory => NodeKind::Directory,
            FileType::Symlink => {
                let target =
                    std::fs::read_link(&on_host).map_err(Error::io("reading", &on_host))?;
                NodeKind::Link(target)
            }
            _ => NodeKind::Special,
        };
        let shared = kind == NodeKind::File && metadata.nlink() > 1;
        Ok(Some(Node {
            kind,
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            size: metadata.size(),
            mtime: metadata.mtime(),
            inode: shared.then_some((metadata.dev(), metadata.ino())),
        }))
    }
}

/// The names of a path, the last one first.
fn reversed(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

fn not_found(path: &Path) -> Error {
    Error::NoSuchFile(path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir_all(root.join("usr/lib/x")).unwrap();
        std::fs::write(root.join("usr/lib/x/file.1.2"), b"f").unwrap();
        symlink("file.1.2", root.join("usr/lib/x/file.1")).unwrap();
        symlink("usr/lib", root.join("lib")).unwrap();
        symlink("/lib/x/../x/file.1", root.join("usr/name")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let tree = Tree::new(root);
        (directory, tree)
    }

    #[test]
    fn every_link_and_directory_on_the_way_is_selected() {
        let (_directory, mut tree) = tree();
        let way = tree.follow(Path::new("/usr/name")).unwrap().unwrap();
        assert_eq!(way.end, Path::new("/usr/lib/x/file.1.2"));
        tree.select(&way);
        let selected: Vec<&str> = tree.nodes().keys().filter_map(|p| p.to_str()).collect();
        let expected = [
            "/lib",
            "/usr",
            "/usr/lib",
            "/usr/lib/x",
            "/usr/lib/x/file.1",
            "/usr/lib/x/file.1.2",
            "/usr/name",
        ];
        assert_eq!(selected, expected);
    }

    #[test]
    fn a_layer_hides_what_lies_below() {
        let (below, _) = tree();
        let above = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(above.path().join("usr/lib/x")).unwrap();
        std::fs::write(above.path().join("usr/lib/x/file.1.2"), b"new").unwrap();
        let part = |target: &str, layers: &[&Path]| Part {
            target: target.into(),
            layers: layers.iter().map(|path| path.to_path_buf()).collect(),
        };
        let usr = below.path().join("usr");
        let parts = vec![
            part("/", &[above.path(), below.path()]),
            part("/other", &[&usr]),
        ];
        let tree = Tree::of_layers(parts);
        let size = |path: &str| Some(tree.follow(Path::new(path)).unwrap()?.node.size);
        assert_eq!(size("/usr/lib/x/file.1"), Some(3));
        assert_eq!(size("/other/lib/x/file.1"), Some(1));
    }

    #[test]
    fn what_is_not_there_is_not_found_and_a_loop_ends() {
        let (_directory, tree) = tree();
        for path in ["/nothing", "/usr/name/below", "/usr/nothing/../name"] {
            assert!(tree.follow(Path::new(path)).unwrap().is_none(), "{path}");
        }
        let error = tree.follow(Path::new("/loop")).unwrap_err();
        assert!(matches!(error, Error::TooManyLinks(_)));
        assert_eq!(
            tree.follow(Path::new("/..")).unwrap().unwrap().end,
            Path::new("/")
        );
    }
}
