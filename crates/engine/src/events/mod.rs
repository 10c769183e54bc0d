//! What happens to containers, images and volumes, with Docker's types, actions and attributes: a
//! trail in the run root (`store::append`) that every verb and every monitor adds to.

mod event;
mod follow;

pub(crate) use event::note;
pub use event::{Actor, Event};
pub use follow::{EventRange, Events};
