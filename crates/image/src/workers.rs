//! Doing several things at once without starting a thread: who has threads hands them in.
//!
//! Only a process with a single thread makes containers, so nothing below the front doors starts
//! threads. A front door that pulls or pushes passes [`Workers`], and has joined every thread of
//! theirs when the call returns.

/// Something to do.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Runs jobs beside each other.
pub trait Workers: Sync {
    /// Runs all jobs, each in a thread of its own, and returns when the last is done. A job may
    /// wait for another one and may call this again.
    fn run<'a>(&self, jobs: Vec<Job<'a>>);
}

/// Runs the same job for many things, some of them at once, until one fails; gives back the first
/// failure.
pub(crate) fn for_each<T: Sync, E: Send>(
    workers: &dyn Workers,
    at_once: usize,
    things: &[T],
    act: impl Fn(&T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || {
        while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = act(thing) {
                next.store(things.len(), Ordering::Relaxed);
                let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
                return;
            }
        }
    };
    let jobs = (0..at_once.min(things.len())).map(|_| Box::new(&work) as Job<'_>);
    workers.run(jobs.collect());
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(()), Err)
}
