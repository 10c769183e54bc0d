//! The process of a container, merged from the words of its image and of its user when it is
//! created. Who the user is in numbers is found out at each start (`user.rs`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use spec::image::ContainerDefaults;

use super::config::ContainerConfig;
use crate::Error;

/// The process as decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resolved {
    /// How many of `args` are the entry point.
    pub entrypoint_len: usize,
    /// Program and arguments.
    pub args: Vec<String>,
    /// `NAME=value`; without HOME, which depends on the user.
    pub env: Vec<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// `user[:group]`; root without.
    pub user: Option<String>,
    /// The number of the signal of `stop`.
    pub stop_signal: i32,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Docker's default.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Merges the words of both; the user's go before the image's.
pub(super) fn resolve(
    config: &ContainerConfig,
    image: &ContainerDefaults,
    hostname: &str,
) -> Result<Resolved, Error> {
    let entrypoint = config
        .entrypoint
        .clone()
        .unwrap_or_else(|| image.entrypoint.clone());
    let entrypoint_len = entrypoint.len();
    // A new entry point does not take the image's arguments, which were for the old one.
    let command = match (config.command.is_empty(), &config.entrypoint) {
        (true, None) => image.cmd.clone(),
        _ => config.command.clone(),
    };
    let args: Vec<String> = entrypoint.into_iter().chain(command).collect();
    if args.first().is_none_or(String::is_empty) {
        let why = "no command was given, and the image has none".to_owned();
        return Err(Error::Invalid {
            what: "command",
            why,
        });
    }
    let mut labels = image.labels.clone();
    labels.extend(config.labels.clone());
    Ok(Resolved {
        entrypoint_len,
        args,
        env: environment(config, image, hostname),
        cwd: working_dir(config, image)?,
        user: config
            .user
            .clone()
            .or_else(|| image.user.clone())
            .filter(|user| !user.is_empty()),
        stop_signal: stop_signal(config, image)?,
        labels,
    })
}

fn environment(config: &ContainerConfig, image: &ContainerDefaults, hostname: &str) -> Vec<String> {
    let mut env = vec![PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if config.terminal {
        env.push("TERM=xterm".to_owned());
    }
    for entry in image.env.iter().chain(&config.env) {
        set(&mut env, entry);
    }
    env
}

/// Sets a variable; an entry without `=` unsets it.
pub(super) fn set(env: &mut Vec<String>, entry: &str) {
    let name = entry.split('=').next().unwrap_or(entry);
    let is_same = |known: &String| known.split('=').next() == Some(name);
    if !entry.contains('=') {
        env.retain(|known| !is_same(known));
        return;
    }
    match env.iter_mut().find(|known| is_same(known)) {
        Some(known) => entry.clone_into(known),
        None => env.push(entry.to_owned()),
    }
}

fn working_dir(config: &ContainerConfig, image: &ContainerDefaults) -> Result<PathBuf, Error> {
    let of_image = image
        .working_dir
        .as_deref()
        .filter(|dir| !dir.is_empty())
        .unwrap_or("/");
    let cwd = config
        .working_dir
        .clone()
        .unwrap_or_else(|| PathBuf::from(of_image));
    if cwd.is_absolute() {
        return Ok(cwd);
    }
    Err(Error::Invalid {
        what: "working directory",
        why: format!("{:?}: expected an absolute path", cwd.display().to_string()),
    })
}

fn stop_signal(config: &ContainerConfig, image: &ContainerDefaults) -> Result<i32, Error> {
    let Some(text) = config.stop_signal.as_ref().or(image.stop_signal.as_ref()) else {
        return Ok(15);
    };
    sys::signals::signal_number(text).ok_or_else(|| Error::Invalid {
        what: "stop signal",
        why: format!("{text:?}: expected a name such as SIGTERM or a number"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ContainerDefaults {
        ContainerDefaults {
            entrypoint: vec!["/entry".into()],
            cmd: vec!["default".into()],
            env: vec!["PATH=/bin".into(), "A=1".into(), "B=2".into()],
            working_dir: Some("/srv".into()),
            user: Some("web".into()),
            ..ContainerDefaults::default()
        }
    }

    fn resolved(config: &ContainerConfig) -> Resolved {
        resolve(config, &image(), "host1").unwrap()
    }

    #[test]
    fn what_the_user_does_not_say_is_the_images() {
        let process = resolved(&ContainerConfig::default());
        assert_eq!(process.args, ["/entry", "default"]);
        assert_eq!(process.env, ["PATH=/bin", "HOSTNAME=host1", "A=1", "B=2"]);
        assert_eq!(
            (process.cwd.to_str(), process.user.as_deref()),
            (Some("/srv"), Some("web"))
        );
        assert_eq!(process.stop_signal, 15);
    }

    #[test]
    fn arguments_replace_the_command_and_a_new_entry_point_drops_it() {
        let mut config = ContainerConfig {
            command: vec!["mine".into()],
            ..ContainerConfig::default()
        };
        assert_eq!(resolved(&config).args, ["/entry", "mine"]);
        config.entrypoint = Some(vec!["/other".into()]);
        assert_eq!(resolved(&config).args, ["/other", "mine"]);
        config.command.clear();
        assert_eq!(resolved(&config).args, ["/other"]);
        config.entrypoint = Some(Vec::new());
        let error = resolve(&config, &image(), "h").unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid command: no command was given, and the image has none"
        );
    }

    #[test]
    fn variables_are_overridden_and_unset_in_place() {
        let config = ContainerConfig {
            env: vec!["A=x=y".into(), "B".into(), "C=".into()],
            terminal: true,
            ..ContainerConfig::default()
        };
        let env = resolved(&config).env;
        assert_eq!(
            env,
            ["PATH=/bin", "HOSTNAME=host1", "TERM=xterm", "A=x=y", "C="]
        );
    }

    #[test]
    fn a_relative_working_directory_is_refused() {
        let config = ContainerConfig {
            working_dir: Some("srv".into()),
            ..ContainerConfig::default()
        };
        assert!(resolve(&config, &image(), "h").is_err());
    }
}
