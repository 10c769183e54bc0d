//! The process beside each container: it makes the container, keeps its output, carries its
//! terminal and standard input, and writes down how it ended. One per running container, one
//! thread, one epoll loop. It knows nothing of images, names or networks.

mod clock;
mod config;
mod error;
mod exit;
pub mod protocol;
mod socket;

pub use clock::Time;
pub use config::{Config, Log};
pub use error::Error;
pub use exit::{EXIT_VERSION, ExitRecord};
pub use socket::connect;
