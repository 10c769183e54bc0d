//! What a runtime says about a container: the `state` document, and the message that carries a
//! seccomp listener (runtime-spec, runtime.md "State" and config-linux.md "seccomp").

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The state of a container, as `wharf oci state` prints it and hooks read it on stdin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of the specification the document follows.
    pub oci_version: String,
    /// Id of the container, unique on this host.
    pub id: String,
    /// Where the container is in its life.
    pub status: Status,
    /// Process id of the container's init, as the runtime sees it; absent once stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Absolute path of the bundle.
    pub bundle: PathBuf,
    /// The annotations of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made.
    Creating,
    /// Made; its program has not been started.
    Created,
    /// Its program runs.
    Running,
    /// Frozen: not of the specification, but what every runtime in use says.
    Paused,
    /// Its program has ended.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        })
    }
}

/// Name of the listener's descriptor in [`ProcessState::fds`].
pub const SECCOMP_FD: &str = "seccompFd";

/// What the agent at `linux.seccomp.listenerPath` receives beside the descriptors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessState {
    /// Version of the specification the document follows.
    pub oci_version: String,
    /// Names of the descriptors sent along, in their order.
    pub fds: Vec<String>,
    /// The filtered process, as the runtime sees it.
    pub pid: i32,
    /// `linux.seccomp.listenerMetadata`, unchanged.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// State of the container.
    pub state: State,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_container_has_no_pid_in_its_state() {
        let state = State {
            oci_version: "1.3.0".into(),
            id: "a".into(),
            status: Status::Stopped,
            pid: None,
            bundle: "/b".into(),
            annotations: BTreeMap::new(),
        };
        let text = serde_json::to_string(&state).unwrap();
        let expected = r#"{"ociVersion":"1.3.0","id":"a","status":"stopped","bundle":"/b"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}
