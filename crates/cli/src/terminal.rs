//! The user's terminal: its raw mode, and its size. What goes through it is in `attach.rs`.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// A terminal that hands every key on as it is typed, for as long as this lives. It is put back
/// on drop, so whoever has one must not end the process by a signal or `exit`.
#[derive(Debug)]
pub(crate) struct RawMode<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> RawMode<'a> {
    /// With `makes_lines`, output is still worked on: a line feed goes to the line's beginning.
    ///
    /// # Errors
    /// `NOTTY` when it is no terminal.
    pub(crate) fn enter(terminal: BorrowedFd<'a>, makes_lines: bool) -> Result<RawMode<'a>, Errno> {
        let before = tcgetattr(terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        if makes_lines {
            raw.output_modes |= before.output_modes & OutputModes::OPOST;
        }
        tcsetattr(terminal, OptionalActions::Now, &raw)?;
        Ok(RawMode { terminal, before })
    }
}

impl Drop for RawMode<'_> {
    fn drop(&mut self) {
        // A terminal that was hung up has no mode any more.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Rows and columns of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

/// The size of the window that `file` is shown in; `None` when it is no terminal.
pub fn size(file: impl AsFd) -> Option<Size> {
    let size = tcgetwinsize(file).ok()?;
    Some(Size {
        rows: size.ws_row,
        cols: size.ws_col,
    })
}
