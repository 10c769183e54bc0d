//! Names of containers: which are valid, and made-up ones for those that were given none.

use std::path::Path;

use store::names;

use super::find;
use super::record::Record;
use crate::claim::{Claim, claim, claim_locked, lock};
use crate::events::{Event, note};
use crate::{Engine, Error, Paths};

/// Claims `wanted`, or a made-up name, for the container `id`.
pub(super) fn claim_name(paths: &Paths, wanted: Option<&str>, id: &str) -> Result<String, Error> {
    let directory = paths.names();
    if let Some(name) = wanted {
        check(name)?;
        return match claim(&directory, name, id, |owner| has(paths, owner, name))? {
            Claim::Ours => Ok(name.to_owned()),
            Claim::Taken(owner) => Err(taken(name, &owner)),
        };
    }
    let seed = seed(id);
    let mut candidates = (0..).map(|attempt| made_up(seed, attempt));
    loop {
        let name = candidates.next().unwrap_or_else(|| id.to_owned());
        if claim(&directory, &name, id, |owner| has(paths, owner, &name))? == Claim::Ours {
            return Ok(name);
        }
    }
}

fn taken(name: &str, owner: &str) -> Error {
    Error::NameTaken {
        name: name.to_owned(),
        owner: owner.get(..12).unwrap_or(owner).to_owned(),
    }
}

/// Whether the container `id` has this name, or is just being made with it. A rename that was
/// interrupted leaves a claim on a name that its container does not have.
pub(crate) fn has(paths: &Paths, id: &str, name: &str) -> bool {
    match find::record(paths, id) {
        Ok(Some(record)) => record.name == name,
        Ok(None) | Err(_) => exists(paths, id),
    }
}

fn exists(paths: &Paths, id: &str) -> bool {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    is_there(&paths.run_dir(id)) || is_there(&paths.data_dir(id))
}

impl Engine {
    /// Gives a container another name. The new one is claimed, then the record says so, then the
    /// old one is free: whoever is interrupted leaves at most a claim that the next one takes over.
    ///
    /// # Errors
    /// [`Error::NameTaken`]; a name that is none.
    pub fn rename(&self, container: &str, name: &str) -> Result<Record, Error> {
        check(name)?;
        let directory = self.paths.names();
        // Nobody takes over the claim before the record says whose name it is.
        let lock = lock(&directory)?;
        let record = self.find(container)?;
        if record.name == name {
            return Err(Error::Invalid {
                what: "container name",
                why: format!("{name:?} is the name that the container has already"),
            });
        }
        let alive = |owner: &str| has(&self.paths, owner, name);
        if let Claim::Taken(owner) = claim_locked(&directory, name, &record.id, alive)? {
            return Err(taken(name, &owner));
        }
        let renamed = self.change_locked(&record, &lock, |record| {
            name.clone_into(&mut record.name);
            Ok(())
        });
        // The claim that nobody has any more: the old name, or the new one after a failure.
        let free = if renamed.is_ok() { &record.name } else { name };
        if names::resolve(&directory, free)?.as_deref() == Some(record.id.as_str()) {
            names::release(&directory, free)?;
        }
        let renamed = renamed?;
        let event = Event::of_container(&renamed, "rename");
        let old = format!("/{}", record.name);
        note(&self.paths, &[event.with("oldName", &old)]);
        Ok(renamed)
    }
}

/// Whether nobody has the name yet; claiming it later is what counts.
pub(super) fn check_free(paths: &Paths, name: &str) -> Result<(), Error> {
    match names::resolve(&paths.names(), name)? {
        Some(owner) if has(paths, &owner, name) => Err(taken(name, &owner)),
        Some(_) | None => Ok(()),
    }
}

/// Docker's rule; it also keeps a name from being a path.
pub(super) fn check(name: &str) -> Result<(), Error> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let starts_well = name
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphanumeric);
    if starts_well && name.len() > 1 && name.len() <= 253 && name.bytes().all(is_valid) {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "container name",
        why: format!("{name:?}: expected at least two of [a-zA-Z0-9_.-], a letter or digit first"),
    })
}

/// A number from the random id.
pub(super) fn seed(id: &str) -> usize {
    id.get(..8)
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .unwrap_or(0)
}

/// `adjective_surname`, with a number behind it from the second attempt on.
fn made_up(seed: usize, attempt: usize) -> String {
    let adjective = ADJECTIVES[seed % ADJECTIVES.len()];
    let surname = SURNAMES[seed / ADJECTIVES.len() % SURNAMES.len()];
    match attempt {
        0 => format!("{adjective}_{surname}"),
        _ => format!("{adjective}_{surname}{attempt}"),
    }
}

const ADJECTIVES: [&str; 40] = [
    "able", "agile", "bold", "brave", "bright", "brisk", "calm", "clever", "cosy", "curious",
    "deft", "eager", "early", "fair", "fleet", "fond", "frank", "gentle", "glad", "hardy",
    "honest", "jolly", "keen", "kind", "lively", "lucid", "mellow", "merry", "neat", "nimble",
    "patient", "proud", "quick", "quiet", "ready", "steady", "sunny", "tidy", "warm", "witty",
];

/// People of harbours, ships and the sea, and of the machines that calculate their ways.
const SURNAMES: [&str; 40] = [
    "amundsen",
    "babbage",
    "baret",
    "barents",
    "beaufort",
    "bering",
    "bowditch",
    "bremer",
    "brunel",
    "cook",
    "cousteau",
    "crowninshield",
    "dampier",
    "drake",
    "earle",
    "ericson",
    "fitzroy",
    "franklin",
    "gama",
    "gray",
    "hadley",
    "halley",
    "harrison",
    "hopper",
    "kelvin",
    "lovelace",
    "magellan",
    "maury",
    "mercator",
    "nansen",
    "noether",
    "pytheas",
    "ross",
    "shackleton",
    "slocum",
    "somerville",
    "tasman",
    "tharp",
    "turing",
    "zheng",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_a_path_is_refused() {
        for name in [
            "",
            "a",
            ".hidden",
            "../x",
            "a/b",
            "-x",
            "a b",
            "\u{e4}\u{e4}",
        ] {
            assert!(check(name).is_err(), "{name}");
        }
        check("web-1.x_y").unwrap();
    }

    #[test]
    fn made_up_names_are_valid_and_differ_by_attempt() {
        for seed in [0, 1, 41, usize::MAX / 2] {
            check(&made_up(seed, 0)).unwrap();
            assert_ne!(made_up(seed, 0), made_up(seed, 1));
        }
    }
}
