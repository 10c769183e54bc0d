//! `-v`, `--mount` and `--tmpfs`.

use std::path::{Path, PathBuf};

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
        Some(name) => volume.name = Some(name.to_owned()),
    }
    for option in options.split(',') {
        match option {
            "ro" => volume.read_only = true,
            "rw" => volume.read_only = false,
            "nocopy" if volume.source.as_os_str().is_empty() => volume.no_copy = true,
            word if PROPAGATION.contains(&word) => volume.propagation = Some(word.to_owned()),
            other => return Err(wrong(&format!("the option {other:?} is not supported"))),
        }
    }
    Ok(volume)
}

/// How mounts spread.
const PROPAGATION: [&str; 6] = [
    "private", "rprivate", "shared", "rshared", "slave", "rslave",
];

/// A `--mount` is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mount {
    Volume(Volume),
    Tmpfs(Tmpfs),
    Image(ImageMount),
}

/// `type=bind|volume|tmpfs|image,source=…,target=…[,readonly]`.
pub(crate) fn mount(text: &str) -> Result<Mount, String> {
    let wrong = |why: String| format!("invalid mount {text:?}: {why}");
    let (mut kind, mut source, mut target) = ("volume", None, None);
    let mut volume = Volume::default();
    let mut options = Vec::new();
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let is_on = || match value {
            "" | "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(wrong(format!("{key} is true or false"))),
        };
        match key {
            "type" => kind = value,
            "source" | "src" => source = Some(value),
            "target" | "destination" | "dst" => target = Some(value),
            "readonly" | "ro" => volume.read_only = is_on()?,
            "volume-nocopy" => volume.no_copy = is_on()?,
            "bind-propagation" if PROPAGATION.contains(&value) => {
                volume.propagation = Some(value.to_owned());
            }
            "bind-nonrecursive" => volume.shallow = is_on()?,
            "bind-create-src" => volume.create_source = is_on()?,
            "tmpfs-size" => options.push(format!("size={}", super::size::bytes(value)?)),
            "tmpfs-mode" => options.push(format!("mode={value}")),
            _ => return Err(wrong(format!("the option {field:?} is not supported"))),
        }
    }
    let target = target.ok_or_else(|| wrong("it needs target=PATH".to_owned()))?;
    volume.target = target_path(target).map_err(wrong)?;
    match (kind, source) {
        ("bind", Some(source)) => {
            volume.source = absolute(source)?;
            Ok(Mount::Volume(volume))
        }
        ("bind", None) => Err(wrong("it needs source=PATH".to_owned())),
        ("volume", name) => {
            volume.name = name.filter(|name| !name.is_empty()).map(str::to_owned);
            volume.anonymous = volume.name.is_none();
            Ok(Mount::Volume(volume))
        }
        ("tmpfs", None) => {
            options.extend(volume.read_only.then(|| "ro".to_owned()));
            let target = volume.target;
            Ok(Mount::Tmpfs(Tmpfs { target, options }))
        }
        ("image", Some(reference)) if !reference.is_empty() => Ok(Mount::Image(ImageMount {
            reference: reference.to_owned(),
            target: volume.target,
        })),
        ("image", _) => Err(wrong("it needs source=IMAGE".to_owned())),
        ("tmpfs", Some(_)) => Err(wrong("a tmpfs has no source".to_owned())),
        (other, _) => Err(wrong(format!(
            "the type {other:?} is not supported: bind, volume, tmpfs or image"
        ))),
    }
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
        assert!(refusal(mount("type=image,target=/x")).contains("source=IMAGE"));
        assert!(refusal(mount("type=cluster,source=x,target=/x")).contains("\"cluster\""));
        assert!(refusal(mount("type=volume,target=/x,volume-subpath=y")).contains("subpath"));
        assert!(
            refusal(mount("type=bind,source=/a,target=/x,bind-recursive=no")).contains("bind-")
        );
    }

    #[test]
    fn a_volume_has_a_name_or_none() {
        let named = volume("data:/srv:ro,nocopy").unwrap();
        assert_eq!(named.name.as_deref(), Some("data"));
        assert!(named.read_only && named.no_copy && !named.anonymous);
        assert!(volume("/srv").unwrap().anonymous);
        let Ok(Mount::Volume(by_mount)) = mount("source=data,target=/srv") else {
            panic!("no volume");
        };
        assert_eq!(by_mount.name.as_deref(), Some("data"));
    }

    #[test]
    fn a_mount_says_everything_by_name() {
        let Ok(Mount::Volume(volume)) = mount("type=bind,src=/a,dst=/b,readonly") else {
            panic!("no bind");
        };
        assert!(volume.read_only && !volume.create_source);
        let Ok(Mount::Tmpfs(tmpfs)) = mount("type=tmpfs,target=/t,tmpfs-size=1m") else {
            panic!("no tmpfs");
        };
        assert_eq!(tmpfs.options, ["size=1048576"]);
        assert_eq!(
            super::tmpfs("/t:size=1m,exec").unwrap().options,
            ["size=1m", "exec"]
        );
    }
}
