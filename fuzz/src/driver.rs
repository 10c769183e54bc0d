//! Feeding a target for a bounded time: first its corpus as it is, then changes of it. A run can be
//! repeated by its seed; the input that a target fails on is kept.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::mutate;
use crate::random::Random;
use crate::targets::Target;

/// What is longer than any input takes.
const STUCK: Duration = Duration::from_secs(10);

/// The input that is being tried, and how many were.
static CURRENT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static TRIED: AtomicU64 = AtomicU64::new(0);

/// How to run.
#[derive(Debug)]
pub struct Run<'a> {
    /// For how long.
    pub time: Duration,
    /// For the random numbers.
    pub seed: u64,
    /// The directory of the target's corpus.
    pub corpus: &'a Path,
    /// Where an input goes that the target fails on.
    pub failed: PathBuf,
}

/// Runs a target; gives back how many inputs it was fed. It does not come back from a failure.
pub fn run(target: &Target, run: &Run<'_>) -> u64 {
    keep_what_fails(run.failed.clone());
    watch(run.failed.clone());
    let corpus = read(run.corpus);
    let mut random = Random::new(run.seed);
    let start = Instant::now();
    for input in &corpus {
        try_one(target, input.clone());
    }
    while start.elapsed() < run.time {
        let input = mutate::make(&mut random, &corpus);
        try_one(target, input);
    }
    TRIED.load(Ordering::Relaxed)
}

/// Tries one file.
///
/// # Errors
/// When it cannot be read.
pub fn repeat(target: &Target, file: &Path) -> std::io::Result<()> {
    (target.run)(&std::fs::read(file)?);
    Ok(())
}

fn try_one(target: &Target, input: Vec<u8>) {
    if let Ok(mut current) = CURRENT.lock() {
        current.clone_from(&input);
    }
    (target.run)(&input);
    TRIED.fetch_add(1, Ordering::Relaxed);
}

fn read(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    // The same order everywhere, for the seed's sake.
    paths.sort();
    paths
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .collect()
}

fn keep_what_fails(path: PathBuf) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        keep(&path);
    }));
}

fn keep(path: &Path) {
    let Ok(current) = CURRENT.lock() else {
        return;
    };
    match std::fs::write(path, &*current) {
        Ok(()) => eprintln!("the input is in {}", path.display()),
        Err(error) => eprintln!("cannot keep the input in {}: {error}", path.display()),
    }
}

/// Ends the program when one input takes too long.
fn watch(path: PathBuf) {
    std::thread::spawn(move || {
        let mut last = u64::MAX;
        loop {
            let tried = TRIED.load(Ordering::Relaxed);
            if tried == last {
                eprintln!("an input takes longer than {} s", STUCK.as_secs());
                keep(&path);
                std::process::abort();
            }
            last = tried;
            std::thread::sleep(STUCK);
        }
    });
}
