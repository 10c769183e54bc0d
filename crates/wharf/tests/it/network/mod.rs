//! Networks. Each test's machine is a network namespace of its own (`machine.rs`), so that nothing
//! of the real machine's network is touched.

mod bad_input;
mod bandwidth;
mod bridge;
mod connect;
mod crash;
mod crowd;
mod explain;
mod firewall;
mod forwarding;
mod machine;
mod names;
mod ports;
mod reach;
