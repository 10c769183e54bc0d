//! `wharf-fuzz TARGET SECONDS SEED CORPUS FAILED`, as `cargo xtask fuzz` runs it; `wharf-fuzz TARGET
//! FILE` tries one input again; without arguments, the names of the targets.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fuzz::driver::{self, Run};
use fuzz::targets;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match outcome(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("wharf-fuzz: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn outcome(words: &[&str]) -> Result<(), String> {
    let Some(name) = words.first() else {
        for target in targets::ALL {
            println!("{}", target.name);
        }
        return Ok(());
    };
    let target = targets::find(name).ok_or_else(|| format!("no target {name}"))?;
    match words {
        [_, file] => driver::repeat(target, Path::new(file)).map_err(|e| format!("{file}: {e}")),
        [_, seconds, seed, corpus, failed] => {
            let run = Run {
                time: Duration::from_secs_f64(seconds.parse().map_err(|_| "SECONDS?")?),
                seed: seed.parse().map_err(|_| "SEED?")?,
                corpus: Path::new(corpus),
                failed: PathBuf::from(failed),
            };
            let start = Instant::now();
            let count = driver::run(target, &run);
            let time = start.elapsed().as_secs_f64();
            println!("{name}: {count} inputs in {time:.1} s, seed {seed}");
            Ok(())
        }
        _ => Err("TARGET FILE, or TARGET SECONDS SEED CORPUS FAILED".to_owned()),
    }
}
