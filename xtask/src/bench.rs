//! `cargo xtask bench`: how long wharf takes beside the floor (`src/bin/floor`) and beside every
//! other engine that is installed, all in one interleaved run. A benchmark, not a test: it judges
//! the budgets but fails nothing. Here are its options and its order; each step is a file in
//! `bench/`.

mod cases;
mod containerd;
mod daemon;
mod dockerd;
mod engines;
mod floor;
mod life;
mod machine;
mod memory;
mod network;
mod pull;
mod report;
mod stage;
mod subject;
mod timing;
mod view;

use std::path::PathBuf;

use report::Report;
use stage::Stage;
use view::View;

/// What the caller chose.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    /// Counted runs of each subject; each case has its own default.
    runs: Option<usize>,
    case: Option<String>,
    write: bool,
    /// Programs that take the place of the installed ones, such as a newer crun.
    peers: Vec<(String, PathBuf)>,
}

/// Measures every case, or the one asked for, and prints the tables.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    let options = Options::parse(arguments)?;
    if !rustix::process::geteuid().is_root() {
        return Err("bench needs root: every engine is measured as root".to_owned());
    }
    network::own_network()?;
    let stage = Stage::make(&options.peers)?;
    let mut report = Report::new(machine::describe());
    for (index, &view) in View::possible().iter().enumerate() {
        view.show(|| measure(&stage, &options, view, index == 0, &mut report))?;
    }
    if options.write {
        report.write(&engines::versions(&stage))?;
    }
    Ok(true)
}

/// Measures what is wanted in one view of the cgroups; all of it in the first view, in others only
/// what depends on them most.
fn measure(stage: &Stage, options: &Options, view: View, is_first: bool, report: &mut Report) {
    for case in cases::CASES {
        if options.wants(case.name) && (is_first || case.in_every_view) {
            println!("measuring {}{}", case.name, view.suffix());
            let mut table = case.measure((case.subjects)(stage), options.runs);
            table.title += view.suffix();
            report.add(table);
        }
    }
    if options.wants(memory::NAME) && is_first {
        println!("measuring {}", memory::NAME);
        report.add(memory::of_idle_containers(stage));
        report.add(memory::of_create(stage));
    }
    if options.wants(life::NAME) && is_first {
        println!("measuring {}", life::NAME);
        report.add(life::of_a_thousand(stage));
    }
    if options.wants(network::NAME) && is_first {
        println!("measuring {}", network::NAME);
        network::speeds(stage)
            .into_iter()
            .for_each(|table| report.add(table));
    }
    if options.wants(pull::NAME) && is_first {
        println!("measuring {}", pull::NAME);
        pull::tables(stage, options.runs)
            .into_iter()
            .for_each(|table| report.add(table));
    }
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Options::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--runs" => options.runs = Some(number(words.next())?),
                "--case" => options.case = Some(known_case(words.next())?),
                "--write" => options.write = true,
                "--peer" => options.peers.push(peer(words.next())?),
                other => return Err(format!("bench does not know '{other}'")),
            }
        }
        if options.write && options.case.is_some() {
            return Err("--write needs every case: leave --case out".to_owned());
        }
        Ok(options)
    }

    fn wants(&self, case: &str) -> bool {
        self.case.as_deref().is_none_or(|wanted| wanted == case)
    }
}

fn number(word: Option<&String>) -> Result<usize, String> {
    let number = word.and_then(|word| word.parse().ok());
    number
        .filter(|runs| *runs > 0)
        .ok_or_else(|| "--runs takes a number above 0".to_owned())
}

fn peer(word: Option<&String>) -> Result<(String, PathBuf), String> {
    let parts = word.and_then(|word| word.split_once('='));
    parts
        .map(|(name, path)| (name.to_owned(), PathBuf::from(path)))
        .ok_or_else(|| "--peer takes NAME=PATH, such as crun=/opt/crun".to_owned())
}

fn known_case(word: Option<&String>) -> Result<String, String> {
    let names = cases::CASES.iter().map(|case| case.name);
    let names: Vec<&str> = names
        .chain([memory::NAME, life::NAME, network::NAME, pull::NAME])
        .collect();
    match word {
        Some(name) if names.contains(&name.as_str()) => Ok(name.clone()),
        _ => Err(format!("--case takes one of {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_taken_in_any_order() {
        let expected = Options {
            runs: Some(5),
            case: Some("oci-run".to_owned()),
            write: false,
            peers: vec![("crun".to_owned(), PathBuf::from("/opt/crun"))],
        };
        let line = "--case oci-run --peer crun=/opt/crun --runs 5";
        assert_eq!(parse(line).unwrap(), expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--runs",
            "--runs 0",
            "--case nothing",
            "--fast",
            "--peer crun",
            "--write --case memory",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
