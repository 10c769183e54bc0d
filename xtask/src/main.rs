//! The project's own tasks, run as `cargo xtask <task>`. This file only names them; each task has
//! a file of its own.

mod bench;
mod cargo;
mod fuzz;
mod order;
mod packages;
mod test;
mod tidy;
mod vm;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>

  test [FILTER]       install what the tests need, build, run every test as root and as an
                      ordinary user, and check that nothing is left behind
  fuzz [--seconds N] [--seed N] [TARGET]
                      feed hostile input to every parser and to the seccomp compiler
  tidy                check the rules of the house that the compiler cannot check
  bench [--runs N] [--case NAME] [--peer NAME=PATH] [--write]
                      measure wharf against the floor and against the engines that are installed;
                      --peer takes a program in place of the installed one (crun=/opt/crun);
                      --write puts the tables into docs/performance.md
  order               find what short-lived commands execute of the program, for the linker to put
                      side by side; before a release, since it takes some minutes
  vm COMMAND [ARG...] boot a small machine with cgroup v2 and systemd, and run a command in it as
                      root, with wharf in its PATH
  vm --test [FILTER]  run in that machine the tests that belong there
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let outcome = match arguments.first().map(String::as_str) {
        Some("test") => test::run(rest),
        Some("fuzz") => fuzz::run(rest),
        Some("tidy") => tidy::run(rest),
        Some("bench") => bench::run(rest),
        Some("order") => order::run(rest),
        Some("vm") => vm::run(rest),
        Some(order::TRACE) => order::trace(rest),
        Some(test::SUPERVISE) => test::supervise(rest),
        Some(vm::START) => vm::start(),
        Some(vm::AGENT) => vm::agent(),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
