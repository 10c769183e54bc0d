//! Names of members: made relative to the layer's root, and what is no name at all.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::Error;

/// Where a member goes: a directory of the layer and a name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) parent: PathBuf,
    pub(super) name: OsString,
}

/// The place of a member; `None` for the root itself. A leading slash means the layer's root.
///
/// # Errors
/// `..` anywhere, and null bytes.
pub(super) fn place(path: &Path) -> Result<Option<Place>, Error> {
    let mut parent = PathBuf::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => parent.push(name),
            Component::ParentDir | Component::Prefix(_) => {
                return Err(Error::Outside(path.to_owned()));
            }
        }
    }
    if parent.as_os_str().as_bytes().contains(&0) {
        return Err(Error::Forbidden {
            path: path.to_owned(),
            what: "a name with a null byte",
        });
    }
    let Some(name) = parent.file_name().map(OsString::from) else {
        return Ok(None);
    };
    parent.pop();
    Ok(Some(Place { parent, name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_names_are_relative_to_the_layer() {
        let expected = Some(Place {
            parent: "a".into(),
            name: "b".into(),
        });
        for text in ["a/b", "/a/b", "./a/./b", "//a//b/"] {
            assert_eq!(place(Path::new(text)).unwrap(), expected);
        }
        for root in ["/", "./", ""] {
            assert_eq!(place(Path::new(root)).unwrap(), None);
        }
    }

    #[test]
    fn a_name_with_dots_that_lead_up_is_refused() {
        for text in ["..", "a/../b", "/../etc/passwd", "a/.."] {
            assert!(
                matches!(place(Path::new(text)), Err(Error::Outside(_))),
                "{text}"
            );
        }
    }
}
