//! One event, and adding it to the trail.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::container::{Connection, Record};
use crate::{Paths, Volume};

/// Something that happened, in Docker's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `container`, `image`, `network` or `volume`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// What happened, as `start` or `exec_create: ls -l`.
    #[serde(rename = "Action")]
    pub action: String,
    /// To what.
    #[serde(rename = "Actor")]
    pub actor: Actor,
    /// Always `local`.
    pub scope: String,
    /// When, in seconds since 1970.
    pub time: u64,
    /// When, in nanoseconds since 1970.
    #[serde(rename = "timeNano")]
    pub time_nano: u64,
}

/// What an event happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// An id; the name of an image or a volume.
    #[serde(rename = "ID")]
    pub id: String,
    /// What else is known of it.
    #[serde(rename = "Attributes")]
    pub attributes: BTreeMap<String, String>,
}

/// The trail and its older part take at most this much together, some thousand events.
const MOST: u64 = 1 << 20;

impl Event {
    fn new(kind: &str, id: &str, action: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        Self {
            kind: kind.to_owned(),
            action: action.to_owned(),
            actor: Actor {
                id: id.to_owned(),
                attributes: BTreeMap::new(),
            },
            scope: "local".to_owned(),
            time: now.as_secs(),
            time_nano: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// An event of a container.
    pub(crate) fn of_container(record: &Record, action: &str) -> Self {
        let mut event = Self::new("container", &record.id, action);
        event.actor.attributes.clone_from(&record.process.labels);
        event
            .with("image", &record.origin())
            .with("name", &record.name)
    }

    /// An event of an image: the id, or the name that a registry has for it.
    pub(crate) fn of_image(id: &str, name: &str, action: &str) -> Self {
        Self::new("image", id, action).with("name", name)
    }

    /// An event of a volume.
    pub(crate) fn of_volume(name: &str, action: &str) -> Self {
        Self::new("volume", name, action).with("driver", "local")
    }

    /// An event of a network: its id, its name and its driver.
    pub(crate) fn of_network(id: &str, name: &str, driver: &str, action: &str) -> Self {
        let event = Self::new("network", id, action);
        event.with("name", name).with("type", driver)
    }

    /// A container comes to a network, or leaves it.
    pub(crate) fn of_connection(record: &Record, connection: &Connection, action: &str) -> Self {
        let network = &connection.endpoint.network;
        // Only bridges have connections.
        Self::of_network(&network.id, &connection.name, "bridge", action)
            .with("container", &record.id)
    }

    /// A container begins or ceases to use a volume.
    pub(crate) fn of_use(record: &Record, volume: &Volume, action: &str) -> Option<Self> {
        let event = Self::of_volume(volume.name.as_deref()?, action).with("container", &record.id);
        Some(match action {
            "mount" => event
                .with("destination", &volume.target.to_string_lossy())
                .with("propagation", volume.propagation.as_deref().unwrap_or(""))
                .with(
                    "read/write",
                    if volume.read_only { "false" } else { "true" },
                ),
            _ => event,
        })
    }

    /// Everything that nobody used was removed, which freed so many bytes.
    pub(crate) fn of_prune(kind: &str, freed: u64) -> Self {
        Self::new(kind, "", "prune").with("reclaimed", &freed.to_string())
    }

    /// The event with one more attribute.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let attributes = &mut self.actor.attributes;
        attributes.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// Adds events to the trail, in one write. That a disk is full is no reason for what happened not
/// to happen.
pub(crate) fn note(paths: &Paths, events: &[Event]) {
    let mut lines = Vec::with_capacity(512 * events.len());
    for event in events {
        if serde_json::to_writer(&mut lines, event).is_ok() {
            lines.push(b'\n');
        }
    }
    let _ = store::append(&paths.events(), &lines, MOST / 2);
}
