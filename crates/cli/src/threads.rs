//! The threads of pulls and pushes. They are joined before the call that wanted them returns, so
//! that whoever starts a container afterwards has a single thread again.

use image::{Job, Workers};

use crate::output;

/// One thread for each job.
pub(crate) struct Threads;

impl Workers for Threads {
    fn run<'a>(&self, jobs: Vec<Job<'a>>) {
        std::thread::scope(|scope| {
            for job in jobs {
                let builder = std::thread::Builder::new().stack_size(STACK);
                if let Err(error) = builder.spawn_scoped(scope, job) {
                    // The others would wait for it for ever.
                    output::error(&format!("starting a thread: {error}"));
                    sys::exec::exit_now(125);
                }
            }
        });
    }
}

/// Enough for TLS and decompression.
const STACK: usize = 1 << 20;
