//! `--mount`: everything about a mount by name. Each option goes with one type of mount or with
//! all, and is said once.

use engine::{ImageMount, Tmpfs, Volume};

use super::{CONSISTENCY, Mount, PROPAGATION, absolute, target_path};
use crate::flags::size;

/// The types, and what the names of their own options begin with.
const TYPES: [&str; 4] = ["bind", "volume", "tmpfs", "image"];

/// What was said of a mount.
#[derive(Debug, Default)]
struct Said<'a> {
    source: Option<&'a str>,
    target: Option<&'a str>,
    read_only: Option<bool>,
    recursive: Option<&'a str>,
    volume: Volume,
    tmpfs: Vec<String>,
}

/// `type=bind|volume|tmpfs|image,source=…,target=…[,readonly]`.
pub(crate) fn mount(text: &str) -> Result<Mount, String> {
    let wrong = |why: String| format!("invalid mount {text:?}: {why}");
    let fields = text.split(',');
    let fields: Vec<(&str, Option<&str>)> = fields
        .map(|field| match field.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (field, None),
        })
        .collect();
    let kind = kind(&fields).map_err(wrong)?;
    let mut said = Said::default();
    let mut seen = Vec::new();
    for (key, value) in &fields {
        let key = full_name(key);
        if seen.contains(&key) {
            return Err(wrong(format!("{key} is said twice")));
        }
        seen.push(key);
        said.take(kind, key, *value).map_err(wrong)?;
    }
    said.mount(kind).map_err(wrong)
}

fn kind<'a>(fields: &[(&str, Option<&'a str>)]) -> Result<&'a str, String> {
    let kind = fields.iter().find(|(key, _)| *key == "type");
    let kind = kind.map_or("volume", |(_, kind)| kind.unwrap_or_default());
    match TYPES.contains(&kind) {
        true => Ok(kind),
        false => Err(format!(
            "the type {kind:?} is not supported: bind, volume, tmpfs or image"
        )),
    }
}

/// Docker's short names.
fn full_name(key: &str) -> &str {
    match key {
        "src" => "source",
        "dst" | "destination" => "target",
        "ro" => "readonly",
        other => other,
    }
}

fn truth(key: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(_) => Err(format!("{key} is true or false")),
    }
}

