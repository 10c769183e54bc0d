//! `wharf oci …`, and `runc …` through a link of that name: the OCI runtime's command line, with
//! runc's flags. One verb a file; `global` holds what stands before the verb.

mod checkpoint;
mod create;
mod delete;
mod descriptors;
mod document;
mod events;
mod exec;
mod features;
mod global;
mod kill;
mod list;
mod main;
mod mounts;
mod notify;
mod pause;
mod pid_file;
mod ps;
mod restore;
mod run;
mod spec;
mod start;
mod state;
mod update;

pub(crate) use main::main;
