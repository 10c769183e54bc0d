//! The part of the script that builds the root: layers, mounts, devices, hidden paths.

use std::path::Path;

use engine::RootPart;
use spec::runtime::{Mount, NamespaceType};

use super::{Script, quoted};

/// With the container's ids, or without.
const MAPPED: &str = include_str!("mapped.sh");
const PLAIN: &str = include_str!("plain.sh");

/// Devices that every container has, and the links beside them.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

impl Script<'_> {
    /// Everything below the root, up to its program.
    pub(super) fn mounts(&mut self) {
        match self.is_mapped() {
            true => self.text.push_str(MAPPED),
            false => {
                self.text.push_str(PLAIN);
                let word = if self.is_of_user() { "userxattr" } else { "rw" };
                self.line(format!("attributes={word}"));
            }
        }
        self.heading("The root: layers, and a fresh one above them.");
        self.line("outside mount --make-rprivate /");
        let owner = if self.is_of_user() {
            ""
        } else {
            ",uid=$first,gid=$first"
        };
        self.line(format!(
            "outside mount -t tmpfs -o mode=755{owner} tmpfs \"$dir\""
        ));
        self.line("inside mkdir \"$dir/root\"");
        for (at, part) in self.explanation.root.iter().enumerate() {
            self.part(at, part);
        }
        self.heading("Its mounts.");
        for mount in self.config.mounts.iter().skip(self.explanation.root.len()) {
            self.mount(mount);
        }
        self.devices();
        self.sysctls();
        let linux = self.config.linux.clone().unwrap_or_default();
        let lists = [
            ("hide", linux.masked_paths),
            ("protect", linux.readonly_paths),
        ];
        for (verb, paths) in lists {
            for path in paths {
                self.line(format!("{verb} {}", shown(&path)));
            }
        }
        if self.config.root.as_ref().is_some_and(|root| root.readonly) {
            self.line("outside mount -o remount,bind,ro \"$dir/root\"");
        }
    }

    /// An overlay, with layers of its own in the order of their numbers, or a directory.
    fn part(&mut self, at: usize, part: &RootPart) {
        let target = match part.target.to_str() {
            Some("/") | None => String::new(),
            Some(target) => quoted(target),
        };
        if let [directory] = part.layers.as_slice() {
            let path = shown(&directory.path);
            self.line(format!("mapped {path} \"$dir/root\"{target}"));
            return;
        }
        let layers = part.layers.iter().enumerate();
        let names: Vec<String> = layers.map(|(layer, _)| format!("{at}.{layer}")).collect();
        self.line(format!(
            "(cd \"$dir\"; inside sh -c 'cd \"$1\" && shift && mkdir \"$@\"' - \"$dir\" {at}.upper {at}.work {})",
            names.join(" ")
        ));
        for (name, layer) in names.iter().zip(&part.layers) {
            self.line(format!("mapped {} \"$dir/{name}\"", shown(&layer.path)));
        }
        self.line(format!(
            "overlay \"$dir/root\"{target} {} {at}.upper {at}.work",
            names.join(":")
        ));
    }

    fn mount(&mut self, mount: &Mount) {
        let target = shown(&mount.destination);
        let has = |word: &str| mount.options.iter().any(|option| option == word);
        if has("bind") || has("rbind") {
            let source = shown(mount.source.as_deref().unwrap_or(Path::new("/")));
            self.line(format!("place {target} {source}"));
            let verb = match has("idmap") {
                true => "mapped",
                false => "outside mount --rbind",
            };
            self.line(format!("{verb} {source} \"$dir/root\"{target}"));
            self.bind_options(mount, &target);
            return;
        }
        self.line(format!("place {target}"));
        let kind = mount.kind.as_deref().unwrap_or_default();
        if kind == "cgroup" {
            self.cgroups(mount, &target);
            return;
        }
        let options = quoted(&mount.options.join(","));
        let options = match mount.options.is_empty() {
            true => String::new(),
            false => format!(" -o {options}"),
        };
        self.line(format!(
            "inside mount -t {kind}{options} {kind} \"$dir/root\"{target}"
        ));
    }

    fn bind_options(&mut self, mount: &Mount, target: &str) {
        let words = mount.options.iter().map(String::as_str);
        let flags: Vec<&str> = words
            .filter_map(|word| match word {
                "ro" | "rro" => Some("ro"),
                "nosuid" | "nodev" | "noexec" => Some(word),
                _ => None,
            })
            .collect();
        if !flags.is_empty() {
            let flags = flags.join(",");
            self.line(format!(
                "outside mount -o remount,bind,{flags} \"$dir/root\"{target}"
            ));
        }
        let spreads = ["rshared", "shared", "rslave", "slave"];
        let spread = mount.options.iter().find(|o| spreads.contains(&o.as_str()));
        if let Some(spread) = spread {
            self.line(format!(
                "outside mount --make-{spread} \"$dir/root\"{target}"
            ));
        }
    }

    /// The cgroup as the container sees it: its own directories, bound from the host's.
    fn cgroups(&mut self, mount: &Mount, target: &str) {
        if self.explanation.cgroup.is_some() && !self.has_own(NamespaceType::Cgroup) {
            self.line(format!("# {target} shows the host's cgroups"));
            return;
        }
        let is_read = mount.options.iter().any(|option| option == "ro");
        let flags = if is_read { "ro," } else { "" };
        let flags = format!("{flags}nosuid,noexec,nodev");
        let control = self.explanation.cgroup.as_ref();
        let directories = control.map_or(&[][..], |control| &control.directories);
        if let [only] = directories
            && only.controllers.is_empty()
        {
            self.bound(&only.path, target, &flags);
            return;
        }
        self.line(format!(
            "inside mount -t tmpfs -o mode=755 tmpfs \"$dir/root\"{target}"
        ));
        for directory in directories {
            let hierarchy = directory.path.strip_prefix("/sys/fs/cgroup").ok();
            let hierarchy = hierarchy.and_then(|path| path.iter().next()?.to_str());
            if let Some(hierarchy) = hierarchy.map(quoted) {
                let place = format!("{target}/{hierarchy}");
                self.line(format!("place {place}"));
                self.bound(&directory.path, &place, &flags);
            }
        }
        self.line(format!(
            "inside mount -o remount,bind,{flags} \"$dir/root\"{target}"
        ));
    }

    /// The script's own cgroup beside that of the container, at a place of the container.
    fn bound(&mut self, directory: &Path, place: &str, flags: &str) {
        let above = shown(directory.parent().unwrap_or(directory));
        self.line(format!(
            "outside mount --bind {above}/$name \"$dir/root\"{place}"
        ));
        self.line(format!(
            "outside mount -o remount,bind,{flags} \"$dir/root\"{place}"
        ));
    }

    fn devices(&mut self) {
        self.heading("Its devices.");
        let linux = self.config.linux.clone().unwrap_or_default();
        let usual = DEVICES.map(|name| format!("/dev/{name}"));
        let given = linux.devices.iter().map(|device| shown(&device.path));
        for path in usual.into_iter().chain(given) {
            self.line(format!("device {path}"));
        }
        for (to, name) in LINKS {
            self.line(format!("inside ln -sf {to} \"$dir/root\"/dev/{name}"));
        }
    }

    fn sysctls(&mut self) {
        let linux = self.config.linux.clone().unwrap_or_default();
        for (name, value) in &linux.sysctl {
            let path = name.replace('.', "/");
            self.line(format!(
                "inside sh -c 'echo \"$1\" > \"$2\"' - {} \"$dir/root\"/proc/sys/{path}",
                quoted(value)
            ));
        }
    }
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}
