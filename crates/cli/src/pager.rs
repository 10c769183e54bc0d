//! Long texts on a terminal: through the user's pager, as git does, and only if they do not fit.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::{output, terminal};

/// Shows a text, page by page where a person reads it on a terminal that is too small for it.
pub(crate) fn show(text: &str) {
    let rows = terminal::size(rustix::stdio::stdout()).map(|size| size.rows);
    let wish = std::env::var("PAGER").ok();
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    match pager(text, rows, wish.as_deref(), is_dumb) {
        Some(pager) if page(&pager, text) => {}
        _ => output::print(text),
    }
}

/// The pager that is needed, if one is.
fn pager(text: &str, rows: Option<u16>, wish: Option<&str>, is_dumb: bool) -> Option<String> {
    let rows = usize::from(rows.filter(|rows| *rows > 0)?);
    let pager = wish.unwrap_or("less").trim();
    let fits = text.lines().count() < rows;
    let is_none = is_dumb || pager.is_empty() || pager == "cat";
    (!fits && !is_none).then(|| pager.to_owned())
}

/// Whether the pager could be started.
fn page(pager: &str, text: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", pager]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // As git: ends by itself where all fits, and leaves the text on the screen.
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    if let Some(mut stdin) = child.stdin.take() {
        // Who has read enough closes it.
        let _ = stdin.write_all(text.as_bytes());
    }
    // What a shell says of a program that is not there.
    const MISSING: [i32; 2] = [126, 127];
    let ended = child.wait().ok().and_then(|status| status.code());
    !ended.is_some_and(|code| MISSING.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_fit_is_paged() {
        let text = "line\n".repeat(24);
        let less = Some("less".to_owned());
        assert_eq!(pager(&text, Some(24), None, false), less);
        assert_eq!(pager(&text, Some(25), None, false), None);
        assert_eq!(pager(&text, None, None, false), None, "no terminal");
        assert_eq!(pager(&text, Some(24), None, true), None, "a dumb one");
        for wish in ["", "cat"] {
            assert_eq!(pager(&text, Some(24), Some(wish), false), None);
        }
        let more = Some("more -d".to_owned());
        assert_eq!(pager(&text, Some(24), Some("more -d"), false), more);
    }
}
