//! Images as containers and users see them: what a reference means, which are there, which are in
//! use, where they come from. What an image consists of is the image crate's business.

mod base;
mod change;
mod check;
mod commit;
mod diff;
mod export;
mod from_host;
mod import;
mod inspect;
mod list;
mod local;
mod look;
mod pull;
mod push;
mod referrers;
mod remove;
mod save;
mod settle;
mod tag;

pub(crate) use base::{Base, base};
pub use commit::CommitRequest;
pub use diff::ContainerChange;
pub use import::ImportRequest;
pub use inspect::{HistoryLine, ImageInspection};
pub use list::ImageSummary;
pub use look::LayerLine;
pub use pull::{PullRequest, PullResult};
pub use push::{PushRequest, PushResult};
pub use remove::RemovedImage;
pub use settle::settle;
