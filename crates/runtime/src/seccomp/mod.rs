//! seccomp: from a profile of the runtime specification to a program in the kernel.
//!
//! `default_profile` is the profile that containers get; `compile` turns any profile into a
//! program, with the numbers of system calls from `architecture` and the jumps from `assembler`.

mod architecture;
mod assembler;
mod compile;
mod default_profile;
mod error;
mod features;

pub use compile::{Program, compile};
pub use default_profile::default_profile;
pub use error::Error;
pub(crate) use features::features;
