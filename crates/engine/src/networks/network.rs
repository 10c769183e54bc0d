//! The facts about a network, and finding one by what the user calls it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use network::Network;
use serde::{Deserialize, Serialize};

use crate::{Engine, Error, Paths};

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRecord {
    /// The version of this document.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// `bridge`, or `host` and `null` for the two that are always there.
    pub driver: String,
    /// Whether Docker's services could be attached to it; kept for whoever asks.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver, as they were given.
    pub options: BTreeMap<String, String>,
    /// What the kernel is told.
    pub network: Network,
}

/// The version of [`NetworkRecord`] that this program writes.
pub(super) const NETWORK_VERSION: u32 = 1;

/// The network of a container that names none.
pub(crate) const DEFAULT: &str = "bridge";

/// The words that mean no network of ours.
const RESERVED: [(&str, &str, char); 2] = [("host", "host", '1'), ("none", "null", '0')];

impl NetworkRecord {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.network.id
    }

    /// Whether it is always there.
    pub fn is_predefined(&self) -> bool {
        self.name == DEFAULT || is_reserved(&self.name)
    }
}

/// Whether a name is not a bridge network's.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|(reserved, ..)| *reserved == name)
}

/// The two that have no bridge.
fn reserved() -> impl Iterator<Item = NetworkRecord> {
    RESERVED.iter().map(|(name, driver, digit)| NetworkRecord {
        version: NETWORK_VERSION,
        name: (*name).to_owned(),
        created: "0001-01-01T00:00:00Z".to_owned(),
        driver: (*driver).to_owned(),
        attachable: false,
        labels: BTreeMap::new(),
        options: BTreeMap::new(),
        network: Network {
            id: digit.to_string().repeat(64),
            ..Network::default()
        },
    })
}

/// Docker's rule; it also keeps a name from being a path.
pub(super) fn check(name: &str) -> Result<(), Error> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let starts_well = name
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphanumeric);
    if starts_well && name.len() <= 200 && name.bytes().all(is_valid) {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "network name",
        why: format!("{name:?}: expected [a-zA-Z0-9_.-], a letter or digit first"),
    })
}

/// The file with the facts about the network `name`.
pub(super) fn path(paths: &Paths, name: &str) -> PathBuf {
    paths.networks().join(format!("{name}.json"))
}

/// The network `name`; `None` when there is none.
pub(super) fn read(paths: &Paths, name: &str) -> Result<Option<NetworkRecord>, Error> {
    Ok(store::read_json(&path(paths, name))?)
}

/// The names of all networks that were made.
fn names(paths: &Paths) -> Result<Vec<String>, Error> {
    let directory = paths.networks();
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| Error::io("reading", &directory, error))?,
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let names = names.filter(|name| !name.starts_with('.'));
    Ok(names
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect())
}

/// The networks that were made.
pub(crate) fn made_networks(paths: &Paths) -> Result<Vec<NetworkRecord>, Error> {
    let records = names(paths)?.into_iter().map(|name| read(paths, &name));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().flatten().collect())
}

impl Engine {
    /// Finds a network by its name, its id, or the beginning of its id.
    ///
    /// # Errors
    /// [`Error::NoSuchNetwork`].
    pub fn network(&self, name: &str) -> Result<NetworkRecord, Error> {
        let missing = || Error::NoSuchNetwork {
            name: name.to_owned(),
        };
        check(name).map_err(|_| missing())?;
        if name == DEFAULT {
            return self.default_network();
        }
        if let Some(network) = read(&self.paths, name)? {
            return Ok(network);
        }
        let mut found = self.networks()?.into_iter();
        let mut found = found.by_ref().filter(|network| {
            network.name == name || name.len() >= 4 && network.id().starts_with(name)
        });
        match (found.next(), found.next()) {
            (Some(network), None) => Ok(network),
            _ => Err(missing()),
        }
    }

    /// All networks by their names.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn networks(&self) -> Result<Vec<NetworkRecord>, Error> {
        let mut found: Vec<NetworkRecord> = reserved().collect();
        if self.may_network() {
            self.default_network()?;
        }
        for name in names(&self.paths)? {
            found.extend(read(&self.paths, &name)?);
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Whether bridges can be made for the caller's containers.
    pub(crate) fn may_network(&self) -> bool {
        self.host.may_map_ranges() && network::may_configure()
    }
}
