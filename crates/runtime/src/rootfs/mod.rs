//! The container's root file system. `build` is the order of the work; each kind of thing in it
//! has a file of its own.

pub(crate) mod attach;
pub(crate) mod bare;
pub(crate) mod build;
mod cgroups;
mod copy_up;
pub(crate) mod detach;
mod devices;
mod masked_paths;
pub(crate) mod mounts;
pub(crate) mod on_host;
pub(crate) mod options;
mod overlay;
pub(crate) mod pivot_root;
pub(crate) mod view;

pub(crate) use build::Root;
pub(crate) use masked_paths::mask;
pub(crate) use overlay::MappedTo;
