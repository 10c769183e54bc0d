//! `explain --commands`: a shell script that makes by hand, with tools that every distribution has,
//! what a container is made of. Its text that is always the same is in `script.sh`.

mod mounts;

use std::fmt::Write;

use engine::{Control, Explanation, Whose};
use spec::runtime::{Config, Namespace, NamespaceType, Process};

use crate::exit_code::Failure;

/// The functions that the script begins with.
const FUNCTIONS: &str = include_str!("script.sh");

/// A script that is being written.
struct Script<'a> {
    explanation: &'a Explanation,
    config: &'a Config,
    text: String,
}

/// Writes the script of a running container.
pub(super) fn script(explanation: &Explanation) -> Result<String, Failure> {
    let Some(config) = &explanation.config else {
        return Err(Failure::usage(format!(
            "container {} is {}: only what runs is made of something that commands can make",
            explanation.name, explanation.status
        )));
    };
    let mut script = Script {
        explanation,
        config,
        text: String::new(),
    };
    script.beginning();
    script.cgroup();
    script.namespaces();
    script.mounts();
    script.names();
    script.program();
    Ok(script.text)
}

/// A word as the shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+%@".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

impl Script<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.line(format!("\n# {text}"));
    }

    /// Whether layers and volumes are mapped to the ids of a user namespace.
    fn is_mapped(&self) -> bool {
        let mut mounts = self.config.mounts.iter();
        mounts.any(|mount| mount.options.iter().any(|option| option == "idmap"))
    }

    /// Whether the container was made by somebody without rights on the host.
    fn is_of_user(&self) -> bool {
        self.has_own(NamespaceType::User) && !self.is_mapped()
    }

    fn namespace(&self, kind: NamespaceType) -> Option<&Namespace> {
        self.config.linux.as_ref()?.namespace(kind)
    }

    /// Whether the namespace was made for the container.
    fn has_own(&self, kind: NamespaceType) -> bool {
        self.namespace(kind)
            .is_some_and(|space| space.path.is_none())
    }

    fn process(&self) -> Process {
        self.config.process.clone().unwrap_or_default()
    }

    fn beginning(&mut self) {
        let words: Vec<String> = self
            .process()
            .args
            .iter()
            .map(|word| quoted(word))
            .collect();
        let who = if self.is_of_user() {
            "As yourself"
        } else {
            "As root"
        };
        let path = self.process().env.iter().rev().find_map(|entry| {
            let path = entry.strip_prefix("PATH=")?;
            Some(path.to_owned())
        });
        let head = format!(
            "#!/bin/sh\n\
             # What container {} is made of, by hand. {who}: sh FILE [PROGRAM [ARGUMENT...]],\n\
             # without a program the container's own. It takes util-linux, iproute2, capsh and perl.\n\
             # Its files are the container's as they are now, below a layer that goes with the end.\n\
             # Not made: the filter of system calls, which no command loads.\n\
             set -eu\n\
             [ $# -gt 0 ] || set -- {}\n\
             first={}\n\
             search={}\n\
             spaces='{}'\n",
            quoted(&self.explanation.name),
            words.join(" "),
            self.first(),
            quoted(path.as_deref().unwrap_or("/usr/bin:/bin")),
            self.spaces(),
        );
        self.text.push_str(&head);
        self.text.push_str(FUNCTIONS);
    }

    /// The namespaces that are not the host's, as nsenter's options.
    fn spaces(&self) -> String {
        let spaces = self.explanation.namespaces.iter();
        let spaces = spaces.filter(|space| space.whose == Whose::Container);
        let words = spaces.map(|space| match space.kind {
            "mnt" => "--mount".to_owned(),
            kind => format!("--{kind}"),
        });
        // A user alone in its user namespace has nothing to become.
        let stays = self
            .is_of_user()
            .then(|| "--preserve-credentials".to_owned());
        stays.into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The host's id of the container's root.
    fn first(&self) -> String {
        let maps = self.explanation.id_maps.as_ref();
        let line = maps.and_then(|maps| maps.users.first());
        let outside = line.and_then(|line| line.split(' ').nth(1));
        outside.unwrap_or("0").to_owned()
    }

    fn cgroup(&mut self) {
        let Some(control) = &self.explanation.cgroup else {
            return;
        };
        self.heading("The cgroup: a directory in each hierarchy, and its limits.");
        for directory in &control.directories {
            let above = directory.path.parent().unwrap_or(&directory.path);
            let above = quoted(&above.display().to_string());
            self.line(format!("group {above}/$name"));
            if directory.controllers.iter().any(|name| name == "cpuset") {
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    self.line(format!("cat {above}/{file} > {above}/$name/{file}"));
                }
            }
            self.settings(control, directory, &above);
        }
    }

    fn settings(&mut self, control: &Control, directory: &engine::Directory, above: &str) {
        for setting in &control.settings {
            let Ok(file) = setting.file.strip_prefix(&directory.path) else {
                continue;
            };
            let value = quoted(&setting.written);
            self.line(format!("echo {value} > {above}/$name/{}", file.display()));
        }
        let rules = control.devices.as_deref().unwrap_or_default();
        let is_devices = directory.controllers.iter().any(|name| name == "devices");
        if is_devices && !rules.iter().any(|rule| rule.starts_with("a ")) {
            self.line(format!("echo a > {above}/$name/devices.deny"));
            for rule in rules {
                self.line(format!("echo '{rule}' > {above}/$name/devices.allow"));
            }
        }
    }

    fn namespaces(&mut self) {
        self.heading("The namespaces, held by a process that does nothing else.");
        let linux = self.config.linux.clone().unwrap_or_default();
        let (mut join, mut make) = (String::new(), String::new());
        for space in &linux.namespaces {
            let word = match space.kind {
                NamespaceType::Network => "net",
                kind => kind.name(),
            };
            // Writing to a string cannot fail.
            let _ = match &space.path {
                Some(path) => write!(join, " --{word}={}", quoted(&path.display().to_string())),
                None => write!(make, " --{word}"),
            };
        }
        for (clock, offset) in &linux.time_offsets {
            let _ = write!(make, " --{clock}={}", offset.secs);
        }
        if self.is_of_user() {
            make.push_str(" --map-root-user");
        }
        let enter = match join.is_empty() {
            true => String::new(),
            false => format!("nsenter --no-fork{join} -- "),
        };
        self.line(format!(
            "hold {enter}unshare{make} --fork --kill-child sleep infinity"
        ));
        if self.has_own(NamespaceType::User) && !self.is_of_user() {
            self.id_maps();
        }
        if self.has_own(NamespaceType::Network) {
            self.line("inside ip link set lo up");
        }
    }

    fn id_maps(&mut self) {
        let Some(maps) = &self.explanation.id_maps else {
            return;
        };
        for (file, lines) in [("uid_map", &maps.users), ("gid_map", &maps.groups)] {
            let text = lines.join("\n");
            self.line(format!("echo '{text}' > /proc/$holder/{file}"));
        }
    }

    fn names(&mut self) {
        let is_own = |kind| {
            let mut spaces = self.explanation.namespaces.iter();
            spaces.any(|space| space.kind == kind && space.whose == Whose::Container)
        };
        if !is_own("uts") || !self.has_own(NamespaceType::Uts) {
            return;
        }
        self.heading("Its names.");
        if let Some(name) = self.config.hostname.as_deref() {
            self.line(format!("inside hostname {}", quoted(name)));
        }
        if let Some(name) = self.config.domainname.as_deref() {
            self.line(format!("inside domainname {}", quoted(name)));
        }
    }

    fn program(&mut self) {
        self.heading("The program, with its limits, its environment and its rights.");
        let process = self.process();
        let mut limits = String::new();
        for limit in &process.rlimits {
            let name = limit.kind.trim_start_matches("RLIMIT_").to_lowercase();
            let _ = write!(limits, " --{name}={}:{}", limit.soft, limit.hard);
        }
        let env: Vec<String> = process.env.iter().map(|entry| quoted(entry)).collect();
        let bounding = process.capabilities.map(|sets| sets.bounding);
        let bounding = bounding.unwrap_or_default();
        let all = runtime::capabilities::all();
        let dropped = all.iter().map(|capability| capability.name());
        let dropped = dropped.filter(|name| !bounding.iter().any(|kept| kept == name));
        let dropped: Vec<String> = dropped.map(str::to_lowercase).collect();
        let mut rights = String::new();
        if !dropped.is_empty() {
            let _ = write!(rights, " --drop={}", dropped.join(","));
        }
        let user = &process.user;
        if (user.uid, user.gid) != (0, 0) {
            let _ = write!(rights, " --gid={} --uid={}", user.gid, user.uid);
        }
        let stays = match process.no_new_privileges {
            true => "setpriv --no-new-privs ",
            false => "",
        };
        self.line("program=$(found \"$1\")");
        self.line("shift");
        self.line("status=0");
        self.line(format!(
            "(\n    join\n    exec {stays}prlimit{limits} nsenter --target \"$init\" $spaces -- \\\n        \
             env -i {} \"$capsh\" \\\n        \
             --chroot=\"$dir/root\"{rights} \\\n        \
             --shell=\"$program\" -- \"$@\"\n) || status=$?\nexit $status",
            env.join(" "),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_taken_as_they_are() {
        assert_eq!(quoted("/bin/sh"), "/bin/sh");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
