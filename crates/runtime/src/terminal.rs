//! The pseudo terminal of a container's process: made on the container's own devpts, so that its
//! path means something inside, while the master goes out to whoever owns the terminal. The
//! user's side of a terminal lives in the front doors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, OutputModes, Winsize};
use spec::runtime::ConsoleSize;

use crate::error::{Doing, Fault};
use crate::rootfs::attach::{attach_at, clone_of};

/// Both sides of a terminal.
pub(crate) struct Terminal {
    pub(crate) master: OwnedFd,
    pub(crate) slave: OwnedFd,
}

/// The device number of a pty multiplexer.
const PTMX: (u32, u32) = (5, 2);

/// Opens a new pty of the devpts below `root`. The slave is opened through the master and not by
/// its name, which the container could have replaced (CVE-2025-52565).
pub(crate) fn open(root: BorrowedFd<'_>, size: Option<ConsoleSize>) -> Result<Terminal, Fault> {
    let clause = || "opening a terminal in the container's /dev/pts".to_owned();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = sys::path::open_in_root(root, Path::new("/dev/pts/ptmx"), flags).doing(clause)?;
    let stat = rustix::fs::fstat(&master).doing(clause)?;
    let (major, minor) = PTMX;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice
        || stat.st_rdev != rustix::fs::makedev(major, minor)
    {
        return Err(Fault::new(
            "finding a terminal in /dev/pts/ptmx",
            Errno::NOTTY,
        ));
    }
    rustix::pty::unlockpt(&master).doing(clause)?;
    let peer = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, peer).doing(clause)?;
    if let Some(size) = size {
        let winsize = Winsize {
            ws_row: size.height,
            ws_col: size.width,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&master, winsize).doing(clause)?;
    }
    Ok(Terminal { master, slave })
}

/// Lets line feeds through as they are, which a new terminal would turn into two characters.
pub(crate) fn leave_line_feeds(terminal: &Terminal) -> Result<(), Fault> {
    let clause = || "setting the modes of the terminal".to_owned();
    let mut modes = rustix::termios::tcgetattr(&terminal.slave).doing(clause)?;
    modes.output_modes -= OutputModes::ONLCR;
    rustix::termios::tcsetattr(&terminal.slave, OptionalActions::Now, &modes).doing(clause)
}

/// Shows the slave as /dev/console below `root`.
pub(crate) fn bind_console(root: BorrowedFd<'_>, slave: BorrowedFd<'_>) -> Result<(), Fault> {
    let clause = || "binding /dev/console".to_owned();
    let target =
        sys::path::create_file_in_root(root, Path::new("/dev/console"), 0o600).doing(clause)?;
    attach_at(clone_of(slave).doing(clause)?.as_fd(), target.as_fd()).doing(clause)
}

/// Makes the slave the calling session's terminal and its standard streams.
pub(crate) fn take(slave: &OwnedFd) -> Result<(), Fault> {
    rustix::process::ioctl_tiocsctty(slave).doing(|| "taking the terminal".to_owned())?;
    use_as_streams(slave.as_fd(), slave.as_fd(), slave.as_fd())
}

/// Puts three fds in the place of standard input, output and error.
pub(crate) fn use_as_streams(
    stdin: BorrowedFd<'_>,
    stdout: BorrowedFd<'_>,
    stderr: BorrowedFd<'_>,
) -> Result<(), Fault> {
    let clause = || "setting up standard input and output".to_owned();
    rustix::stdio::dup2_stdin(stdin).doing(clause)?;
    rustix::stdio::dup2_stdout(stdout).doing(clause)?;
    rustix::stdio::dup2_stderr(stderr).doing(clause)
}

/// Opens /dev/null of the calling process' root in the place of standard streams that are the null
/// device of another one: nothing of the host's mounts stays reachable, and CRIU finds it again.
pub(crate) fn use_own_null() -> Result<(), Fault> {
    let clause = || "opening /dev/null".to_owned();
    let is_null = |file: BorrowedFd<'_>| {
        rustix::fs::fstat(file).is_ok_and(|stat| {
            let kind = FileType::from_raw_mode(stat.st_mode);
            kind == FileType::CharacterDevice && stat.st_rdev == rustix::fs::makedev(1, 3)
        })
    };
    let streams = [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ];
    if !streams.into_iter().any(is_null) {
        return Ok(());
    }
    // The root is the container's: whatever is in the place of its null device, a link too, is
    // none, and the streams stay what they are.
    let flags =
        OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let own = rustix::fs::open("/dev/null", flags, Mode::empty());
    let Some(own) = own.ok().filter(|own| is_null(own.as_fd())) else {
        return Ok(());
    };
    rustix::fs::fcntl_setfl(&own, OFlags::empty()).doing(clause)?;
    let [stdin, stdout, stderr] = streams.map(is_null);
    if stdin {
        rustix::stdio::dup2_stdin(&own).doing(clause)?;
    }
    if stdout {
        rustix::stdio::dup2_stdout(&own).doing(clause)?;
    }
    if stderr {
        rustix::stdio::dup2_stderr(&own).doing(clause)?;
    }
    Ok(())
}
