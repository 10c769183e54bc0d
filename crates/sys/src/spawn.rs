//! posix_spawn: another program with chosen fds, without the cost of copying the caller.

use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::process::Pid;

use crate::Result;

/// What to spawn. Fds that are not named are inherited only without their close-on-exec flag,
/// which no fd of ours is.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The path of the program.
    pub program: &'a CStr,
    /// Its arguments, from `argv[0]` on.
    pub argv: &'a [CString],
    /// Its environment.
    pub envp: &'a [CString],
    /// Fds with the number that each gets in the new process.
    pub fds: &'a [(BorrowedFd<'a>, i32)],
    /// The process leads a session of its own.
    pub new_session: bool,
}

/// File actions and attributes, destroyed when dropped.
struct Settings {
    actions: libc::posix_spawn_file_actions_t,
    attributes: libc::posix_spawnattr_t,
}

impl Spawn<'_> {
    /// Starts it, with no signal blocked and every signal at its default.
    ///
    /// # Errors
    /// The errno of the step that failed, execve's included.
    pub fn start(&self) -> Result<Pid> {
        // A target may be the number of an fd that is still needed, so all sources are moved
        // above every target first.
        let above = self
            .fds
            .iter()
            .map(|(_, target)| target + 1)
            .max()
            .unwrap_or(3)
            .max(3);
        let sources = self
            .fds
            .iter()
            .map(|(fd, _)| rustix::io::fcntl_dupfd_cloexec(fd, above))
            .collect::<Result<Vec<_>>>()?;
        let mut settings = Settings::new(self.new_session)?;
        for (source, (_, target)) in sources.iter().zip(self.fds) {
            settings.dup2(source.as_fd(), *target)?;
        }
        let pointers = |strings: &[CString]| -> Vec<*mut c_char> {
            strings
                .iter()
                .map(|s| s.as_ptr().cast_mut())
                .chain([std::ptr::null_mut()])
                .collect()
        };
        let (argv, envp) = (pointers(self.argv), pointers(self.envp));
        let mut pid: libc::pid_t = 0;
        // SAFETY: every pointer is to an initialised object that lives until the call returns;
        // the strings are not changed in spite of their type.
        let errno = unsafe {
            libc::posix_spawn(
                &raw mut pid,
                self.program.as_ptr(),
                &raw const settings.actions,
                &raw const settings.attributes,
                argv.as_ptr(),
                envp.as_ptr(),
            )
        };
        ok(errno)?;
        Pid::from_raw(pid).ok_or(Errno::SRCH)
    }
}

impl Settings {
    fn new(new_session: bool) -> Result<Self> {
        let mut actions = MaybeUninit::uninit();
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: both calls initialise what they are given, or fail.
        let mut settings = unsafe {
            ok(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            ok(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
            Self {
                actions: actions.assume_init(),
                attributes: attributes.assume_init(),
            }
        };
        let mut flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        if new_session {
            flags |= libc::c_int::from(libc::POSIX_SPAWN_SETSID);
        }
        let flags = libc::c_short::try_from(flags).map_err(|_| Errno::INVAL)?;
        let mut none = MaybeUninit::uninit();
        let mut all = MaybeUninit::uninit();
        // SAFETY: the sets are initialised before use; attributes was initialised above.
        unsafe {
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigfillset(all.as_mut_ptr());
            let attributes = &raw mut settings.attributes;
            ok(libc::posix_spawnattr_setflags(attributes, flags))?;
            ok(libc::posix_spawnattr_setsigmask(attributes, none.as_ptr()))?;
            ok(libc::posix_spawnattr_setsigdefault(
                attributes,
                all.as_ptr(),
            ))?;
        }
        Ok(settings)
    }

    fn dup2(&mut self, source: BorrowedFd<'_>, target: i32) -> Result<()> {
        // SAFETY: actions was initialised in new; the fd is only looked at when the child runs,
        // and the caller keeps it open until then.
        ok(unsafe {
            libc::posix_spawn_file_actions_adddup2(
                &raw mut self.actions,
                source.as_raw_fd(),
                target,
            )
        })
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        // SAFETY: both were initialised in new and are destroyed once.
        unsafe {
            libc::posix_spawn_file_actions_destroy(&raw mut self.actions);
            libc::posix_spawnattr_destroy(&raw mut self.attributes);
        }
    }
}

/// These functions return the errno instead of setting it.
fn ok(errno: libc::c_int) -> Result<()> {
    if errno == 0 {
        Ok(())
    } else {
        Err(Errno::from_raw_os_error(errno))
    }
}
