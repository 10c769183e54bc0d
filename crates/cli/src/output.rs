//! What the user sees: text on standard output, errors and warnings on standard error, and tables
//! whose columns line up. The only place that prints.

use std::fmt;
use std::io::Write;

use serde::Serialize;

use crate::exit_code::Failure;

/// The exit code when nobody reads our output any more, as if the signal had ended us.
const PIPE: i32 = 128 + 13;

/// Prints text. A reader that went away ends the program, quietly, like any other program in a
/// pipe.
pub(crate) fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Prints bytes, as [`print`].
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => sys::exec::exit_now(PIPE),
        Err(failure) => {
            error(&format!("writing to standard output: {failure}"));
            sys::exec::exit_now(1)
        }
    }
}

/// A document as JSON of many lines.
pub(crate) fn pretty(document: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(document);
    let json = json.map_err(|error| Failure::usage(error.to_string()))?;
    Ok(format!("{json}\n"))
}

/// Prints an error, once, by whoever stops it.
pub(crate) fn error(message: &str) {
    stderr(&format!("wharf: {message}\n"));
}

/// Prints a warning.
pub(crate) fn warning(message: &str) {
    stderr(&format!("wharf: warning: {message}\n"));
}

/// Prints bytes to standard error as they are.
pub(crate) fn stderr_bytes(bytes: &[u8]) {
    // There is nobody left to tell that nobody listens.
    let _ = std::io::stderr().write_all(bytes);
}

fn stderr(text: &str) {
    stderr_bytes(text.as_bytes());
}

/// Rows under a header. Columns are as wide as their widest cell and three spaces apart, as in
/// Docker.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

const GAP: usize = 3;

impl Table {
    /// A table with this header.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|cell| (*cell).to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                let padding = width + GAP - cell.chars().count();
                line.extend(std::iter::repeat_n(' ', padding));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns under a header.
    Table,
    /// An object a line.
    Json,
}

/// `--format`, as a value for clap.
pub(crate) fn format(text: &str) -> Result<Format, String> {
    match text {
        "table" => Ok(Format::Table),
        "json" | "{{json .}}" => Ok(Format::Json),
        _ => Err(format!(
            "the format {text:?} is not supported: table or json"
        )),
    }
}

/// `--format` of a verb whose output is no table, as a value for clap.
pub(crate) fn text_or_json(text: &str) -> Result<Format, String> {
    match text {
        "text" => Ok(Format::Table),
        "json" | "{{json .}}" => Ok(Format::Json),
        _ => Err(format!(
            "the format {text:?} is not supported: text or json"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_their_header() {
        let mut table = Table::new(&["ID", "NAME"]);
        table.row(["a1b2".into(), "web".into()]);
        table.row(["\u{fc}".into(), String::new()]);
        assert_eq!(table.to_string(), "ID     NAME\na1b2   web\n\u{fc}\n");
    }
}
