//! `--security-opt`.

use std::path::PathBuf;

use engine::Seccomp;

use crate::error_text::sentence;

/// Everything that was said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SecurityOptions {
    pub(crate) no_new_privileges: bool,
    pub(crate) seccomp: Seccomp,
    pub(crate) apparmor: Option<String>,
    pub(crate) shows_system_paths: bool,
    pub(crate) masked: Vec<PathBuf>,
    pub(crate) unmasked: Vec<String>,
}

/// Reads `no-new-privileges[:true|false]`, `seccomp=unconfined|FILE`, `apparmor=PROFILE`,
/// `systempaths=unconfined`, `mask=PATH:PATH`, `unmask=ALL|PATH:PATH` and `label=disable`.
pub(crate) fn collect(flags: &[String]) -> Result<SecurityOptions, String> {
    let mut options = SecurityOptions::default();
    for flag in flags {
        let (name, value) = flag.split_once(['=', ':']).unwrap_or((flag, ""));
        match (name, value) {
            ("no-new-privileges", "" | "true") => options.no_new_privileges = true,
            ("no-new-privileges", "false") => options.no_new_privileges = false,
            ("seccomp", "unconfined") => options.seccomp = Seccomp::Unconfined,
            ("seccomp", "builtin") => options.seccomp = Seccomp::Default,
            ("seccomp", file) if !file.is_empty() => {
                options.seccomp = profile(file)?;
            }
            ("apparmor", "unconfined") => options.apparmor = None,
            ("apparmor", profile) if !profile.is_empty() => {
                options.apparmor = Some(profile.to_owned());
            }
            ("mask", paths) if !paths.is_empty() => {
                for path in paths.split(':') {
                    options.masked.push(absolute(path, flag)?.into());
                }
            }
            ("unmask", paths) if !paths.is_empty() => {
                for path in paths.split(':') {
                    let path = match path.eq_ignore_ascii_case("all") {
                        true => "ALL",
                        false => absolute(path, flag)?,
                    };
                    options.unmasked.push(path.to_owned());
                }
            }
            // Where nothing is labelled there is nothing to switch off.
            ("label", "disable") => {}
            ("label", _) => {
                return Err(format!(
                    "the security option {flag:?} is not supported: only label=disable is"
                ));
            }
            ("systempaths", "unconfined") => options.shows_system_paths = true,
            _ => return Err(format!("the security option {flag:?} is not supported")),
        }
    }
    Ok(options)
}

fn absolute<'a>(path: &'a str, flag: &str) -> Result<&'a str, String> {
    match path.starts_with('/') {
        true => Ok(path),
        false => Err(format!(
            "the security option {flag:?} has a path that is not absolute"
        )),
    }
}

/// A profile in the runtime's form, or in Docker's own with its conditions.
fn profile(file: &str) -> Result<Seccomp, String> {
    let text =
        std::fs::read(file).map_err(|error| format!("reading {file}: {}", sentence(&error)))?;
    let wrong = |error| format!("the seccomp profile {file} cannot be understood: {error}");
    let document: serde_json::Value = serde_json::from_slice(&text).map_err(wrong)?;
    let rules = document["syscalls"].as_array().into_iter().flatten();
    let is_dockers = document.get("archMap").is_some()
        || rules.into_iter().any(|rule| {
            ["includes", "excludes", "name"]
                .iter()
                .any(|key| rule.get(key).is_some())
        });
    match is_dockers {
        true => serde_json::from_value(document)
            .map(|profile| Seccomp::Docker(Box::new(profile)))
            .map_err(wrong),
        false => serde_json::from_value(document)
            .map(|profile| Seccomp::Profile(Box::new(profile)))
            .map_err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(flags: &[&str]) -> Result<SecurityOptions, String> {
        collect(
            &flags
                .iter()
                .map(|flag| (*flag).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options_are_dockers() {
        let both = options(&["no-new-privileges", "seccomp=unconfined"]).unwrap();
        assert!(both.no_new_privileges);
        assert_eq!(both.seccomp, Seccomp::Unconfined);
        assert!(
            options(&["no-new-privileges:true"])
                .unwrap()
                .no_new_privileges
        );
    }

    #[test]
    fn paths_are_masked_and_shown() {
        let both = options(&["mask=/a:/b", "unmask=ALL", "label=disable"]).unwrap();
        assert_eq!(both.masked, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(both.unmasked, ["ALL"]);
        assert!(options(&["mask=a"]).unwrap_err().contains("not absolute"));
    }

    #[test]
    fn others_are_refused_by_name() {
        assert!(
            options(&["label=type:x"])
                .unwrap_err()
                .contains("label=type:x")
        );
        assert!(
            options(&["seccomp=/nonexistent"])
                .unwrap_err()
                .contains("/nonexistent")
        );
    }
}
