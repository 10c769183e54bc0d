//! Where everything is kept. The names below the two roots are decided here and nowhere else.
//!
//! ```text
//! data root  containers/<id>/{record.json,exit.json,container.log,layer/}  names/<name>  networks/<name>.json
//!            images/
//! run root   containers/<id>/{lock,record.json,config.json,state.json,monitor.json,attach.sock}
//!            ids/<n>  networks/<id>/<address>  firewall.lock  boot  events.jsonl
//! ```

use std::path::{Path, PathBuf};

use image::Digest;
use network::Firewall;

/// The directories of one installation, and the program itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// What survives a boot.
    pub data: PathBuf,
    /// What does not.
    pub run: PathBuf,
    /// The absolute path of the running program.
    pub executable: PathBuf,
}

impl Paths {
    /// The run directories of all containers that somebody is in charge of.
    pub fn run_containers(&self) -> PathBuf {
        self.run.join("containers")
    }

    /// The run directory of one container.
    pub fn run_dir(&self, id: &str) -> PathBuf {
        self.run.join("containers").join(id)
    }

    /// Where the runtime keeps compiled filters.
    pub fn filters(&self) -> PathBuf {
        self.run.join("filters")
    }

    /// What is durable of all containers.
    pub fn data_containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    /// What is durable of one container, and its writable layer.
    pub fn data_dir(&self, id: &str) -> PathBuf {
        self.data.join("containers").join(id)
    }

    /// What a container's directory is called while it is made or removed.
    pub(crate) fn data_dir_unfinished(&self, id: &str) -> PathBuf {
        self.data
            .join("containers")
            .join(format!("{UNFINISHED}{id}"))
    }

    /// The claimed names.
    pub(crate) fn names(&self) -> PathBuf {
        self.data.join("names")
    }

    /// The claimed id ranges.
    pub(crate) fn id_ranges(&self) -> PathBuf {
        self.run.join("ids")
    }

    /// The networks.
    pub(crate) fn networks(&self) -> PathBuf {
        self.data.join("networks")
    }

    /// The leases of all networks.
    pub(crate) fn all_leases(&self) -> PathBuf {
        self.run.join("networks")
    }

    /// The leases of the network with this id.
    pub(crate) fn leases(&self, id: &str) -> PathBuf {
        self.run.join("networks").join(id)
    }

    /// The firewall, whose table is called after the run root where that is another than usual:
    /// installations side by side on one machine leave each other's alone.
    pub(crate) fn firewall(&self) -> Firewall {
        let run = self.run.canonicalize();
        let run = run.as_deref().unwrap_or(&self.run);
        let table = match run == Path::new(RUN_ROOT) {
            true => "wharf".to_owned(),
            false => format!(
                "wharf-{}",
                Digest::of(run.as_os_str().as_encoded_bytes()).short()
            ),
        };
        Firewall { table }
    }

    /// Held by whoever makes the firewall's table anew, or takes something out of it.
    pub(crate) fn firewall_lock(&self) -> PathBuf {
        self.run.join("firewall.lock")
    }

    /// The volumes.
    pub(crate) fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// The image store.
    pub(crate) fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    /// The trail of events.
    pub(crate) fn events(&self) -> PathBuf {
        self.run.join("events.jsonl")
    }

    /// Where the roots of containers are put together that do not run, each in a mount namespace
    /// of its own.
    pub(crate) fn view(&self) -> PathBuf {
        self.run.join("mnt")
    }

    /// The id of the boot in which the run root was made.
    pub(crate) fn boot(&self) -> PathBuf {
        self.run.join("boot")
    }
}

/// Root's run root, unless another one is chosen.
pub const RUN_ROOT: &str = "/run/wharf";

/// The beginning of the names of directories that are being made or removed.
pub(crate) const UNFINISHED: &str = ".new-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firewalls_table_is_called_after_a_run_root_that_was_chosen() {
        let directory = tempfile::tempdir().unwrap();
        let at = |run: PathBuf| Paths {
            data: PathBuf::new(),
            run,
            executable: PathBuf::new(),
        };
        assert_eq!(at(RUN_ROOT.into()).firewall().table, "wharf");
        let (one, two) = (directory.path().join("one"), directory.path().join("two"));
        let name = at(one.clone()).firewall().table;
        assert!(name.starts_with("wharf-") && name.len() == 18, "{name}");
        assert_ne!(name, at(two.clone()).firewall().table);
        // One directory is one installation, by whichever way.
        std::fs::create_dir(&one).unwrap();
        std::os::unix::fs::symlink(&one, &two).unwrap();
        assert_eq!(at(two).firewall(), at(one).firewall());
    }
}
