//! Images as containers and users see them: what a reference means, which are there, which are in
//! use, where they come from. What an image consists of is the image crate's business.

mod base;
mod from_host;
mod list;
mod pull;
mod remove;

pub(crate) use base::{Base, base};
pub use list::ImageSummary;
pub use pull::{PullRequest, PullResult};
pub use remove::RemovedImage;
