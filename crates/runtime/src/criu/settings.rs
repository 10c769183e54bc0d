//! What of a container's configuration CRIU has to know.

use std::path::{Path, PathBuf};

use spec::runtime::{Config, Mount};

use crate::cgroup::Paths;
use crate::container::Record;

/// The annotation that names CRIU's configuration file.
const CONFIG_FILE: &str = "org.criu.config";

/// The file with CRIU's settings: what the annotation names, none if it is empty, else the one that
/// runc's users write.
pub(crate) fn config_file(config: &Config) -> Option<&str> {
    match config.annotations.get(CONFIG_FILE).map(String::as_str) {
        Some("") => None,
        Some(path) => Some(path),
        None => Some("/etc/criu/runc.conf"),
    }
}

/// Mounts of what is not the container's own, which CRIU shall not look into but find again: the
/// destination, and the absolute source. They are the binds, and the cgroup's directories, which
/// are bound too.
pub(crate) fn binds(config: &Config, record: &Record) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    let cgroup = record.cgroup.as_ref().map(Paths::by_mount_name);
    for mount in &config.mounts {
        let destination = Path::new("/").join(&mount.destination);
        if mount.kind.as_deref() == Some("cgroup") {
            let hierarchies = cgroup.iter().flatten();
            found.extend(hierarchies.map(|(name, path)| match *name {
                "" => (destination.clone(), path.to_path_buf()),
                name => (destination.join(name), path.to_path_buf()),
            }));
        } else if is_bind(mount) {
            let source = mount.source.as_deref().unwrap_or(Path::new("/"));
            found.push((destination, record.bundle.join(source)));
        }
    }
    found
}

fn is_bind(mount: &Mount) -> bool {
    let by_option = mount
        .options
        .iter()
        .any(|word| word == "bind" || word == "rbind");
    by_option || mount.kind.as_deref() == Some("bind")
}
