//! `wharf container prune`: remove the containers that do not run.

use std::collections::BTreeMap;
use std::time::SystemTime;

use engine::{NetworkRecord, Record};
use image::Image;

use crate::confirm::confirmed;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::moment::moment;
use crate::{human, output};

/// Remove all containers that do not run
#[derive(Debug, clap::Parser)]
#[command(name = "prune")]
pub(crate) struct Args {
    /// Only those that meet a condition: until=TIME or label=NAME=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the verb.
pub(crate) fn prune(args: Args, context: &Context) -> Result<i32, Failure> {
    let condition = Condition::parse(&args.filter)?;
    let warning = "This will remove all stopped containers.";
    if !args.force && !confirmed(warning)? {
        return Ok(0);
    }
    let (removed, freed) = context
        .engine()?
        .prune_containers(|record| condition.is_met(record))?;
    output::print(&format!(
        "{}Total reclaimed space: {}\n",
        deleted("Containers", &removed),
        human::size(freed)
    ));
    Ok(0)
}

/// What was removed, in Docker's words; nothing when it was nothing.
pub(super) fn deleted(what: &str, removed: &[String]) -> String {
    match removed {
        [] => String::new(),
        removed => format!("Deleted {what}:\n{}\n\n", removed.join("\n")),
    }
}

/// Which containers are meant.
pub(crate) struct Condition {
    filters: Filters,
    until: Option<SystemTime>,
}

impl Condition {
    /// Reads the flags.
    pub(crate) fn parse(flags: &[String]) -> Result<Self, Failure> {
        let keys = ["until", "label", "label!"];
        let filters = Filters::parse(flags, &keys).map_err(Failure::usage)?;
        let until = filters.values("until").first().map(|text| moment(text));
        Ok(Self {
            until: until.transpose().map_err(Failure::usage)?,
            filters,
        })
    }

    /// Whether everything is meant.
    pub(crate) fn is_empty(&self) -> bool {
        self.until.is_none() && !self.filters.has("label") && !self.filters.has("label!")
    }

    /// Whether there is one about time.
    pub(super) fn has_time(&self) -> bool {
        self.until.is_some()
    }

    /// Whether something with these labels is meant.
    pub(super) fn meets_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.filters.meets_labels(labels)
    }

    /// Whether a container is meant.
    pub(super) fn is_met(&self, record: &Record) -> bool {
        self.meets_labels(&record.process.labels) && self.is_old(Some(&record.created))
    }

    /// Whether an image is meant.
    pub(crate) fn is_met_by_image(&self, image: &Image) -> bool {
        self.meets_labels(&image.config.labels) && self.is_old(image.created.as_deref())
    }

    /// Whether a network is meant.
    pub(super) fn is_met_by_network(&self, network: &NetworkRecord) -> bool {
        self.meets_labels(&network.labels) && self.is_old(Some(&network.created))
    }

    /// Whether something that was made at this time is old enough.
    fn is_old(&self, created: Option<&str>) -> bool {
        let created = created.and_then(human::parse_rfc3339);
        self.until
            .is_none_or(|until| created.is_some_and(|created| created < until))
    }
}
