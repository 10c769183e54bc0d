//! Claims on names and on id ranges: symlinks whose creation is the claim. A claim whose owner is
//! gone without freeing it is taken over by the next who wants it.

use std::path::Path;

use store::{Lock, names};

use crate::Error;

/// How a claim went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The claimer has it.
    Ours,
    /// This id has it.
    Taken(String),
}

/// Claims `name` in `directory` for `id`. Whoever has it keeps it if `is_alive`.
pub(crate) fn claim(
    directory: &Path,
    name: &str,
    id: &str,
    is_alive: impl Fn(&str) -> bool,
) -> Result<Claim, Error> {
    if names::claim(directory, name, id)? {
        return Ok(Claim::Ours);
    }
    match names::resolve(directory, name)? {
        Some(owner) if owner == id => return Ok(Claim::Ours),
        Some(owner) if is_alive(&owner) => return Ok(Claim::Taken(owner)),
        _ => {}
    }
    // Two who both find the owner gone must not both take over.
    let _lock = lock(directory)?;
    claim_locked(directory, name, id, is_alive)
}

/// Keeps everybody from taking over claims in `directory`.
pub(crate) fn lock(directory: &Path) -> Result<Lock, Error> {
    Ok(Lock::exclusive(&directory.join(".lock"))?)
}

/// As [`claim`], for somebody who has the lock.
pub(crate) fn claim_locked(
    directory: &Path,
    name: &str,
    id: &str,
    is_alive: impl Fn(&str) -> bool,
) -> Result<Claim, Error> {
    if let Some(owner) = names::resolve(directory, name)? {
        if is_alive(&owner) {
            return Ok(Claim::Taken(owner));
        }
        names::release(directory, name)?;
    }
    if names::claim(directory, name, id)? {
        return Ok(Claim::Ours);
    }
    Ok(Claim::Taken(
        names::resolve(directory, name)?.unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claim_of_a_dead_owner_is_taken_over_and_that_of_a_living_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let claim = |id, alive| claim(directory.path(), "web", id, |_| alive).unwrap();
        assert_eq!(claim("a", true), Claim::Ours);
        assert_eq!(claim("b", true), Claim::Taken("a".into()));
        assert_eq!(claim("b", false), Claim::Ours);
        assert_eq!(claim("c", true), Claim::Taken("b".into()));
    }
}
