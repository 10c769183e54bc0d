//! What needs cgroup v2 with all controllers, or systemd: run in the small machine of
//! `cargo xtask vm`, where all is ours. Elsewhere each says so and is skipped.

mod apparmor;
mod delegated;
mod devices;
mod hybrid;
mod machine;
mod memory;
mod nested;
mod podman;
mod resources;
mod scopes;
mod views;
