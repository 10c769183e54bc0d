//! Telling whoever asked for it what is done, while it is done (`--debug`). Some lines begin with
//! the words of runc's log, which people and programs look for.

use std::fmt;

use spec::runtime::NamespaceType;

use crate::namespaces::{self, Namespaces};

/// Who is told; by default nobody.
#[derive(Clone, Copy, Default)]
pub struct Trace<'a>(Option<&'a dyn Fn(&str)>);

impl fmt::Debug for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.0.is_some()).finish()
    }
}

impl<'a> Trace<'a> {
    /// Tells `listener`.
    pub fn to(listener: &'a dyn Fn(&str)) -> Self {
        Self(Some(listener))
    }

    /// The words are only put together if somebody listens.
    pub(crate) fn say(self, words: impl FnOnce() -> String) {
        if let Some(listener) = self.0 {
            listener(&words());
        }
    }
}

/// What becomes of each namespace, in one line.
pub(crate) fn describe(namespaces: &Namespaces) -> String {
    let words = NamespaceType::ALL.into_iter().map(|kind| {
        let fate = match namespaces.create.contains(namespaces::flag(kind)) {
            true => "new",
            false if namespaces.joined(kind).is_some() => "joined",
            false => "the caller's",
        };
        format!("{kind} {fate}")
    });
    words.collect::<Vec<_>>().join(", ")
}
