//! Where a container's output is kept. One format so far.

mod json_file;

pub(crate) use json_file::{Entry, JsonFile};
