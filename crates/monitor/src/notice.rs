//! What a monitor sees happen to its container, for whoever writes it down.

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// Its program runs.
    Started,
    /// A client left it running.
    Detached,
    /// A client's window has another size.
    Resized {
        /// Lines.
        rows: u16,
        /// Characters in a line.
        cols: u16,
    },
    /// The kernel killed one of its processes for want of memory.
    OutOfMemory,
    /// Its health is another now.
    Health(&'a str),
    /// Its program ended.
    Died {
        /// With this exit code; 128 + n when signal n ended it.
        code: i32,
        /// After so many seconds.
        seconds: u64,
    },
}

/// Whoever is told of it.
pub type Witness<'a> = &'a dyn Fn(Notice<'_>);
