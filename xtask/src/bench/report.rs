//! The tables: on the terminal as they come, and in `docs/performance.md`, where notes written by
//! hand below a marker are kept.

use std::fmt::Write;
use std::fs;

use super::cases::{Budget, FLOOR, Limit};
use super::timing::{Timed, Times};
use crate::workspace;

/// Where the report goes.
const FILE: &str = "docs/performance.md";

/// What stands below this line in the file is kept.
const MARKER: &str = "<!-- Below this line: notes by hand, kept by cargo xtask bench --write. -->";

const INTRODUCTION: &str = "\
# Performance

Written by `cargo xtask bench --write`, run as root; `cargo xtask bench --case NAME --runs N`
measures one table again. Every subject is a whole process, timed from before it is started until
it is reaped. The subjects take turns, so that all of them meet the same weather; × floor is the
median over the rounds of the ratio to the *floor* in the same round. The floor
(`xtask/src/bin/floor`) is the smallest program that makes the same namespaces, mounts and cgroups,
executes the program and waits. Trust ratios more than milliseconds.
";

/// One table of the report.
pub(super) struct Table {
    pub(super) title: String,
    pub(super) about: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// What became of the budgets.
    pub(super) verdicts: Vec<String>,
}

impl Table {
    /// A table of times with ratios to the floor, if the floor takes part.
    pub(super) fn of_times(title: &str, about: &str, timed: &[Timed], budgets: &[Budget]) -> Self {
        let floor = times_of(timed, FLOOR);
        let row = |timed: &Timed| match &timed.times {
            Err(why) => [timed.name, why, "", ""].map(str::to_owned).to_vec(),
            Ok(times) => vec![
                timed.name.to_owned(),
                format!("{:.2}", times.median()),
                format!("{:.2}", times.percentile_95()),
                floor.map_or_else(String::new, |floor| format!("{:.2}", times.ratio_to(floor))),
            ],
        };
        Table {
            title: title.to_owned(),
            about: about.to_owned(),
            head: ["", "median, ms", "p95, ms", "× floor"]
                .map(str::to_owned)
                .to_vec(),
            rows: timed.iter().map(row).collect(),
            verdicts: budgets
                .iter()
                .filter_map(|budget| verdict(timed, budget))
                .collect(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.about);
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        text += &line(&self.head);
        let rules = (0..self.head.len()).map(|column| if column == 0 { "---" } else { "---:" });
        text += &line(&rules.map(str::to_owned).collect::<Vec<_>>());
        self.rows.iter().for_each(|row| text += &line(row));
        if !self.verdicts.is_empty() {
            text += "\nBudget:\n\n";
        }
        for verdict in &self.verdicts {
            text += &format!("* {verdict}\n");
        }
        text
    }
}

fn times_of<'a>(timed: &'a [Timed], name: &str) -> Option<&'a Times> {
    let timed = timed.iter().find(|timed| timed.name == name)?;
    timed.times.as_ref().ok()
}

/// Does the budget hold? Nothing when one of the two was not measured.
fn verdict(timed: &[Timed], budget: &Budget) -> Option<String> {
    let times = times_of(timed, budget.subject)?;
    let (value, limit, unit) = match budget.limit {
        Limit::Milliseconds(limit) => (times.median(), limit, "ms".to_owned()),
        Limit::MillisecondsOver(limit, other) => {
            let over = times.median() - times_of(timed, other)?.median();
            (over, limit, format!("ms more than {other}"))
        }
        Limit::Times(limit, other) => {
            let ratio = times.ratio_to(times_of(timed, other)?);
            (ratio, limit, format!("× {other}"))
        }
    };
    let holds = if value <= limit {
        "holds"
    } else {
        "is exceeded"
    };
    Some(format!(
        "{}: at most {limit} {unit}: {value:.3}, {holds}",
        budget.subject
    ))
}

/// Everything that was measured.
pub(super) struct Report {
    machine: Vec<(&'static str, String)>,
    tables: Vec<Table>,
}

impl Report {
    pub(super) fn new(machine: Vec<(&'static str, String)>) -> Self {
        Report {
            machine,
            tables: Vec::new(),
        }
    }

    /// Prints a table and keeps it.
    pub(super) fn add(&mut self, table: Table) {
        println!("\n{}", table.markdown());
        self.tables.push(table);
    }

    /// Writes the file anew but for the notes in it.
    pub(super) fn write(&self, versions: &[(&'static str, String)]) -> Result<(), String> {
        let path = workspace::root().join(FILE);
        let old = fs::read_to_string(&path).unwrap_or_default();
        let text = self.text(versions, notes(&old));
        let made = fs::create_dir_all(workspace::root().join("docs"));
        made.and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("cannot write {FILE}: {error}"))?;
        println!("written: {FILE}");
        Ok(())
    }

    fn text(&self, versions: &[(&'static str, String)], notes: &str) -> String {
        let mut text = format!("{INTRODUCTION}\n## Machine\n\n| | |\n| --- | --- |\n");
        for (name, fact) in self.machine.iter().chain(versions) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {name} | {fact} |");
        }
        for table in &self.tables {
            text.push('\n');
            text += &table.markdown();
        }
        text + "\n" + MARKER + notes
    }
}

/// What stands below the marker, from the end of its line on.
fn notes(old: &str) -> &str {
    old.split_once(MARKER).map_or("\n", |(_, notes)| notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            title: "Run".to_owned(),
            about: "A run.".to_owned(),
            head: ["", "ms"].map(str::to_owned).to_vec(),
            rows: vec![["floor", "2.40"].map(str::to_owned).to_vec()],
            verdicts: vec!["wharf: at most 1 ms: 0.90, holds".to_owned()],
        }
    }

    #[test]
    fn a_table_is_markdown() {
        let expected = "## Run\n\nA run.\n\n|  | ms |\n| --- | ---: |\n| floor | 2.40 |\n\
                        \nBudget:\n\n* wharf: at most 1 ms: 0.90, holds\n";
        assert_eq!(table().markdown(), expected);
    }

    #[test]
    fn notes_are_kept_however_often_it_is_written() {
        let mut report = Report::new(vec![("kernel", "6.18".to_owned())]);
        report.tables.push(table());
        let versions = [("crun", "1.8.1".to_owned())];
        let first = report.text(&versions, notes("")) + "\n## Notes\n\nBy hand.\n";
        let second = report.text(&versions, notes(&first));
        assert_eq!(first, second);
        assert!(second.contains("| crun | 1.8.1 |"));
    }
}
