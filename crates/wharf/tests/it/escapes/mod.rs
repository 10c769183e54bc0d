//! The known ways out of containers, each tried: a test here fails when the attack succeeds. The
//! number of each is in the name or the words of its test.

mod descriptors;
mod inheritance;
mod kernel_files;
mod mount_sources;
mod mount_targets;
mod own_binary;
