//! The volumes of a container that is being made: those of its image, each made if it is missing,
//! and filled when it is used for the first time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::config::{ContainerConfig, Volume};
use super::record::Overlay;
use crate::volumes::fill;
use crate::{Engine, Error};

/// Adds the volumes that the image wants, unless something else is mounted there.
pub(super) fn add_images(
    config: &mut ContainerConfig,
    other: &BTreeMap<String, serde_json::Value>,
) {
    let wanted = other.get("Volumes").and_then(serde_json::Value::as_object);
    for target in wanted
        .into_iter()
        .flat_map(|map| map.keys())
        .map(PathBuf::from)
    {
        let is_taken = config.volumes.iter().any(|volume| volume.target == target)
            || config.tmpfs.iter().any(|tmpfs| tmpfs.target == target);
        if !is_taken && target.is_absolute() {
            config.volumes.push(Volume {
                target,
                anonymous: true,
                ..Volume::default()
            });
        }
    }
}

impl Engine {
    /// Takes over the volumes of other containers.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`].
    pub(super) fn take_volumes(&self, config: &mut ContainerConfig) -> Result<(), Error> {
        for from in std::mem::take(&mut config.volumes_from) {
            let (name, read_only) = match from.split_once(':') {
                None | Some((_, "rw")) => (from.split(':').next().unwrap_or_default(), false),
                Some((name, "ro")) => (name, true),
                Some(_) => {
                    return Err(Error::Invalid {
                        what: "volumes-from",
                        why: format!("{from:?}: expected CONTAINER[:ro|rw]"),
                    });
                }
            };
            for volume in self.find(name)?.config.volumes {
                let is_taken = config.volumes.iter().any(|own| own.target == volume.target);
                if !is_taken {
                    config.volumes.push(Volume {
                        read_only: volume.read_only || read_only,
                        // It stays the other one's to remove.
                        anonymous: false,
                        ..volume
                    });
                }
            }
        }
        Ok(())
    }

    /// Makes the volumes that are missing, and says where each is.
    pub(super) fn make_volumes(
        &self,
        config: &mut ContainerConfig,
        overlays: &[Overlay],
    ) -> Result<(), Error> {
        for volume in &mut config.volumes {
            if volume.name.is_none() && !volume.anonymous {
                continue;
            }
            let (made, _) = self.create_volume(volume.name.as_deref(), BTreeMap::new())?;
            if !volume.no_copy {
                fill(overlays, &volume.target, &made.mountpoint)?;
            }
            volume.source = made.mountpoint;
            volume.name = Some(made.name);
        }
        Ok(())
    }
}
