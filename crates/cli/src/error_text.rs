//! An error and its causes as the one line that the user reads.

use std::error::Error;

/// The error, then each of its causes, separated by colons. A cause that only repeats what stands
/// before it is left out.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut text = plain(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let clause = plain(&error.to_string());
        if !text.ends_with(&clause) {
            text = format!("{text}: {clause}");
        }
        cause = error.source();
    }
    text
}

/// The kernel's words as a clause: without the number that the standard library adds, and with a
/// small initial.
fn plain(text: &str) -> String {
    let Some((words, _)) = text.split_once(" (os error ") else {
        return text.to_owned();
    };
    let (before, last) = words.rsplit_once(": ").map_or(("", words), |(a, b)| (a, b));
    let mut letters = last.chars();
    let initial = letters.next().map(|letter| letter.to_ascii_lowercase());
    let last: String = initial.into_iter().chain(letters).collect();
    if before.is_empty() {
        last
    } else {
        format!("{before}: {last}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("opening /x")]
    struct Opening(#[source] std::io::Error);

    #[test]
    fn causes_follow_without_error_numbers() {
        let error = Opening(std::io::Error::from_raw_os_error(2));
        assert_eq!(sentence(&error), "opening /x: no such file or directory");
    }
}
