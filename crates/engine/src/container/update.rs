//! Changing the limits of a container, also of one that runs.

use store::Durability;

use super::config::Resources;
use super::limits;
use super::live::look;
use super::record::Record;
use super::restarts::RestartPolicy;
use super::status::Status;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// What is to be changed; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Limits.
    pub resources: Resources,
    /// When it is started again.
    pub restart: Option<RestartPolicy>,
}

impl Engine {
    /// Changes the limits of a container. They hold at once for one that runs, and for all its
    /// further lives.
    ///
    /// # Errors
    /// Limits that make no sense, or that the kernel refuses; nothing is changed then.
    pub fn update(&self, name: &str, update: &Update) -> Result<Record, Error> {
        let record = self.find(name)?;
        let wanted = merged(&record.config.resources, &update.resources)?;
        let limits = limits::resources(&limits::with_swap(&wanted), Vec::new())?;
        if record.config.auto_remove && update.restart.is_some_and(|p| p != RestartPolicy::No) {
            return Err(Error::Invalid {
                what: "restart policy",
                why: "a container that is removed at its end is not started again".to_owned(),
            });
        }
        if wanted.network.are_limits() && record.config.networks.is_empty() {
            return Err(Error::Invalid {
                what: "network rate",
                why: format!("container {} has no network of its own", record.name),
            });
        }
        let live = look(&self.paths, &record)?;
        let is_limited = update.resources != Resources::default();
        if is_limited && matches!(live.status, Status::Running | Status::Paused) {
            let failed = |source| Error::Runtime {
                name: record.name.clone(),
                source,
            };
            let old = record.config.resources.network;
            if wanted.network != old {
                self.set_rates(&record, wanted.network)?;
            }
            let updated = runtime::update(&self.paths.run_containers(), &record.id, &limits);
            updated.map_err(failed).inspect_err(|_| {
                // The first error is the one to tell.
                let _ = self.set_rates(&record, old);
            })?;
            self.update_bundle(&record, &limits)?;
        }
        let record = self.change(&record, |record| {
            record.config.resources = wanted;
            record.config.restart = update.restart.unwrap_or(record.config.restart);
            Ok(())
        })?;
        note(&self.paths, &[Event::of_container(&record, "update")]);
        Ok(record)
    }

    /// The configuration that the monitor starts the container with again.
    fn update_bundle(
        &self,
        record: &Record,
        limits: &spec::runtime::LinuxResources,
    ) -> Result<(), Error> {
        let path = self.paths.run_dir(&record.id).join("config.json");
        let Some(mut config) = store::read_json::<spec::runtime::Config>(&path)? else {
            return Ok(());
        };
        if let Some(resources) = config
            .linux
            .as_mut()
            .and_then(|linux| linux.resources.as_mut())
        {
            let devices = std::mem::take(&mut resources.devices);
            *resources = spec::runtime::LinuxResources {
                devices,
                ..limits.clone()
            };
        }
        Ok(store::write_json(&path, &config, Durability::Boot)?)
    }
}

/// The limits of `old` with those of `new` over them.
fn merged(old: &Resources, new: &Resources) -> Result<Resources, Error> {
    let mut wanted = new.clone().over(old);
    let grew = match (old.memory_swap, new.memory, new.memory_swap) {
        (Some(swap), Some(memory), None) => swap > 0 && swap < memory,
        _ => false,
    };
    if grew {
        return Err(Error::Invalid {
            what: "memory limit",
            why: "it would be above that of memory and swap together: set --memory-swap too"
                .to_owned(),
        });
    }
    if new.nano_cpus.is_some() {
        (wanted.cpu_quota, wanted.cpu_period) = (None, None);
    } else if new.cpu_quota.is_some() || new.cpu_period.is_some() {
        wanted.nano_cpus = None;
    }
    Ok(wanted)
}
