//! A check from its beginning to its end, and what it finds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use image::Damage;

use super::{disk, kernel};
use crate::container::{Charge, find_record};
use crate::{Engine, Error, Record, Sweep};

/// Something that wharf made, on the disk or in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// What it is, as `cgroup`.
    pub kind: &'static str,
    /// Its name or path.
    pub name: String,
    /// What it belongs to: a container's name, or an id when that has none yet.
    pub of: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Everything that is wharf's and belongs to something.
    pub owned: Vec<Owned>,
    /// Everything that is not as it should be.
    pub problems: Vec<Damage>,
}

/// What is known of containers while a check goes on.
pub(super) struct Check<'a> {
    pub(super) engine: &'a Engine,
    pub(super) repair: bool,
    /// Containers whose record is whole, by their ids.
    pub(super) records: BTreeMap<String, Record>,
    pub(super) checked: Checked,
    /// Until when it is waited for others to finish what they do.
    pub(super) until: Instant,
}

/// How long that is.
const PATIENCE: Duration = Duration::from_secs(5);
const NAP: Duration = Duration::from_millis(5);

impl Check<'_> {
    /// What belongs to a container, or to one that is just made or removed.
    pub(super) fn owned(&mut self, kind: &'static str, name: impl Into<String>, id: &str) {
        let of = self
            .records
            .get(id)
            .map_or(id, |record| record.name.as_str());
        self.checked.owned.push(Owned {
            kind,
            name: name.into(),
            of: Some(of.to_owned()),
        });
    }

    /// What is an object itself.
    pub(super) fn object(&mut self, kind: &'static str, name: impl Into<String>) {
        self.checked.owned.push(Owned {
            kind,
            name: name.into(),
            of: None,
        });
    }

    /// What is not as it should be, and what mends it, if anything does.
    pub(super) fn problem(
        &mut self,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: &str,
        mend: impl FnOnce() -> Result<(), Error>,
    ) {
        let mended = self.repair && mend().is_ok();
        self.checked.problems.push(Damage {
            what: what.into(),
            why: why.into(),
            remedy: remedy.to_owned(),
            mended,
        });
    }

    /// Whether somebody is in charge of a container: it is then as that one says.
    pub(super) fn is_held(&self, id: &str) -> bool {
        Charge::is_held(&self.engine.paths, id).unwrap_or(true)
    }

    /// Whether something is fine, or becomes so while it is waited for whoever is just at it.
    pub(super) fn settles(&self, is_fine: impl Fn() -> bool) -> bool {
        while !is_fine() {
            if Instant::now() >= self.until {
                return false;
            }
            std::thread::sleep(NAP);
        }
        true
    }

    /// Whether a container is there, or somebody just makes or removes it.
    pub(super) fn is_known(&self, id: &str) -> bool {
        self.records.contains_key(id) || self.is_held(id) || self.appeared(id)
    }

    /// Whether a container was made since the check began.
    fn appeared(&self, id: &str) -> bool {
        matches!(find_record(&self.engine.paths, id), Ok(Some(_)))
    }
}

/// What mends nothing.
pub(super) fn nothing_mends() -> Result<(), Error> {
    Err(Error::Unsupported {
        what: "mending it".to_owned(),
        why: "nobody knows how",
    })
}

impl Engine {
    /// Checks everything that wharf made; with `repair`, mends what can be.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn check_everything(&self, repair: bool) -> Result<Checked, Error> {
        if repair {
            self.sweep(Sweep::All);
        }
        let mut check = Check {
            engine: self,
            repair,
            records: BTreeMap::new(),
            checked: Checked::default(),
            until: Instant::now() + PATIENCE,
        };
        disk::check(&mut check)?;
        kernel::check(&mut check)?;
        for image in self.image_store().list()? {
            check.object("image", image.id.to_string());
        }
        let mut checked = check.checked;
        checked.problems.extend(self.check_store(repair)?);
        Ok(checked)
    }
}
