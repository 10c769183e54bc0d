//! `-v`, `--mount` and `--tmpfs`.

use std::path::{Path, PathBuf};

use engine::{Tmpfs, Volume};

/// `SOURCE:TARGET[:ro|rw]`. Named and anonymous volumes do not exist yet.
pub(crate) fn volume(text: &str) -> Result<Volume, String> {
    let wrong = |why: &str| format!("invalid volume {text:?}: {why}");
    let mut parts = text.split(':');
    let (source, target, options) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(source), Some(target), options, None) => (source, target, options.unwrap_or("rw")),
        _ => return Err(wrong("expected SOURCE:TARGET[:OPTIONS]")),
    };
    if !source.starts_with(['/', '.']) {
        return Err(wrong(
            "named volumes are not supported yet; a path begins with / or .",
        ));
    }
    let mut read_only = false;
    for option in options.split(',') {
        match option {
            "ro" => read_only = true,
            "rw" => read_only = false,
            other => return Err(wrong(&format!("the option {other:?} is not supported"))),
        }
    }
    Ok(Volume {
        source: absolute(source)?,
        target: target_path(target).map_err(|why| wrong(&why))?,
        read_only,
        create_source: true,
    })
}

/// A `--mount` is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mount {
    Volume(Volume),
    Tmpfs(Tmpfs),
}

/// `type=bind|tmpfs,source=…,target=…[,readonly]`.
pub(crate) fn mount(text: &str) -> Result<Mount, String> {
    let wrong = |why: String| format!("invalid mount {text:?}: {why}");
    let (mut kind, mut source, mut target, mut read_only) = ("volume", None, None, false);
    let mut options = Vec::new();
    for field in text.split(',') {
        match field.split_once('=').unwrap_or((field, "")) {
            ("type", value) => kind = value,
            ("source" | "src", value) => source = Some(value),
            ("target" | "destination" | "dst", value) => target = Some(value),
            ("readonly" | "ro", "" | "true" | "1") => read_only = true,
            ("readonly" | "ro", "false" | "0") => read_only = false,
            ("tmpfs-size", value) => options.push(format!("size={}", super::size::bytes(value)?)),
            ("tmpfs-mode", value) => options.push(format!("mode={value}")),
            (name, _) => return Err(wrong(format!("the option {name:?} is not supported"))),
        }
    }
    let target = target.ok_or_else(|| wrong("it needs target=PATH".to_owned()))?;
    let target = target_path(target).map_err(wrong)?;
    match (kind, source) {
        ("bind", Some(source)) => Ok(Mount::Volume(Volume {
            source: absolute(source)?,
            target,
            read_only,
            create_source: false,
        })),
        ("bind", None) => Err(wrong("it needs source=PATH".to_owned())),
        ("tmpfs", None) => {
            options.extend(read_only.then(|| "ro".to_owned()));
            Ok(Mount::Tmpfs(Tmpfs { target, options }))
        }
        ("tmpfs", Some(_)) => Err(wrong("a tmpfs has no source".to_owned())),
        (other, _) => Err(wrong(format!(
            "the type {other:?} is not supported: bind or tmpfs"
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
        assert!(refusal(volume("data:/srv")).contains("named volumes"));
        assert!(refusal(volume("/a:/b:z")).contains("\"z\""));
        assert!(refusal(volume("/a:b")).contains("not absolute"));
        assert!(refusal(volume("/a")).contains("expected SOURCE:TARGET"));
        assert!(refusal(mount("type=volume,target=/x")).contains("\"volume\""));
        assert!(
            refusal(mount("type=bind,source=/a,target=/x,bind-nonrecursive")).contains("bind-")
        );
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
