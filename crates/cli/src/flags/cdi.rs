//! Devices by name (Container Device Interface): `--device vendor/class=name` and `--gpus`. A file
//! of the host says what a container needs for a device: nodes, mounts, variables, hooks.
//!
//! Source: cncf-tags/container-device-interface, SPEC.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::{ContainerConfig, DeviceWish, Volume};
use serde::Deserialize;
use spec::runtime::{Hook, Hooks};

/// Where the files are; what the later one says goes before.
const DIRECTORIES: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// A file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "cdiVersion")]
    _version: String,
    kind: String,
    #[serde(default, rename = "annotations")]
    _annotations: BTreeMap<String, String>,
    devices: Vec<Device>,
    #[serde(default)]
    container_edits: Edits,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Device {
    name: String,
    #[serde(default, rename = "annotations")]
    _annotations: BTreeMap<String, String>,
    #[serde(default)]
    container_edits: Edits,
}

/// What is done to a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Edits {
    env: Vec<String>,
    device_nodes: Vec<Node>,
    mounts: Vec<Mount>,
    hooks: Vec<NamedHook>,
    #[serde(alias = "additionalGids")]
    additional_gids: Vec<u32>,
}

/// A device node. What it is, its path on the host says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Node {
    path: PathBuf,
    host_path: Option<PathBuf>,
    permissions: Option<String>,
    #[serde(rename = "type")]
    _type: Option<String>,
    #[serde(rename = "major")]
    _major: Option<i64>,
    #[serde(rename = "minor")]
    _minor: Option<i64>,
    #[serde(rename = "fileMode")]
    _file_mode: Option<u32>,
    #[serde(rename = "uid")]
    _uid: Option<u32>,
    #[serde(rename = "gid")]
    _gid: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mount {
    host_path: PathBuf,
    container_path: PathBuf,
    #[serde(default)]
    options: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NamedHook {
    hook_name: String,
    path: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: Vec<String>,
    timeout: Option<i64>,
}

/// Whether a `--device` is the name of one and not a path.
pub(crate) fn is_name(text: &str) -> bool {
    !text.starts_with('/') && text.contains('=')
}

/// The names of devices that `--gpus` asks for: `all`, a number, or `device=0,1`.
pub(crate) fn gpus(text: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("invalid gpus {text:?}: expected all, a number or device=ID[,ID...]");
    let named = |name: &str| format!("nvidia.com/gpu={name}");
    let text = text.trim_matches('"');
    if let Some(ids) = text.strip_prefix("device=") {
        let ids: Vec<&str> = ids.split(',').collect();
        return match ids.iter().any(|id| id.is_empty() || id.contains('=')) {
            true => Err(wrong()),
            false => Ok(ids.into_iter().map(named).collect()),
        };
    }
    match text.strip_prefix("count=").unwrap_or(text) {
        "all" | "-1" => Ok(vec![named("all")]),
        count => {
            let count: u32 = count.parse().map_err(|_| wrong())?;
            Ok((0..count).map(|id| named(&id.to_string())).collect())
        }
    }
}

/// Gives a container the devices of these names.
pub(crate) fn inject(config: &mut ContainerConfig, names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Ok(());
    }
    let documents = DIRECTORIES.map(|directory| read_all(Path::new(directory)));
    let mut edited = Vec::new();
    for name in names {
        let wrong = || format!("invalid device {name:?}: expected VENDOR/CLASS=NAME");
        let (kind, device) = name.split_once('=').ok_or_else(wrong)?;
        if !kind.contains('/') || device.is_empty() {
            return Err(wrong());
        }
        let (common, edits) = find(&documents, kind, device)?.ok_or_else(|| {
            format!(
                "no device {name:?} in the files of {} and {}",
                DIRECTORIES[0], DIRECTORIES[1]
            )
        })?;
        if !edited.contains(&kind) {
            edited.push(kind);
            apply(config, common, name)?;
        }
        apply(config, edits, name)?;
    }
    Ok(())
}

/// A directory's documents, each with its file, or why one cannot be read.
type Documents = Vec<(PathBuf, Result<Document, String>)>;

fn read_all(directory: &Path) -> Documents {
    // Without the directory there are no devices.
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let is_one = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("json" | "yaml"))
    };
    let paths = paths.into_iter().filter(is_one);
    paths.map(|path| (path.clone(), read(&path))).collect()
}

fn read(path: &Path) -> Result<Document, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    match path.extension().is_some_and(|ending| ending == "json") {
        true => serde_json::from_str(&text).map_err(|error| error.to_string()),
        false => serde_saphyr::from_str(&text).map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        }),
    }
}

