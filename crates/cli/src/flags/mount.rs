//! `-v` and `--tmpfs`; `--mount` is in `mount/by_name.rs`.

mod by_name;

use std::path::{Path, PathBuf};

pub(crate) use by_name::mount;
use engine::{ImageMount, Tmpfs, Volume};

/// `TARGET`, or `SOURCE:TARGET[:OPTIONS]` with a path or the name of a volume as the source.
pub(crate) fn volume(text: &str) -> Result<Volume, String> {
    let wrong = |why: &str| format!("invalid volume {text:?}: {why}");
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, "rw"),
        [source, target] => (Some(*source), *target, "rw"),
        [source, target, options] => (Some(*source), *target, *options),
        _ => return Err(wrong("expected [SOURCE:]TARGET[:OPTIONS]")),
    };
    let mut volume = Volume {
        target: target_path(target).map_err(|why| wrong(&why))?,
        ..Volume::default()
    };
    match source {
        None => volume.anonymous = true,
        Some(path) if path.starts_with(['/', '.']) => {
            volume.source = absolute(path)?;
            volume.create_source = true;
        }
        Some("") => return Err(wrong("the source is empty")),
        Some(name) if name.contains('/') => {
            return Err(wrong(&format!(
                "{name:?} is neither the name of a volume nor a path that begins with / or ."
            )));
        }
        Some(name) => volume.name = Some(name.to_owned()),
    }
    let mut access = None;
    for option in options.split(',') {
        match option {
            "ro" | "rw" if access.is_some_and(|other| other != option) => {
                return Err(wrong("it is both ro and rw"));
            }
            "ro" | "rw" => {
                volume.read_only = option == "ro";
                access = Some(option);
            }
            // As on Docker's Linux, where there is nothing between the two sides.
            word if CONSISTENCY.contains(&word) => {}
            "nocopy" if volume.source.as_os_str().is_empty() => volume.no_copy = true,
            word if PROPAGATION.contains(&word) && volume.name.is_some() => {
                return Err(wrong("mounts spread only with a path of the host"));
            }
            word if PROPAGATION.contains(&word) && volume.propagation.is_none() => {
                volume.propagation = Some(word.to_owned());
            }
            word if PROPAGATION.contains(&word) => {
                return Err(wrong("there are two words about how mounts spread"));
            }
            other => return Err(wrong(&format!("the option {other:?} is not supported"))),
        }
    }
    Ok(volume)
}

/// How mounts spread.
const PROPAGATION: [&str; 6] = [
    "private", "rprivate", "shared", "rshared", "slave", "rslave",
];

/// Docker's words for how soon each side sees what the other wrote.
const CONSISTENCY: [&str; 3] = ["consistent", "cached", "delegated"];

/// A `--mount` is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mount {
    Volume(Volume),
    Tmpfs(Tmpfs),
    Image(ImageMount),
}

/// `TARGET[:OPTIONS]`.
pub(crate) fn tmpfs(text: &str) -> Result<Tmpfs, String> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let options = options.split(',').filter(|option| !option.is_empty());
    Ok(Tmpfs {
        target: target_path(target).map_err(|why| format!("invalid tmpfs {text:?}: {why}"))?,
        options: options.map(str::to_owned).collect(),
    })
}

/// A path of the host from where the user stands.
pub(crate) fn absolute(path: &str) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{path:?}: {error}"))
}

fn target_path(path: &str) -> Result<PathBuf, String> {
    match Path::new(path).is_absolute() {
        true => Ok(PathBuf::from(path)),
        false => Err(format!(
            "the path {path:?} in the container is not absolute"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: std::fmt::Debug>(result: Result<T, String>) -> String {
        result.unwrap_err()
    }

    #[test]
    fn a_volume_is_a_path_of_the_host_and_one_inside() {
        let volume = volume("/data:/srv:ro").unwrap();
        assert_eq!(
            (volume.source.to_str(), volume.target.to_str()),
            (Some("/data"), Some("/srv"))
        );
        assert!(volume.read_only && volume.create_source);
        assert!(super::volume("./x:/y").unwrap().source.is_absolute());
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert!(refusal(volume("/a:/b:z")).contains("\"z\""));
        assert!(refusal(volume("/a:b")).contains("not absolute"));
        assert!(refusal(volume("/a:/b:nocopy")).contains("\"nocopy\""));
        assert!(refusal(volume("/a:/b:/c:/d")).contains("expected [SOURCE:]TARGET"));
    }

    #[test]
    fn a_volume_has_a_name_or_none() {
        let named = volume("data:/srv:ro,nocopy").unwrap();
        assert_eq!(named.name.as_deref(), Some("data"));
        assert!(named.read_only && named.no_copy && !named.anonymous);
        assert!(volume("/srv").unwrap().anonymous);
    }

    #[test]
    fn a_tmpfs_has_options() {
        assert_eq!(
            super::tmpfs("/t:size=1m,exec").unwrap().options,
            ["size=1m", "exec"]
        );
    }
}
