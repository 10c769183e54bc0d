//! Other people's engines with wharf as their runtime. Each test has a private installation of the
//! engine (its daemon, its storage, its cgroup) and says so when the engine is not there. What the
//! engines must find is in a file each; what they stand on is in `stage.rs`.

mod buildah;
mod containerd;
mod docker;
mod docker_help;
mod engine;
mod image_lists;
mod images;
mod podman;
mod stage;
