//! The levels: a crate depends on lower levels only. Reads Cargo.toml files line by line, as far
//! as this workspace writes them.

use super::Violation;

/// Each crate's level, lowest first. A dependency must point to a lower level.
pub(super) const LEVELS: &[(&str, u8)] = &[
    ("sys", 0),
    ("spec", 0),
    ("store", 0),
    ("program", 0),
    ("runtime", 1),
    ("image", 1),
    ("network", 1),
    ("dns", 1),
    ("monitor", 1),
    ("engine", 2),
    ("cli", 3),
    ("wharf", 4),
];

/// The sideways edges that are allowed, as (from, to).
const SIDEWAYS: &[(&str, &str)] = &[("monitor", "runtime")];

/// The level of the crate in `crates/<name>`.
pub(super) fn level(name: &str) -> Option<u8> {
    LEVELS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, level)| *level)
}

/// The crate whose directory holds `path`, for a path below `crates/`.
pub(super) fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

/// Checks one Cargo.toml, `path` relative to the workspace.
pub(super) fn check(path: &str, manifest: &str) -> Vec<Violation> {
    let Some(name) = crate_of(path) else {
        return Vec::new();
    };
    let at = |line: usize, problem: String| Violation {
        file: path.to_owned(),
        line,
        problem,
    };
    let Some(own) = level(name) else {
        return vec![at(
            1,
            format!("crate '{name}' has no level in xtask/src/tidy/levels.rs"),
        )];
    };
    let mut found = Vec::new();
    if !manifest.contains(lints_of(name)) {
        found.push(at(1, format!("the lints lack {:?}", lints_of(name))));
    }
    let upwards = dependencies(manifest)
        .into_iter()
        .filter_map(|(line, dependency)| {
            let other = level(dependency)?;
            let allowed = other < own || SIDEWAYS.contains(&(name, dependency));
            let problem = format!(
                "'{name}' (level {own}) depends on '{dependency}' (level {other}); \
                 dependencies point down only"
            );
            (!allowed).then(|| at(line, problem))
        });
    found.extend(upwards);
    found
}

/// What a crate's manifest says of lints: all of the workspace's, but `sys` repeats them without
/// the one against `unsafe`, and must keep the one that asks for `// SAFETY:`.
fn lints_of(name: &str) -> &'static str {
    match name {
        "sys" => "undocumented_unsafe_blocks = ",
        _ => "[lints]\nworkspace = true",
    }
}

/// The names in `[dependencies]` and `[build-dependencies]` with their lines, without the prefix
/// `wharf-` that packages carry and folders do not.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            inside = section == "dependencies]" || section == "build-dependencies]";
        } else if inside && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                found.push((index + 1, name.strip_prefix("wharf-").unwrap_or(name)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the rule says of a crate with these dependencies.
    fn problems(name: &str, dependencies: &str) -> Vec<Violation> {
        let manifest = format!("{dependencies}\n{}\n", lints_of(name));
        check(&format!("crates/{name}/Cargo.toml"), &manifest)
    }

    #[test]
    fn a_dependency_upwards_is_a_violation() {
        let found = problems("image", "[dependencies]\nengine.workspace = true\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
    }

    #[test]
    fn a_dependency_sideways_is_a_violation_unless_drawn() {
        let sideways = "[dependencies]\nruntime.workspace = true\n";
        assert_eq!(problems("image", sideways).len(), 1);
        assert!(problems("monitor", sideways).is_empty());
    }

    #[test]
    fn a_dependency_downwards_is_fine() {
        let down = "[dependencies]\nwharf-sys = { path = \"../sys\" }\nserde = \"1\"\n";
        assert!(problems("runtime", down).is_empty());
    }

    #[test]
    fn dev_dependencies_have_no_level() {
        let upwards = "[dev-dependencies]\nengine.workspace = true\n";
        assert!(problems("sys", upwards).is_empty());
    }

    #[test]
    fn a_crate_without_a_level_is_a_violation() {
        assert_eq!(problems("dock", "").len(), 1);
    }

    #[test]
    fn a_crate_without_its_lints_is_a_violation() {
        assert_eq!(check("crates/sys/Cargo.toml", "[package]\n").len(), 1);
    }
}
