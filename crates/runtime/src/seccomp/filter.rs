//! A filter as a plan carries it: the program, and who decides what it leaves open.

use std::path::Path;

use spec::runtime::LinuxSeccomp;
use spec::state::State;

use super::{Error, Listener, Program, cache, compile};

/// A compiled profile.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub(crate) program: Program,
    /// Only with rules that ask it.
    pub(crate) listener: Option<Listener<'a>>,
}

impl<'a> Filter<'a> {
    /// Compiles a profile for a container in this state, unless it is among the `kept` filters.
    pub(crate) fn of(
        profile: &'a LinuxSeccomp,
        state: &State,
        kept: Option<&Path>,
    ) -> Result<Self, Error> {
        let program = match kept {
            Some(directory) => cache::compiled(profile, directory)?,
            None => compile(profile)?,
        };
        let path = profile.listener_path.as_deref();
        let listener = path
            .filter(|_| program.has_listener())
            .map(|path| Listener {
                path,
                metadata: profile.listener_metadata.as_deref().unwrap_or_default(),
                state: state.clone(),
            });
        Ok(Self { program, listener })
    }
}
