//! seccomp: from a profile of the runtime specification to a program in the kernel.
//!
//! `default_profile` is the profile that containers get; `compile` turns any profile into a program:
//! `rules` says what it means, with the numbers of system calls from `numbers`, and `conditions` and
//! `assembler` write it down; `cache` keeps it. `listener` hands the decisions that a filter asks for to whoever makes
//! them. `effect` tells people what a profile comes to.

mod architecture;
mod assembler;
mod cache;
mod check;
mod compile;
mod conditions;
mod default_profile;
mod effect;
mod error;
mod features;
mod filter;
mod listener;
mod multiplexed;
mod numbers;
mod rules;

pub use compile::{Program, compile};
pub use default_profile::default_profile;
pub use effect::{Effect, effect};
pub use error::Error;
pub(crate) use features::features;
pub(crate) use filter::Filter;
pub(crate) use listener::Listener;
