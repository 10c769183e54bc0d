//! What a pull or a push tells while it goes on. How it is shown is decided by front doors.

use crate::Digest;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The layers are known.
    Layers(&'a [(Digest, u64)]),
    /// A layer is in another state.
    Layer(&'a Digest, LayerState),
    /// So many more bytes of a layer came or went.
    Bytes(&'a Digest, u64),
}

/// How far a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerState {
    /// Another process has it in hand.
    Waiting,
    /// It comes; so many bytes were here already.
    Downloading(u64),
    /// It is here, compressed, and is unpacked.
    Unpacking,
    /// It is made ready to go.
    Compressing,
    /// It is ready to go, under another digest.
    Compressed,
    /// It goes.
    Uploading,
    /// Nothing was to be done.
    Exists,
    /// The registry took it from another repository.
    Mounted,
    /// It is done.
    Complete,
}

/// Who is told.
pub trait Progress: Sync {
    /// Takes note.
    fn tell(&self, event: &Event<'_>);
}

/// Nobody is told.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _event: &Event<'_>) {}
}
