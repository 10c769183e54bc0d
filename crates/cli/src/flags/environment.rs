//! `-e`, `--env-file`, and labels, which are written the same way.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error_text::sentence;

/// The variables of the files, then those of the flags. A name without a value takes the
/// caller's, and is left out if the caller has none.
pub(crate) fn collect(
    files: &[impl AsRef<Path>],
    flags: &[String],
    own: &[(String, String)],
) -> Result<Vec<String>, String> {
    let mut variables = Vec::new();
    for file in files {
        let file = file.as_ref();
        let text = read(file)?;
        for line in text.lines().map(str::trim_start) {
            if !line.is_empty() && !line.starts_with('#') {
                variables.extend(variable(line, own)?);
            }
        }
    }
    for flag in flags {
        variables.extend(variable(flag, own)?);
    }
    Ok(variables)
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("reading {}: {}", file.display(), sentence(&error)))
}

fn variable(text: &str, own: &[(String, String)]) -> Result<Option<String>, String> {
    let name = text.split('=').next().unwrap_or_default();
    if name.is_empty() || name.contains(char::is_whitespace) || text.contains('\0') {
        return Err(format!(
            "invalid environment variable {text:?}: expected NAME=VALUE or NAME"
        ));
    }
    if text.contains('=') {
        return Ok(Some(text.to_owned()));
    }
    let value = own.iter().find(|(own_name, _)| own_name == name);
    Ok(value.map(|(name, value)| format!("{name}={value}")))
}

/// The labels of the files, a line each, then those of the flags.
pub(crate) fn labels_with_files(
    files: &[impl AsRef<Path>],
    flags: &[String],
) -> Result<BTreeMap<String, String>, String> {
    let mut lines = Vec::new();
    for file in files {
        let file = file.as_ref();
        let text = read(file)?;
        let kept = text.lines().map(str::trim);
        let kept = kept.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.extend(kept.map(str::to_owned));
    }
    lines.extend(flags.iter().cloned());
    labels(&lines)
}

/// Labels, `NAME=VALUE` or `NAME`.
pub(crate) fn labels(flags: &[String]) -> Result<BTreeMap<String, String>, String> {
    pairs("label", flags)
}

/// `NAME=VALUE` or `NAME`; `what` is the user's word for one.
pub(crate) fn pairs(what: &str, flags: &[String]) -> Result<BTreeMap<String, String>, String> {
    let pair = |flag: &String| {
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        match name.is_empty() {
            true => Err(format!(
                "invalid {what} {flag:?}: expected NAME=VALUE or NAME"
            )),
            false => Ok((name.to_owned(), value.to_owned())),
        }
    };
    flags.iter().map(pair).collect()
}

/// `NAME=VALUE`.
pub(crate) fn values(what: &str, flags: &[String]) -> Result<BTreeMap<String, String>, String> {
    match flags.iter().find(|flag| !flag.contains('=')) {
        Some(flag) => Err(format!("invalid {what} {flag:?}: expected NAME=VALUE")),
        None => pairs(what, flags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [&str; 0] = [];

    #[test]
    fn a_name_without_a_value_takes_the_callers() {
        let own = [("A".to_owned(), "1".to_owned())];
        let flags = ["A", "B", "C=2", "D="].map(str::to_owned);
        assert_eq!(collect(&NONE, &flags, &own).unwrap(), ["A=1", "C=2", "D="]);
        assert!(collect(&NONE, &["=x".to_owned()], &own).is_err());
    }

    #[test]
    fn a_file_has_a_variable_a_line_and_flags_come_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("env");
        std::fs::write(&file, "# comment\n\nA=x y\n  B=1\n").unwrap();
        let variables = collect(&[&file], &["A=z".to_owned()], &[]).unwrap();
        assert_eq!(variables, ["A=x y", "B=1", "A=z"]);
    }
}
