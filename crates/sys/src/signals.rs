//! Signals: names and numbers, the mask, the dispositions, and reading them from an fd.
//!
//! Source: signal(7), signalfd(2).

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::Signal;

use crate::Result;
use crate::syscall::{check, owned};

/// A set of signals.
#[derive(Clone, Copy)]
pub struct SignalSet(libc::sigset_t);

impl SignalSet {
    /// Every signal.
    pub fn all() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigfillset initialises the set.
        Self(unsafe {
            libc::sigfillset(set.as_mut_ptr());
            set.assume_init()
        })
    }

    /// These signals.
    pub fn of(signals: &[i32]) -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set; sigaddset refuses numbers that are none.
        Self(unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            let mut set = set.assume_init();
            for signal in signals {
                libc::sigaddset(&raw mut set, *signal);
            }
            set
        })
    }

    /// Blocks these signals in the calling thread, in addition to those already blocked.
    ///
    /// # Errors
    /// Never in practice.
    pub fn block(&self) -> Result<()> {
        self.change(libc::SIG_BLOCK)
    }

    /// Blocks exactly these signals.
    ///
    /// # Errors
    /// Never in practice.
    pub fn set_mask(&self) -> Result<()> {
        self.change(libc::SIG_SETMASK)
    }

    fn change(&self, how: libc::c_int) -> Result<()> {
        // SAFETY: the set is initialised; the old mask is not asked for.
        check(libc::c_long::from(unsafe {
            libc::sigprocmask(how, &raw const self.0, std::ptr::null_mut())
        }))
        .map(|_| ())
    }
}

impl std::fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignalSet")
    }
}

/// Lets every signal through again.
///
/// # Errors
/// Never in practice.
pub fn unblock_all() -> Result<()> {
    SignalSet::of(&[]).set_mask()
}

/// Sets every signal to its default, as a new program expects it: an ignored signal (Rust ignores
/// SIGPIPE) would be inherited over execve. Which are blocked is left.
pub fn reset_dispositions() {
    const SIGNALS: libc::c_int = 64;
    // The kernel's sigaction of every architecture fits: no function, no flags, an empty mask.
    let default = [0u64; 8];
    for signal in 1..=SIGNALS {
        // SAFETY: SIG_DFL is no function of ours, and `default` is longer than what is read of it.
        // The signals that cannot be set answer EINVAL. The C library would refuse those that it
        // keeps for itself, which are inherited like all others.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                std::ptr::null_mut::<u64>(),
                size_of::<u64>(),
            )
        };
    }
}

/// Lets each of these signals end the calling process, with 128 and its number as the exit code,
/// until the next execve. The first process of a pid namespace needs that said: the kernel spares
/// it signals that it has no handler for.
///
/// # Errors
/// `EINVAL` for KILL and STOP.
pub fn end_on(signals: &[i32]) -> Result<()> {
    extern "C" fn end(signal: libc::c_int) {
        // SAFETY: `_exit` may be called in a handler and does not come back.
        unsafe { libc::_exit(128 + signal) }
    }
    let handler: extern "C" fn(libc::c_int) = end;
    for signal in signals {
        // SAFETY: The handler calls nothing but `_exit`.
        let before = unsafe { libc::signal(*signal, handler as libc::sighandler_t) };
        if before == libc::SIG_ERR {
            return Err(Errno::INVAL);
        }
    }
    Ok(())
}

/// Ignores a signal in the calling process.
///
/// # Errors
/// `EINVAL` for KILL and STOP.
pub fn ignore(signal: i32) -> Result<()> {
    // SAFETY: SIG_IGN is no function of ours.
    let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if before == libc::SIG_ERR {
        Err(Errno::INVAL)
    } else {
        Ok(())
    }
}

/// An fd that becomes readable when one of `set` arrives; the set must be blocked.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn signalfd(set: &SignalSet) -> Result<OwnedFd> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the set is initialised; −1 asks for a new fd.
    owned(libc::c_long::from(unsafe {
        libc::signalfd(-1, &raw const set.0, flags)
    }))
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalInfo {
    /// Which signal.
    pub signal: i32,
    /// Who sent it, or which child ended.
    pub pid: u32,
    /// Whether the kernel sent it, as a terminal's keys make it do.
    pub by_kernel: bool,
}

/// Reads the next signal; `None` when none is waiting.
///
/// # Errors
/// The kernel's.
pub fn read_signal(fd: impl AsFd) -> Result<Option<SignalInfo>> {
    // The first fields of struct signalfd_siginfo: signo, errno, code, pid.
    let mut info = [0u8; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(fd, &mut info) {
        Ok(length) if length == info.len() => {}
        Ok(_) => return Err(Errno::IO),
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        Err(errno) => return Err(errno),
    }
    let word = |at: usize| {
        let mut bytes = [0u8; 4];
        bytes.copy_from_slice(&info[at..at + 4]);
        u32::from_ne_bytes(bytes)
    };
    Ok(Some(SignalInfo {
        signal: i32::try_from(word(0)).unwrap_or_default(),
        pid: word(12),
        by_kernel: i32::try_from(word(8)) == Ok(libc::SI_KERNEL),
    }))
}

/// Names without `SIG`, by number from 1 on.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The number of a signal given as `TERM`, `SIGTERM`, `15`, `RTMIN+3` or `RTMAX-1`.
pub fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=libc::SIGRTMAX()).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(at) = NAMES.iter().position(|known| *known == name) {
        return i32::try_from(at + 1).ok();
    }
    let (base, offset) = if let Some(rest) = name.strip_prefix("RTMIN") {
        (libc::SIGRTMIN(), rest)
    } else {
        (libc::SIGRTMAX(), name.strip_prefix("RTMAX")?)
    };
    let offset = if offset.is_empty() {
        0
    } else {
        offset.parse::<i32>().ok()?
    };
    let number = base + offset;
    (libc::SIGRTMIN()..=libc::SIGRTMAX())
        .contains(&number)
        .then_some(number)
}

/// The name of a signal, as `SIGTERM`.
pub fn signal_name(number: i32) -> String {
    let name = usize::try_from(number)
        .ok()
        .and_then(|n| NAMES.get(n.wrapping_sub(1)));
    match name {
        Some(name) => format!("SIG{name}"),
        None => format!("SIGRTMIN+{}", number - libc::SIGRTMIN()),
    }
}

/// The signal with this number, real-time ones included.
pub fn signal(number: i32) -> Option<Signal> {
    if let Some(signal) = Signal::from_named_raw(number) {
        return Some(signal);
    }
    let is_realtime = (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number);
    // SAFETY: the number is one of the real-time signals that libc leaves to programs.
    is_realtime.then(|| unsafe { Signal::from_raw_unchecked(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_many_names() {
        for text in ["TERM", "SIGTERM", "sigterm", "15"] {
            assert_eq!(signal_number(text), Some(15), "{text}");
        }
        assert_eq!(signal_number("RTMIN+3"), Some(libc::SIGRTMIN() + 3));
        for text in ["", "SIG", "NOPE", "0", "65", "-1", "RTMAX+1"] {
            assert_eq!(signal_number(text), None, "{text}");
        }
        assert_eq!(signal_name(9), "SIGKILL");
    }
}
