//! The options before the verb, and what follows from them: where containers are kept, and where
//! errors are logged.

use std::io::Write;
use std::path::{Path, PathBuf};

use runtime::Trace;
use runtime::cgroup::Manager;

/// Options that every verb has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Global {
    /// The directory of all state directories.
    pub(super) root: PathBuf,
    /// Whether the caller named it.
    pub(super) root_was_named: bool,
    /// Where compiled filters are kept; wherever the containers are.
    pub(super) filters: PathBuf,
    /// Where errors are written beside standard error.
    pub(super) log: Option<PathBuf>,
    /// What is done is logged, too.
    pub(super) debug: bool,
    /// Errors are logged as JSON objects, one a line.
    pub(super) log_json: bool,
    /// Who makes the cgroups of new containers.
    pub(super) cgroup_manager: Manager,
}

/// What the command line holds beside the global options.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A verb with its arguments; the verb comes first.
    Verb(Vec<String>),
    Help,
    Version,
}

impl Global {
    /// Takes the global options from `words`. Flags that only ask for more talk, or for what is
    /// found out anyway, are accepted as runc's callers pass them. `run_root` is wharf's own
    /// directory of what does not survive a boot; `user_bus` is where the caller's own systemd
    /// listens.
    pub(super) fn parse(
        words: impl Iterator<Item = String>,
        run_root: &Path,
        user_bus: Option<&str>,
    ) -> Result<(Self, Wanted), String> {
        let mut global = Self {
            // Apart from the engine's containers.
            root: run_root.join("oci"),
            root_was_named: false,
            filters: run_root.join("filters"),
            log: None,
            debug: false,
            log_json: false,
            cgroup_manager: Manager::Cgroupfs,
        };
        let mut words = words.peekable();
        while let Some(word) = words.next_if(|word| word.starts_with('-')) {
            let (flag, attached) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let flag = flag.trim_start_matches('-');
            let mut value = || {
                attached
                    .clone()
                    .or_else(|| words.next())
                    .ok_or_else(|| format!("flag needs an argument: --{flag}"))
            };
            match flag {
                "root" => {
                    global.root = PathBuf::from(value()?);
                    global.root_was_named = true;
                }
                "log" => global.log = Some(PathBuf::from(value()?)),
                "log-format" => global.log_json = is_json(&value()?)?,
                "criu" | "rootless" => drop(value()?),
                "debug" => global.debug = is_on("debug", attached.as_deref())?,
                "systemd-cgroup" => {
                    if is_on("systemd-cgroup", attached.as_deref())? {
                        global.cgroup_manager = systemd(user_bus)?;
                    }
                }
                "cgroup-manager" => match value()?.as_str() {
                    "systemd" => global.cgroup_manager = systemd(user_bus)?,
                    "cgroupfs" => global.cgroup_manager = Manager::Cgroupfs,
                    "disabled" => global.cgroup_manager = Manager::Disabled,
                    other => return Err(format!("cgroup manager {other:?} is not supported")),
                },
                "help" | "h" => return Ok((global, Wanted::Help)),
                "version" | "v" => return Ok((global, Wanted::Version)),
                _ => return Err(format!("flag provided but not defined: --{flag}")),
            }
        }
        let rest: Vec<String> = words.collect();
        let wanted = if rest.is_empty() {
            Wanted::Help
        } else {
            Wanted::Verb(rest)
        };
        Ok((global, wanted))
    }

    /// Writes an error where the caller looks for it: into the log, if one was named, in the
    /// form that containerd and Podman read; and to standard error.
    pub(super) fn report(&self, message: &str) {
        self.log("error", message);
        crate::output::error(message);
    }

    /// The same for what went wrong without stopping anything.
    pub(super) fn warn(&self, message: &str) {
        self.log("warning", message);
        crate::output::warning(message);
    }

    /// `tell` is told what is done, if `--debug` asks for it.
    pub(super) fn trace<'a>(&self, tell: &'a dyn Fn(&str)) -> Trace<'a> {
        match self.debug {
            true => Trace::to(tell),
            false => Trace::default(),
        }
    }

    /// Writes what is done into the log, or else to standard error.
    pub(super) fn debug(&self, message: &str) {
        match &self.log {
            Some(_) => self.log("debug", message),
            None => {
                let line = self.line("debug", message) + "\n";
                crate::output::stderr_bytes(line.as_bytes());
            }
        }
    }

    fn log(&self, level: &str, message: &str) {
        let Some(path) = &self.log else {
            return;
        };
        let line = self.line(level, message);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        // A log that cannot be written must not hide the message itself.
        let _ = log.and_then(|mut log| writeln!(log, "{line}"));
    }

    fn line(&self, level: &str, message: &str) -> String {
        let time = store::time::now_rfc3339();
        if self.log_json {
            serde_json::json!({ "level": level, "msg": message, "time": time }).to_string()
        } else {
            format!("time=\"{time}\" level={level} msg={message:?}")
        }
    }
}

/// The value of a flag that is on without one.
fn is_on(flag: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(format!("invalid {flag}: {other:?}")),
    }
}

fn is_json(format: &str) -> Result<bool, String> {
    match format {
        "json" => Ok(true),
        "text" => Ok(false),
        other => Err(format!(
            "invalid log-format: {other:?} is neither text nor json"
        )),
    }
}

/// The systemd that makes the caller's cgroups.
fn systemd(user_bus: Option<&str>) -> Result<Manager, String> {
    Manager::systemd(user_bus).ok_or_else(|| {
        "--systemd-cgroup needs the caller's own systemd: set DBUS_SESSION_BUS_ADDRESS or \
         XDG_RUNTIME_DIR, or log in anew with dbus-user-session installed"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<(Global, Wanted), String> {
        Global::parse(
            words.iter().map(|word| (*word).to_owned()),
            Path::new("/run/x"),
            Some("unix:path=/run/user/1000/bus"),
        )
    }

    #[test]
    fn options_before_the_verb_are_global() {
        let (global, wanted) = parse(&[
            "--root",
            "/tmp/r",
            "--log=/tmp/l",
            "--log-format",
            "json",
            "state",
            "c1",
        ])
        .unwrap();
        assert_eq!(global.root, Path::new("/tmp/r"));
        assert_eq!(global.log.as_deref(), Some(Path::new("/tmp/l")));
        assert!(global.log_json);
        assert_eq!(
            wanted,
            Wanted::Verb(vec!["state".to_owned(), "c1".to_owned()])
        );
    }

    #[test]
    fn unknown_options_and_formats_are_refused() {
        assert!(
            parse(&["--rooot", "x", "list"])
                .unwrap_err()
                .contains("--rooot")
        );
        assert!(
            parse(&["--log-format", "xml", "list"])
                .unwrap_err()
                .contains("xml")
        );
        assert!(parse(&["--cgroup-manager", "launchd", "list"]).is_err());
    }

    #[test]
    fn systemd_makes_the_cgroups_when_it_is_asked_for() {
        let manager = |words: &[&str]| parse(words).unwrap().0.cgroup_manager;
        assert_eq!(manager(&["list"]), Manager::Cgroupfs);
        assert_eq!(
            manager(&["--cgroup-manager=disabled", "list"]),
            Manager::Disabled
        );
        assert_eq!(
            manager(&["--systemd-cgroup=false", "list"]),
            Manager::Cgroupfs
        );
        for words in [
            &["--systemd-cgroup", "list"][..],
            &["--cgroup-manager=systemd", "list"],
        ] {
            assert!(matches!(manager(words), Manager::Systemd(_)), "{words:?}");
        }
    }
}
