//! `--cidfile`: the file that gets the id of a new container. It must not exist before, and it does
//! not exist when there is no container.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error_text::sentence;
use crate::exit_code::Failure;

/// A file that waits for an id; it goes again without one.
#[derive(Debug)]
pub(crate) struct CidFile {
    path: PathBuf,
    file: File,
    is_written: bool,
}

impl CidFile {
    /// Makes the file, if one is wanted.
    pub(crate) fn claim(path: Option<&Path>) -> Result<Option<Self>, Failure> {
        let Some(path) = path else { return Ok(None) };
        let file = File::create_new(path).map_err(|error| {
            Failure::usage(format!(
                "making the container id file {}: {}",
                path.display(),
                sentence(&error)
            ))
        })?;
        Ok(Some(Self {
            path: path.to_owned(),
            file,
            is_written: false,
        }))
    }

    /// Writes the id.
    pub(crate) fn write(mut self, id: &str) -> Result<(), Failure> {
        self.file
            .write_all(id.as_bytes())
            .map_err(|error| Failure::usage(format!("writing {}: {error}", self.path.display())))?;
        self.is_written = true;
        Ok(())
    }
}

impl Drop for CidFile {
    fn drop(&mut self) {
        if !self.is_written {
            // It says nothing, so that nobody is misled if it stays.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
