//! The process beside each container: it makes the container, keeps its output, carries its
//! terminal and standard input, and writes down how it ended. One per running container, one
//! thread, one epoll loop. It knows nothing of images, names or networks, and clears nothing up.

mod clients;
mod config;
mod error;
mod event_loop;
mod exit;
mod farewell;
mod health;
mod log;
mod notice;
mod oom;
mod output;
mod pause;
mod poller;
pub mod protocol;
mod run;
mod socket;
mod stdin;
mod streams;

pub use config::{Config, FileFormat, FileLog, JournalLog, Log};
pub use error::Error;
pub use exit::{EXIT_VERSION, ExitRecord, SENT, Sent};
pub use health::{HEALTH, Health, HealthResult, Look, OnFailure, Probe, Target};
pub use notice::{Notice, Witness};
pub use oom::OomKill;
pub use pause::pause;
pub use run::{Ended, begins, run};
pub use socket::connect;
