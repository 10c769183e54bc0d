//! `--security-opt`.

use engine::Seccomp;
use spec::runtime::LinuxSeccomp;

/// Everything that was said.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SecurityOptions {
    pub(crate) no_new_privileges: bool,
    pub(crate) seccomp: Seccomp,
    pub(crate) apparmor: Option<String>,
    pub(crate) shows_system_paths: bool,
}

/// Reads `no-new-privileges[:true|false]`, `seccomp=unconfined|FILE`, `apparmor=PROFILE` and
/// `systempaths=unconfined`.
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
                options.seccomp = Seccomp::Profile(Box::new(profile(file)?));
            }
            ("apparmor", "unconfined") => options.apparmor = None,
            ("apparmor", profile) if !profile.is_empty() => {
                options.apparmor = Some(profile.to_owned());
            }
            ("systempaths", "unconfined") => options.shows_system_paths = true,
            _ => return Err(format!("the security option {flag:?} is not supported")),
        }
    }
    Ok(options)
}

fn profile(file: &str) -> Result<LinuxSeccomp, String> {
    let text = std::fs::read(file).map_err(|error| format!("reading {file}: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| {
        format!("the seccomp profile {file} is not in the form of the OCI runtime specification: {error}")
    })
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
    fn others_are_refused_by_name() {
        assert!(
            options(&["label=disable"])
                .unwrap_err()
                .contains("label=disable")
        );
        assert!(
            options(&["seccomp=/nonexistent"])
                .unwrap_err()
                .contains("/nonexistent")
        );
    }
}
