//! `cargo xtask tidy`: the rules of the house that neither rustc nor clippy checks. Here is the
//! walk over the tree and the report; the rules are in `tidy/`.

mod levels;
mod rules;
mod source;

use std::fs;
use std::path::Path;

use crate::workspace;
use source::Source;

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: String,
    line: usize,
    problem: String,
}

/// Prints every violation; true when there is none.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    if let Some(extra) = arguments.first() {
        return Err(format!("tidy takes no argument, got '{extra}'"));
    }
    let found = check(&workspace::root())?;
    for violation in &found {
        println!(
            "{}:{}: {}",
            violation.file, violation.line, violation.problem
        );
    }
    match found.len() {
        0 => println!("tidy: every rule holds"),
        count => println!("tidy: {count} violations"),
    }
    Ok(found.is_empty())
}

fn check(root: &Path) -> Result<Vec<Violation>, String> {
    let mut found = Vec::new();
    for path in list(root, ".rs")? {
        let text = read(root, &path)?;
        found.extend(rules::check(&Source::new(&path, &text)));
    }
    for path in list(root, "Cargo.toml")? {
        found.extend(levels::check(&path, &read(root, &path)?));
    }
    Ok(found)
}

fn list(root: &Path, suffix: &str) -> Result<Vec<String>, String> {
    let files = workspace::files(root, suffix)
        .map_err(|error| format!("cannot list {}: {error}", root.display()))?;
    let relative = files.iter().filter_map(|file| file.strip_prefix(root).ok());
    Ok(relative
        .map(|file| file.to_string_lossy().into_owned())
        .collect())
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    fs::read_to_string(root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let Ok(found) = check(&workspace::root()) else {
            println!("skipped: this user cannot read the checkout");
            return;
        };
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn a_tree_is_walked_and_build_output_is_not() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("crates/store/src")).unwrap();
        fs::create_dir_all(tree.path().join("target")).unwrap();
        fs::write(tree.path().join("crates/store/src/lib.rs"), "fn f() {}\n").unwrap();
        fs::write(tree.path().join("target/made.rs"), "fn f() {}\n").unwrap();
        let found = check(tree.path()).unwrap();
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].file, "crates/store/src/lib.rs");
    }
}
