//! Descriptors that the caller passes on to a container's program: the sockets of socket activation
//! (sd_listen_fds(3)), and those that `--preserve-fds` counts.

use super::main::Failure;

/// How many descriptors after the standard streams the program inherits. All others that came from
/// the caller are closed when this is made, before any process of ours can be seen in a container
/// (CVE-2024-21626).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inherited {
    /// Sockets that the program is told of.
    pub(super) listen: u32,
    /// All of them; the sockets come first.
    pub(super) all: u32,
}

impl Inherited {
    /// The sockets that were meant for this process, and `preserve` more descriptors.
    pub(super) fn with_sockets(preserve: u32) -> Result<Self, Failure> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
        let is_ours = number("LISTEN_PID") == Some(std::process::id());
        let listen = number("LISTEN_FDS").filter(|_| is_ours).unwrap_or(0);
        Self::checked(listen, preserve)
    }

    /// `preserve` descriptors.
    pub(super) fn without_sockets(preserve: u32) -> Result<Self, Failure> {
        Self::checked(0, preserve)
    }

    fn checked(listen: u32, preserve: u32) -> Result<Self, Failure> {
        let all = listen.saturating_add(preserve);
        for number in (3..3 + u64::from(all)).skip(listen as usize) {
            if std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_err() {
                let message = format!(
                    "unable to stat preserved-fd {number}: --preserve-fds {preserve} passes on \
                     the descriptors from 3 on, and this one is not open"
                );
                return Err(Failure::usage(message));
            }
        }
        let first = i32::try_from(all).ok().and_then(|all| all.checked_add(3));
        let closed = sys::fds::close_inherited(first.unwrap_or(i32::MAX));
        closed.map_err(|errno| {
            let why = std::io::Error::from(errno);
            Failure::usage(format!("closing the caller's file descriptors: {why}"))
        })?;
        Ok(Self { listen, all })
    }
}
