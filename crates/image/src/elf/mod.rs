//! What a dynamically linked program needs, found as its loader will find it, without running it.

mod defaults;
mod ld_cache;
mod loader;
mod search;

pub(crate) use loader::Loader;
pub(crate) use program::elf::Object;

/// glibc's list of libraries.
const CACHE: &str = "/etc/ld.so.cache";
