//! What became of each test, and the last line of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::pass::seconds;

/// A test prints this and returns when it cannot run here; what follows is the reason.
const SKIPPED: &str = "skipped: ";

/// What became of one test in one pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// With everything it printed.
    Failed(String),
    /// With the reason.
    Skipped(String),
}

impl Outcome {
    /// Judges a finished test by its success and by what it printed.
    pub(super) fn new(success: bool, printed: &str) -> Self {
        let reason = printed.lines().find_map(|line| line.split_once(SKIPPED));
        match reason {
            _ if !success => Outcome::Failed(printed.to_owned()),
            Some((_, reason)) => Outcome::Skipped(reason.trim().to_owned()),
            None => Outcome::Passed,
        }
    }
}

/// Counts over all passes. A test that one pass skips and another runs has run: only what no pass
/// could run counts as skipped.
#[derive(Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    /// By test: the reason, while no pass has run it.
    skipped: BTreeMap<String, String>,
    ran: BTreeSet<String>,
}

impl Tally {
    /// Adds a check of the runner's own.
    pub(super) fn check(&mut self, name: &str, holds: bool) {
        let outcome = if holds {
            Outcome::Passed
        } else {
            Outcome::Failed(String::new())
        };
        self.count(name, outcome, Duration::ZERO);
    }

    pub(super) fn add(&mut self, name: &str, outcome: Outcome, time: Duration) {
        if let Outcome::Skipped(reason) = outcome {
            self.skipped.insert(name.to_owned(), reason);
            return;
        }
        self.ran.insert(name.to_owned());
        self.count(name, outcome, time);
    }

    fn count(&mut self, name: &str, outcome: Outcome, time: Duration) {
        match outcome {
            Outcome::Failed(printed) => {
                self.failed += 1;
                println!("  FAILED  {name}  {}", seconds(time));
                for line in printed.lines() {
                    println!("          {line}");
                }
            }
            Outcome::Passed | Outcome::Skipped(_) => {
                self.passed += 1;
                println!("  ok      {name}  {}", seconds(time));
            }
        }
    }

    /// Did a test run, and nothing fail?
    pub(super) fn is_good(&self) -> bool {
        self.failed == 0 && !self.ran.is_empty()
    }

    /// Prints the skips and the last line.
    pub(super) fn report(&self) {
        for (name, reason) in self.never_ran() {
            println!("{SKIPPED}{name}: {reason}");
        }
        println!("{}", self.last_line());
    }

    fn never_ran(&self) -> impl Iterator<Item = (&String, &String)> {
        let skipped = self.skipped.iter();
        skipped.filter(|(name, _)| !self.ran.contains(*name))
    }

    fn last_line(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed,
            self.failed,
            self.never_ran().count()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_carries_its_reason() {
        let printed = "test a ... skipped: needs root\nok\n";
        assert_eq!(
            Outcome::new(true, printed),
            Outcome::Skipped("needs root".to_owned())
        );
    }

    #[test]
    fn a_failure_is_never_a_skip() {
        assert!(matches!(
            Outcome::new(false, "skipped: needs root\n"),
            Outcome::Failed(_)
        ));
    }

    #[test]
    fn what_one_pass_runs_is_not_skipped() {
        let mut tally = Tally::default();
        tally.add(
            "a",
            Outcome::Skipped("needs root".to_owned()),
            Duration::ZERO,
        );
        tally.add("a", Outcome::Passed, Duration::ZERO);
        assert!(tally.is_good());
        assert_eq!(tally.last_line(), "1 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn what_no_pass_runs_is_skipped_once() {
        let mut tally = Tally::default();
        for _ in 0..2 {
            let outcome = Outcome::Skipped("needs cgroup v2".to_owned());
            tally.add("a", outcome, Duration::ZERO);
        }
        assert_eq!(tally.last_line(), "0 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_run_without_tests_fails_whatever_the_checks_say() {
        let mut tally = Tally::default();
        tally.check("tidy", true);
        assert!(!tally.is_good());
    }

    #[test]
    fn a_run_with_a_failure_fails() {
        let mut tally = Tally::default();
        tally.add("a", Outcome::Passed, Duration::ZERO);
        tally.check("b", false);
        assert!(!tally.is_good());
    }
}
