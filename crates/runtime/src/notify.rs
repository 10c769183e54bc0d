//! sd_notify(3) from inside a container: its program gets a socket of its own as `NOTIFY_SOCKET`,
//! and what it says there of being ready is passed on to whoever started us. Nothing else is, since
//! the program has no business with the host's service manager.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sendmsg,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, pidfd_open};
use spec::runtime::{Config, Mount};

use crate::container::Container;
use crate::error::{Doing, Error, Fault};

/// Where a container has its socket, as with runc.
const INSIDE: &str = "/run/notify";
const NAME: &str = "notify.sock";

/// How long the service manager may take to have read everything.
const BARRIER: Timespec = Timespec {
    tv_sec: 30,
    tv_nsec: 0,
};

/// A container's socket, and the connection to the service manager.
#[derive(Debug)]
pub struct NotifySocket {
    socket: OwnedFd,
    manager: OwnedFd,
}

/// Gives a container that is being made the place of its socket and the word of it.
pub(crate) fn furnish(container: &Container, config: &mut Config) -> Result<(), Fault> {
    let source = directory(&container.directory);
    let clause = || format!("making {}", source.display());
    std::fs::create_dir(&source).doing(clause)?;
    // Whatever our mask is, the container's user has to get there.
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&source, mode).doing(clause)?;
    let options = ["bind", "nosuid", "noexec", "nodev", "ro"];
    config.mounts.push(Mount {
        destination: INSIDE.into(),
        kind: Some("bind".to_owned()),
        source: Some(source),
        options: options.map(str::to_owned).to_vec(),
        ..Mount::default()
    });
    if let Some(process) = &mut config.process {
        process.env.push(format!("NOTIFY_SOCKET={INSIDE}/{NAME}"));
    }
    Ok(())
}

fn directory(container: &Path) -> PathBuf {
    container.join("notify")
}

impl NotifySocket {
    /// Opens the socket of a container that was made with one, and connects to the service manager
    /// at `manager`: a path, or an abstract name after an `@`.
    ///
    /// # Errors
    /// When the container was made without a socket, or nobody listens at `manager`.
    pub fn open(root: &Path, id: &str, manager: &str) -> Result<Self, Error> {
        let container = Container::open(root, id)?;
        let clause = || format!("connecting to NOTIFY_SOCKET {manager}");
        let address = match manager.strip_prefix('@') {
            Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
            None => SocketAddrUnix::new(manager),
        }
        .doing(clause)?;
        let connection = datagrams().doing(clause)?;
        rustix::net::connect(&connection, &address).doing(clause)?;
        Ok(Self {
            socket: bind(&directory(&container.directory))?,
            manager: connection,
        })
    }

    /// [`NotifySocket::pass_on`] for a container that somebody else made.
    ///
    /// # Errors
    /// As there.
    pub fn pass_on_of(&self, root: &Path, id: &str) -> Result<(), Error> {
        let container = Container::open(root, id)?;
        let Some(pid) = container.pid() else {
            return Ok(());
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => self.pass_on(pid.as_raw_pid(), pidfd.as_fd()),
            // It has ended.
            Err(_) => Ok(()),
        }
    }

    /// Waits until the program says that it is ready, tells the service manager so and that
    /// `main_pid` is the process to watch, and returns once it has heard; or when the process
    /// behind `pidfd` has ended without a word.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn pass_on(&self, main_pid: i32, pidfd: BorrowedFd<'_>) -> Result<(), Error> {
        let clause = || "passing on what the container's program tells".to_owned();
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(pidfd, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Fault::new(clause(), errno).into()),
            }
            // Before the words are read: the last of them may come with the end.
            let has_ended = fds.iter().skip(1).any(|fd| !fd.revents().is_empty());
            if let Some(line) = self.hear().doing(clause)? {
                self.tell(&line, main_pid).doing(clause)?;
                return Ok(());
            }
            if has_ended {
                return Ok(());
            }
        }
    }

    /// The line that says that the program is ready, if it is among what has arrived.
    fn hear(&self) -> Result<Option<Vec<u8>>, Errno> {
        let mut message = [0u8; 4096];
        loop {
            let length = match rustix::io::read(&self.socket, &mut message) {
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                other => other?,
            };
            let words = message.get(..length).unwrap_or_default();
            let mut lines = words.split(|byte| *byte == b'\n');
            if let Some(line) = lines.find(|line| line.starts_with(b"READY=")) {
                return Ok(Some(line.to_vec()));
            }
        }
    }

    fn tell(&self, line: &[u8], main_pid: i32) -> Result<(), Errno> {
        let send = |words: &[u8]| rustix::net::send(&self.manager, words, SendFlags::NOSIGNAL);
        send(&[line, b"\n"].concat())?;
        send(format!("MAINPID={main_pid}\n").as_bytes())?;
        self.wait_until_heard()
    }

    /// sd_notify_barrier(3): the manager closes a descriptor once it has read all that came before.
    fn wait_until_heard(&self) -> Result<(), Errno> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = [theirs.as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        let words = [IoSlice::new(b"BARRIER=1")];
        sendmsg(&self.manager, &words, &mut ancillary, SendFlags::NOSIGNAL)?;
        drop(theirs);
        let mut end = [PollFd::from_borrowed_fd(ours.as_fd(), PollFlags::IN)];
        // Whoever does not know this keeps us waiting no longer than that.
        poll(&mut end, Some(&BARRIER)).map(|_| ())
    }
}

fn datagrams() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)
}

/// A socket in `directory`, whose path may be longer than an address can be.
fn bind(directory: &Path) -> Result<OwnedFd, Fault> {
    let clause = || format!("binding {}", directory.join(NAME).display());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let place = rustix::fs::open(directory, flags, Mode::empty()).doing(clause)?;
    let socket = datagrams().doing(clause)?;
    let short = format!(
        "/proc/self/fd/{}/{NAME}",
        rustix::fd::AsRawFd::as_raw_fd(&place)
    );
    let address = SocketAddrUnix::new(short.as_str()).doing(clause)?;
    rustix::net::bind(&socket, &address).doing(clause)?;
    let everybody = Mode::from_raw_mode(0o777);
    rustix::fs::chmodat(&place, NAME, everybody, rustix::fs::AtFlags::empty()).doing(clause)?;
    rustix::io::ioctl_fionbio(&socket, true).doing(clause)?;
    Ok(socket)
}
