//! Bundles: reading a directory's `config.json`.

use std::path::Path;

use spec::runtime::Config;

use crate::error::Error;

/// Reads and checks the configuration at `path`.
///
/// # Errors
/// When the file is missing, is not JSON, or breaks a rule of the specification; the error names
/// the key and what was expected.
pub fn load(path: &Path) -> Result<Config, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Parent {
        doing: format!("reading {}", path.display()),
        source,
    })?;
    let wrong = |source| Error::Config {
        path: path.to_owned(),
        source,
    };
    let config = Config::parse(&bytes).map_err(wrong)?;
    config.validate().map_err(wrong)?;
    Ok(config)
}
