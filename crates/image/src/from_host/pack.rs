//! Selected files as a layer's archive: sorted, owned by root, and without what differs between
//! two looks at the same files (times of directories and links, the order of a directory).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::Error;
use crate::tar::{Entry, Kind, Writer};
use crate::tree::{Node, NodeKind, Tree};

/// The one extended attribute that a program needs to work as on the host.
const CAPABILITY: &str = "security.capability";
/// Larger than any the kernel knows (24 bytes).
const LARGEST_CAPABILITY: usize = 64;

/// The time of the youngest selected file, in seconds since 1970.
pub(super) fn youngest(tree: &Tree) -> i64 {
    let files = tree
        .nodes()
        .values()
        .filter(|node| node.kind == NodeKind::File);
    files.map(|node| node.mtime).max().unwrap_or_default()
}

/// Writes the archive; no member is younger than `epoch`.
pub(super) fn pack(tree: &Tree, epoch: i64, out: &mut dyn Write) -> Result<(), Error> {
    let mut archive = Writer::new(out);
    let mut first_names: HashMap<(u64, u64), PathBuf> = HashMap::new();
    for (path, node) in tree.nodes() {
        let inside = path.strip_prefix("/").unwrap_or(path);
        let on_host = tree.on_host(path);
        let mut entry = Entry::new(inside, kind(node), mode(node));
        entry.mtime = (epoch, 0);
        if entry.kind != Kind::File {
            let written = archive.append(&entry, io::empty());
            written.map_err(Error::io("packing", &on_host))?;
            continue;
        }
        let first = node.inode.and_then(|inode| first_names.get(&inode));
        if let Some(first) = first {
            entry.kind = Kind::HardLink(first.clone());
            let written = archive.append(&entry, io::empty());
            written.map_err(Error::io("packing", &on_host))?;
            continue;
        }
        if let Some(inode) = node.inode {
            first_names.insert(inode, inside.to_owned());
        }
        entry.mtime = (node.mtime.min(epoch), 0);
        pack_file(&mut archive, entry, &on_host)?;
    }
    archive
        .finish()
        .map(drop)
        .map_err(Error::io("packing", Path::new("/")))
}

fn kind(node: &Node) -> Kind {
    match &node.kind {
        NodeKind::Directory => Kind::Directory,
        NodeKind::Link(target) => Kind::SymbolicLink(target.clone()),
        NodeKind::File | NodeKind::Special => Kind::File,
    }
}

/// Everything in the image is root's. A set-id bit that stood for somebody else would now give
/// away root's rights.
fn mode(node: &Node) -> u32 {
    let user = if node.uid == 0 { 0 } else { 0o4000 };
    let group = if node.gid == 0 { 0 } else { 0o2000 };
    node.mode & !(user | group)
}

fn pack_file(
    archive: &mut Writer<&mut dyn Write>,
    mut entry: Entry,
    on_host: &Path,
) -> Result<(), Error> {
    let file = File::open(on_host).map_err(Error::io("opening", on_host))?;
    entry.size = file
        .metadata()
        .map_err(Error::io("looking at", on_host))?
        .len();
    let mut value = vec![0; LARGEST_CAPABILITY];
    match rustix::fs::fgetxattr(&file, CAPABILITY, value.as_mut_slice()) {
        Ok(length) => {
            value.truncate(length);
            entry.xattrs.insert(CAPABILITY.into(), value);
        }
        Err(Errno::NODATA | Errno::NOTSUP) => {}
        Err(errno) => return Err(Error::errno("reading the capabilities of", on_host)(errno)),
    }
    archive
        .append(&entry, file)
        .map_err(Error::io("packing", on_host))
}
