//! The names of containers: a DNS process for each network, as long as somebody is connected. It is
//! started by whoever connects a container and finds none, and again by any command when it was
//! killed (`start.rs`); what it knows it reads (`facts.rs`), with no rights to do more (`serve.rs`).

mod facts;
mod serve;
mod start;

pub use serve::serve_names;
