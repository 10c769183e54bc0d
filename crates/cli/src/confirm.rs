//! Asking the user before much is removed.

use std::io::BufRead;

use crate::exit_code::Failure;
use crate::output;

/// Asks whether to go on after a warning.
///
/// # Errors
/// When nobody answers.
pub(crate) fn confirmed(warning: &str) -> Result<bool, Failure> {
    output::print(&format!(
        "WARNING! {warning}\nAre you sure you want to continue? [y/N] "
    ));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.map_err(|error| Failure::usage(format!("reading the answer: {error}")))? {
        0 => Err(Failure::usage("nobody answered: use --force")),
        _ => Ok(matches!(answer.trim(), "y" | "Y" | "yes")),
    }
}