/// What a device needs: what all of its file need, and what it needs itself.
fn find<'a>(
    directories: &'a [Documents],
    kind: &str,
    name: &str,
) -> Result<Option<(&'a Edits, &'a Edits)>, String> {
    for documents in directories.iter().rev() {
        let mut found = None;
        for (path, document) in documents {
            let document = match document {
                Ok(document) => document,
                Err(why) => return Err(format!("the device file {}: {why}", path.display())),
            };
            let device = document.devices.iter().find(|device| device.name == name);
            let Some(device) = device.filter(|_| document.kind == kind) else {
                continue;
            };
            if found.is_some() {
                return Err(format!(
                    "the device {kind}={name} is in more than one file of {}",
                    path.parent().unwrap_or(path).display()
                ));
            }
            found = Some((&document.container_edits, &device.container_edits));
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn apply(config: &mut ContainerConfig, edits: &Edits, device: &str) -> Result<(), String> {
    config.env.extend(edits.env.iter().cloned());
    let nodes = edits.device_nodes.iter().map(|node| DeviceWish {
        source: node.host_path.clone().unwrap_or_else(|| node.path.clone()),
        target: node.path.clone(),
        access: node.permissions.clone().unwrap_or_else(|| "rwm".to_owned()),
    });
    for node in nodes {
        if !config.devices.contains(&node) {
            config.devices.push(node);
        }
    }
    for mount in &edits.mounts {
        if mount.kind.as_deref().is_some_and(|kind| kind != "bind") {
            return Err(format!(
                "the device {device} mounts {} as {:?}: only binds are supported",
                mount.container_path.display(),
                mount.kind.as_deref().unwrap_or_default()
            ));
        }
        let has = |word: &str| mount.options.iter().any(|option| option == word);
        config.volumes.push(Volume {
            source: mount.host_path.clone(),
            target: mount.container_path.clone(),
            read_only: has("ro"),
            shallow: has("bind"),
            ..Volume::default()
        });
    }
    for hook in &edits.hooks {
        let list = hooks_at(&mut config.hooks, &hook.hook_name)
            .ok_or_else(|| format!("the device {device} has a hook at {:?}", hook.hook_name))?;
        list.push(Hook {
            path: hook.path.clone(),
            args: hook.args.clone(),
            env: hook.env.clone(),
            timeout: hook.timeout,
        });
    }
    let groups = edits.additional_gids.iter().map(ToString::to_string);
    config.group_add.extend(groups);
    Ok(())
}

fn hooks_at<'a>(hooks: &'a mut Hooks, name: &str) -> Option<&'a mut Vec<Hook>> {
    Some(match name {
        "prestart" => &mut hooks.prestart,
        "createRuntime" => &mut hooks.create_runtime,
        "createContainer" => &mut hooks.create_container,
        "startContainer" => &mut hooks.start_container,
        "poststart" => &mut hooks.poststart,
        "poststop" => &mut hooks.poststop,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, text: &str) -> (tempfile::TempDir, Documents) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(name), text).unwrap();
        let documents = read_all(directory.path());
        (directory, documents)
    }

    const YAML: &str = "cdiVersion: 0.6.0\nkind: acme.com/gpu\ncontainerEdits:\n  env: [ALL=1]\n\
        devices:\n- name: \"0\"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/null\n    \
        mounts:\n    - hostPath: /usr/lib/x\n      containerPath: /usr/lib/x\n      \
        options: [ro, nosuid, nodev, bind]\n    hooks:\n    - hookName: createContainer\n      \
        path: /bin/true\n      args: [\"true\"]\n    additionalGids: [44]\n";

    #[test]
    fn a_file_says_what_a_device_needs() {
        let (_directory, documents) = document("acme.yaml", YAML);
        let all = [documents];
        let (common, edits) = find(&all, "acme.com/gpu", "0").unwrap().unwrap();
        let mut config = ContainerConfig::default();
        apply(&mut config, common, "x").unwrap();
        apply(&mut config, edits, "x").unwrap();
        assert_eq!(config.env, ["ALL=1"]);
        assert_eq!(config.devices[0].access, "rwm");
        assert!(config.volumes[0].read_only);
        assert_eq!(config.hooks.create_container[0].args, ["true"]);
        assert_eq!(config.group_add, ["44"]);
        assert!(find(&all, "acme.com/gpu", "1").unwrap().is_none());
    }

    #[test]
    fn what_is_not_known_is_named() {
        let text = r#"{"cdiVersion":"1.0.0","kind":"a/b","devices":[{"name":"x",
            "containerEdits":{"intelRdt":{}}}]}"#;
        let (_directory, documents) = document("a.json", text);
        let why = find(&[documents], "a/b", "x").unwrap_err();
        assert!(why.contains("a.json") && why.contains("intelRdt"), "{why}");
    }

    #[test]
    fn graphics_processors_are_asked_for_as_with_docker() {
        assert_eq!(gpus("all").unwrap(), ["nvidia.com/gpu=all"]);
        assert_eq!(gpus("2").unwrap(), ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]);
        assert_eq!(
            gpus("\"device=3,GPU-a\"").unwrap(),
            ["nvidia.com/gpu=3", "nvidia.com/gpu=GPU-a"]
        );
        assert!(gpus("some").is_err());
    }
}
