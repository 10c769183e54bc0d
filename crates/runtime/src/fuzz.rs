//! What the fuzz targets reach beside the public functions. Nothing of wharf calls it, so that it is
//! no part of its binary.

use std::path::PathBuf;

use spec::runtime::IdMapping;

/// How many cgroup hierarchies the text of mountinfo names.
pub fn mountinfo(text: &str) -> usize {
    crate::cgroup::hierarchy::parse(text).len()
}

/// Where a `linux.cgroupsPath` leads below each hierarchy, if anywhere.
pub fn cgroup_path(path: &str) -> Option<PathBuf> {
    crate::cgroup::place::checked(path).ok()
}

/// Reads an id map.
pub fn id_map(text: &str) -> Vec<IdMapping> {
    crate::id_map::parse(text)
}

/// What the host calls a container's id.
pub fn host_id(map: &[IdMapping], id: u32) -> Option<u32> {
    crate::id_map::host_id(map, id)
}
