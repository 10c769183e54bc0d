//! What the caller may do to files, and thus which form a layer takes on disk.

/// Who unpacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Root of the machine: files get the owners, devices and capabilities that the layer says,
    /// with the container's own ids (0 is its root, whatever range it runs with), and overlayfs'
    /// marks are `trusted.overlay.*`.
    Root,
    /// Anybody else, in a user namespace or not: all files are the caller's, which the container
    /// with its single id sees as root; file capabilities would give it nothing and are left out;
    /// the marks are `user.overlay.*`, for overlays mounted with `userxattr`. Devices cannot be
    /// made.
    User,
}

impl Rights {
    /// Those of this process: root in the initial user namespace or not.
    pub fn of_process() -> Self {
        let initial = std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
            let mut fields = map.split_ascii_whitespace();
            fields.nth(2) == Some("4294967295")
        });
        match initial && rustix::process::geteuid().is_root() {
            true => Self::Root,
            false => Self::User,
        }
    }

    /// The name of one of overlayfs' extended attributes.
    pub(crate) fn overlay_xattr(self, name: &str) -> String {
        match self {
            Self::Root => format!("trusted.overlay.{name}"),
            Self::User => format!("user.overlay.{name}"),
        }
    }
}
