//! What was written to the files of a cgroup, and what stands there now: the kernel rounds, and
//! others may have written since. Reading only; `limits.rs` writes.

use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, openat};
use serde::Serialize;
use spec::runtime::LinuxResources;

use super::group::read_at;
use super::{Cgroup, limits, unset};

/// A file of a cgroup that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Setting {
    /// The file.
    pub file: PathBuf,
    /// What was asked for.
    pub written: String,
    /// What the file says now; `None` when it cannot be read.
    pub value: Option<String>,
}

impl Cgroup {
    /// The files that are written for `resources`, with what they say now.
    pub fn settings(&self, resources: &LinuxResources) -> Vec<Setting> {
        let writes = limits::writes(self, &unset::without(resources));
        let settings = writes.into_iter().filter_map(|write| {
            let (member, directory) = self.directory_of(write.controller)?;
            let text = read_at(directory, &write.file).ok();
            Some(Setting {
                file: member.path.join(&write.file),
                written: write.value,
                value: text.map(|text| text.trim_end().to_owned()),
            })
        });
        settings.collect()
    }

    /// v1: the devices that may be used, as the kernel lists them. `None` where a program decides
    /// (v2), which cannot be read back.
    pub fn device_list(&self) -> Option<Vec<String>> {
        let (_, directory) = self.directory_of("devices")?;
        let list = openat(
            directory,
            "devices.list",
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::fs::File::from(list.ok()?), &mut text).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    }
}
