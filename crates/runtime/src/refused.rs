//! What `config.json` can ask for and wharf does not do yet: each is an error that names the key,
//! never ignored in silence. Whatever gets built leaves this list.

use spec::runtime::{Config, Linux};

use crate::error::Error;

/// Refuses a configuration with anything in it that would be ignored.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    let linux = config.linux.as_ref();
    match linux
        .into_iter()
        .flat_map(of_linux)
        .find(|(_, is_asked)| *is_asked)
    {
        Some((key, _)) => Err(Error::Unsupported {
            what: key.to_owned(),
        }),
        None => Ok(()),
    }
}

fn of_linux(linux: &Linux) -> [(&'static str, bool); 1] {
    [("linux.intelRdt", linux.intel_rdt.is_some())]
}