impl<'a> Said<'a> {
    fn take(&mut self, kind: &str, key: &'a str, value: Option<&'a str>) -> Result<(), String> {
        let unknown = || match value {
            Some(value) => format!("the option \"{key}={value}\" is not supported"),
            None => format!("the option {key:?} is not supported"),
        };
        if let Some((of, _)) = key.split_once('-')
            && TYPES.contains(&of)
            && of != kind
        {
            return Err(format!(
                "{key} goes with type={of} and not with type={kind}"
            ));
        }
        let text = value.unwrap_or_default();
        match key {
            "type" => {}
            "source" => self.source = Some(text),
            "target" => self.target = Some(text),
            "readonly" => self.read_only = Some(truth(key, value)?),
            // As on Docker's Linux, where there is nothing between the two sides.
            "consistency" if CONSISTENCY.contains(&text) => {}
            "volume-nocopy" => self.volume.no_copy = truth(key, value)?,
            "volume-driver" if text == "local" => {}
            "bind-propagation" if PROPAGATION.contains(&text) => {
                self.volume.propagation = Some(text.to_owned());
            }
            "bind-nonrecursive" => self.volume.shallow = truth(key, value)?,
            "bind-recursive" => self.recursive = Some(text),
            "bind-create-src" => self.volume.create_source = truth(key, value)?,
            "tmpfs-size" => {
                let bytes = size::bytes(text).map_err(|why| format!("{key}: {why}"))?;
                self.tmpfs.push(format!("size={bytes}"));
            }
            "tmpfs-mode" => self.tmpfs.push(format!("mode={text}")),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn mount(self, kind: &str) -> Result<Mount, String> {
        let target = self.target.ok_or("it needs target=PATH")?;
        let target = target_path(target)?;
        let source = self.source.filter(|source| !source.is_empty());
        match kind {
            "bind" => self.bind(target),
            "volume" => Ok(Mount::Volume(Volume {
                name: source.map(str::to_owned),
                anonymous: source.is_none(),
                read_only: self.read_only.unwrap_or_default(),
                target,
                ..self.volume
            })),
            "tmpfs" if self.source.is_some() => Err("a tmpfs has no source".to_owned()),
            "tmpfs" => {
                let mut options = self.tmpfs;
                options.extend(self.read_only.unwrap_or_default().then(|| "ro".to_owned()));
                Ok(Mount::Tmpfs(Tmpfs { target, options }))
            }
            _ if self.read_only == Some(false) => Err("an image is always read-only".to_owned()),
            _ => {
                let reference = source.ok_or("it needs source=IMAGE")?.to_owned();
                Ok(Mount::Image(ImageMount { reference, target }))
            }
        }
    }

    fn bind(mut self, target: std::path::PathBuf) -> Result<Mount, String> {
        let source = self.source.filter(|source| !source.is_empty());
        self.volume.source = absolute(source.ok_or("it needs source=PATH")?)?;
        self.volume.target = target;
        self.volume.read_only = self.read_only.unwrap_or_default();
        match self.recursive {
            None | Some("enabled") => {}
            Some("disabled") => self.volume.shallow = true,
            Some(how @ ("writable" | "readonly")) if !self.volume.read_only => {
                return Err(format!("bind-recursive={how} needs readonly"));
            }
            // What is below is read-only anyway.
            Some("readonly") => {}
            Some("writable") => self.volume.writable_below = true,
            Some(_) => {
                return Err("bind-recursive is enabled, disabled, writable or readonly".to_owned());
            }
        }
        Ok(Mount::Volume(self.volume))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        mount(text).unwrap_err()
    }

    fn volume(text: &str) -> Volume {
        match mount(text) {
            Ok(Mount::Volume(volume)) => volume,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_mount_says_everything_by_name() {
        let bind = volume("type=bind,src=/a,dst=/b,readonly");
        assert!(bind.read_only && !bind.create_source && !bind.writable_below);
        let Ok(Mount::Tmpfs(tmpfs)) = mount("type=tmpfs,target=/t,tmpfs-size=1m") else {
            panic!("no tmpfs");
        };
        assert_eq!(tmpfs.options, ["size=1048576"]);
        assert_eq!(
            volume("source=data,target=/srv").name.as_deref(),
            Some("data")
        );
        assert!(volume("target=/srv,consistency=cached").anonymous);
    }

    #[test]
    fn how_deep_a_bind_goes_is_said_once() {
        let bind = |more: &str| format!("type=bind,source=/a,target=/b,{more}");
        assert!(volume(&bind("bind-recursive=disabled")).shallow);
        assert!(volume(&bind("readonly,bind-recursive=writable")).writable_below);
        assert!(refusal(&bind("bind-recursive=writable")).contains("needs readonly"));
        assert!(refusal(&bind("bind-recursive=no")).contains("bind-recursive is enabled"));
        assert!(refusal(&bind("ro,readonly=false")).contains("readonly is said twice"));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert!(refusal("type=image,target=/x").contains("source=IMAGE"));
        assert!(refusal("type=cluster,source=x,target=/x").contains("\"cluster\""));
        assert!(refusal("type=volume,target=/x,volume-subpath=y").contains("subpath"));
        assert!(refusal("type=volume,target=/x,colour=red").contains("colour=red"));
        assert!(refusal("type=tmpfs,source=a,target=/x").contains("no source"));
        let other = refusal("type=bind,source=/a,target=/x,tmpfs-size=1m");
        assert!(other.contains("tmpfs-size goes with type=tmpfs and not with type=bind"));
    }
}
