//! What a command knows of its surroundings: the caller's environment and where wharf keeps its
//! things.

use std::path::{Path, PathBuf};

use engine::{Engine, Host, Paths};
use runtime::cgroup::Manager;

use crate::exit_code::Failure;

/// The surroundings of one command.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The caller's variables; those that are no text are left out.
    pub(crate) variables: Vec<(String, String)>,
    /// What survives a boot.
    pub(crate) data_root: PathBuf,
    /// What does not.
    pub(crate) run_root: PathBuf,
}

impl Context {
    /// The default roots: root's own, or those of an ordinary user (XDG Base Directory
    /// Specification).
    pub(crate) fn new(variables: Vec<(String, String)>, uid: u32) -> Self {
        let directory = |name: &str| {
            let value = variables.iter().find(|(variable, _)| variable == name);
            value
                .map(|(_, path)| PathBuf::from(path))
                .filter(|path| path.is_absolute())
        };
        let (data_root, run_root) = if uid == 0 {
            (
                PathBuf::from("/var/lib/wharf"),
                PathBuf::from(engine::RUN_ROOT),
            )
        } else {
            let home = directory("HOME").unwrap_or_else(|| PathBuf::from("/"));
            let data = directory("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
            let run = directory("XDG_RUNTIME_DIR").map(|run| run.join("wharf"));
            let run = run.unwrap_or_else(|| PathBuf::from(format!("/tmp/wharf-{uid}")));
            (data.join("wharf"), run)
        };
        Self {
            variables,
            data_root,
            run_root,
        }
    }

    /// The value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `SOURCE_DATE_EPOCH`: nothing that is made is younger (seconds since 1970).
    pub(crate) fn epoch(&self) -> Result<Option<i64>, Failure> {
        let epoch = self.variable("SOURCE_DATE_EPOCH").map(str::parse);
        let wrong = |_| Failure::usage("SOURCE_DATE_EPOCH is not a number of seconds");
        epoch.transpose().map_err(wrong)
    }

    /// Where the caller's own systemd listens, if it has one.
    pub(crate) fn user_bus(&self) -> Option<String> {
        if let Some(address) = self.variable("DBUS_SESSION_BUS_ADDRESS") {
            return Some(address.to_owned());
        }
        let named = self.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        let usual = || format!("/run/user/{}", rustix::process::geteuid().as_raw()).into();
        let bus = named.unwrap_or_else(usual).join("bus");
        bus.exists().then(|| format!("unix:path={}", bus.display()))
    }

    /// Opens the engine.
    pub(crate) fn engine(&self) -> Result<Engine, Failure> {
        let manager = Manager::of_host(self.user_bus().as_deref());
        Ok(open(&self.data_root, &self.run_root, manager)?)
    }
}

/// Opens the engine over these roots.
pub(crate) fn open(data: &Path, run: &Path, manager: Manager) -> Result<Engine, engine::Error> {
    let paths = Paths {
        data: data.to_owned(),
        run: run.to_owned(),
        // A program that was replaced meanwhile has no path; only --init needs one.
        executable: std::env::current_exe().unwrap_or_default(),
    };
    Engine::open(paths, Host::of_caller(), manager)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_users_roots_are_its_own() {
        let variables = |list: &[(&str, &str)]| {
            list.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let context = Context::new(variables(&[("HOME", "/home/ann")]), 1000);
        assert_eq!(context.data_root, Path::new("/home/ann/.local/share/wharf"));
        assert_eq!(context.run_root, Path::new("/tmp/wharf-1000"));
        let xdg = [
            ("XDG_DATA_HOME", "/d"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
        ];
        let context = Context::new(variables(&xdg), 1000);
        assert_eq!(context.data_root, Path::new("/d/wharf"));
        assert_eq!(context.run_root, Path::new("/run/user/1000/wharf"));
        assert_eq!(
            Context::new(variables(&xdg), 0).run_root,
            Path::new("/run/wharf")
        );
    }
}
