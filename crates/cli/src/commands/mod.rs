//! The verbs, one a file: flags to a request, the engine's answer to what the user sees.

pub(crate) mod attach;
pub(crate) mod chroot;
pub(crate) mod create;
pub(crate) mod exec;
pub(crate) mod image;
pub(crate) mod images;
pub(crate) mod info;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod monitor;
pub(crate) mod oci;
pub(crate) mod pause;
pub(crate) mod ps;
pub(crate) mod pull;
pub(crate) mod rm;
pub(crate) mod rmi;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod unshare;
pub(crate) mod version;
pub(crate) mod wait;
