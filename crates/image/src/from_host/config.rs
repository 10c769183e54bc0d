//! The configuration of an image made from the host.

use std::time::{Duration, UNIX_EPOCH};

use spec::image::{ContainerDefaults, History, ImageConfig, RootFs};

use super::select::Selection;
use crate::Digest;

/// Docker's search path, which every image without one of its own gets.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image that runs the first program.
pub(super) fn config(selection: &Selection, diff_id: &Digest, epoch: i64) -> ImageConfig {
    let seconds = Duration::from_secs(u64::try_from(epoch).unwrap_or_default());
    let created = store::time::rfc3339(UNIX_EPOCH + seconds);
    let binaries = selection
        .binaries
        .iter()
        .map(|path| path.to_string_lossy().into_owned());
    let binaries: Vec<String> = binaries.collect();
    ImageConfig {
        created: Some(created.clone()),
        architecture: selection.architecture.to_owned(),
        os: "linux".to_owned(),
        config: ContainerDefaults {
            env: vec![format!("PATH={PATH}")],
            cmd: binaries.iter().take(1).cloned().collect(),
            ..Default::default()
        },
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: vec![diff_id.to_string()],
        },
        history: vec![History {
            created: Some(created),
            created_by: Some(format!("wharf image from-host {}", binaries.join(" "))),
            ..Default::default()
        }],
        ..Default::default()
    }
}
