//! `update`: other limits for a container that stands.

use std::path::Path;

use rustix::io::Errno;
use spec::runtime::{LinuxResources, Memory};

use crate::container::Container;
use crate::error::Error;
use crate::status::Operation;

/// Writes the limits of `resources` over those of the container `id` below `root`; what is not
/// named stays as it is.
///
/// # Errors
/// [`Error::Status`] when it is stopped; an error when it has no cgroup, or when the kernel refuses
/// a limit.
pub fn update(root: &Path, id: &str, resources: &LinuxResources) -> Result<(), Error> {
    let container = Container::open(root, id)?;
    container.require(Operation::Update)?;
    if !resources.devices.is_empty() {
        return Err(Error::Unsupported {
            what: "changing the device rules of a container that stands".to_owned(),
        });
    }
    let cgroup = container.cgroup().ok_or_else(|| {
        let clause = format!("updating container {id} without a cgroup");
        Error::parent(clause, Errno::OPNOTSUPP)
    })?;
    cgroup
        .limit(
            &without_swap_limit(resources),
            container.record.unit.as_ref(),
        )
        .map_err(Error::Cgroup)
}

/// No limit of memory means none of memory and swap together either, unless one is named.
fn without_swap_limit(resources: &LinuxResources) -> LinuxResources {
    let mut resources = resources.clone();
    if let Some(memory) = &mut resources.memory
        && let Memory {
            limit: Some(-1),
            swap: None,
            ..
        } = memory
    {
        memory.swap = Some(-1);
    }
    resources
}
