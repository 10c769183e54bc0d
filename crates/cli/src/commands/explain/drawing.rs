//! The tree of `explain`: what a container is made of, for a person.

use std::path::{Path, PathBuf};

use engine::{Control, Explanation, Mounted, Rights, Space, Use, Whose};

use super::networks::networks;
use crate::human::binary_size;
use crate::tree::Tree;

/// Draws everything.
pub(super) fn draw(explanation: &Explanation) -> Tree {
    let id = explanation.id.get(..12).unwrap_or(&explanation.id);
    let mut tree = Tree::new(format!(
        "{} ({id}): {}",
        explanation.name, explanation.status
    ));
    tree.leaf(format!("made from {}", explanation.image));
    tree.node(process(explanation));
    tree.branch(namespaces(explanation));
    if let Some(control) = &explanation.cgroup {
        tree.branch(cgroup(control));
    }
    tree.branch(networks(explanation));
    tree.branch(root(explanation));
    tree.branch(mounts(&explanation.mounts));
    let mut paths = |heading: &str, list: &[PathBuf]| {
        let mut branch = Tree::new(heading);
        let names: Vec<String> = list.iter().map(|path| path.display().to_string()).collect();
        branch.words(names.iter().map(String::as_str));
        tree.branch(branch);
    };
    paths(
        "hidden paths, where the kernel has them",
        &explanation.masked_paths,
    );
    paths("read-only paths", &explanation.readonly_paths);
    paths("devices it was given", &explanation.devices);
    if let Some(rights) = &explanation.rights {
        tree.branch(self::rights(rights));
    }
    tree.leaf(format!("output goes to {}", explanation.log));
    tree
}

fn process(explanation: &Explanation) -> Tree {
    let command = explanation.command.join(" ");
    let Some(pid) = explanation.pid else {
        return Tree::new(format!("would run {command}"));
    };
    let mut tree = Tree::new(format!("process {pid}: {command}"));
    if let Some(monitor) = &explanation.monitor {
        let memory = monitor.private_memory.map(binary_size);
        let memory = memory.map(|size| format!(", which has {size} of memory for itself"));
        tree.leaf(format!(
            "child of its monitor, process {}{}",
            monitor.pid,
            memory.unwrap_or_default()
        ));
    }
    tree
}

fn namespaces(explanation: &Explanation) -> Tree {
    let mut tree = Tree::new("namespaces");
    for space in &explanation.namespaces {
        let mut node = Tree::new(format!("{:6} {}  {}", space.kind, space.id, whose(space)));
        match (space.kind, &explanation.id_maps) {
            ("user", Some(maps)) if space.whose == Whose::Container => {
                node.branch(id_map("users", &maps.users));
                node.branch(id_map("groups", &maps.groups));
            }
            ("net", _) if space.whose == Whose::Container => {
                let devices = explanation.network_devices.join(" ");
                node.leaf(format!("devices: {devices}"));
                let rates = &explanation.network_rates;
                let limits = [("receives", rates.limit_in()), ("sends", rates.limit_out())];
                for (what, limit) in limits {
                    if let Some(rate) = limit {
                        node.leaf(format!("{what} at most {rate} on each"));
                    }
                }
            }
            _ => {}
        }
        tree.node(node);
    }
    tree
}

fn whose(space: &Space) -> String {
    match (space.whose, space.shared_with.as_slice()) {
        (Whose::Host, _) => "the host's".to_owned(),
        (Whose::Container, []) => "its own".to_owned(),
        (Whose::Container, others) => format!("shared with {}", others.join(", ")),
    }
}

fn id_map(heading: &str, lines: &[String]) -> Tree {
    let mut tree = Tree::new(heading);
    for line in lines {
        let numbers: Vec<u64> = line.split(' ').filter_map(|n| n.parse().ok()).collect();
        if let [inside, outside, size] = numbers[..] {
            let last = (inside + size).saturating_sub(1);
            tree.leaf(format!(
                "{inside} to {last} are {outside} to {} on the host",
                outside + (last - inside)
            ));
        }
    }
    tree
}

fn cgroup(control: &Control) -> Tree {
    let mut tree = Tree::new("cgroup");
    if let Some(unit) = &control.unit {
        tree.leaf(format!("systemd's unit {unit}"));
    }
    let mut bare = Vec::new();
    for directory in &control.directories {
        let kind = match directory.controllers.as_slice() {
            [] => "version 2".to_owned(),
            controllers => controllers.join(", "),
        };
        let mut node = Tree::new(format!("{} ({kind})", directory.path.display()));
        settings(&mut node, control, &directory.path);
        match node.is_bare() && control.directories.len() > 1 {
            true => bare.push(kind),
            false => tree.node(node),
        }
    }
    if !bare.is_empty() {
        tree.leaf(format!("likewise, without limits: {}", bare.join(", ")));
    }
    match &control.devices {
        Some(devices) => {
            let mut node = Tree::new("devices that may be used");
            let devices: Vec<String> = devices.iter().map(|rule| format!("{rule};")).collect();
            node.words(devices.iter().map(String::as_str));
            tree.branch(node);
        }
        None => tree.leaf("which devices may be used, a program in the kernel decides"),
    }
    if let Some(used) = &control.used {
        tree.branch(use_of(used));
    }
    tree
}

/// The files of one directory that were written.
fn settings(tree: &mut Tree, control: &Control, directory: &Path) {
    for setting in &control.settings {
        let Ok(file) = setting.file.strip_prefix(directory) else {
            continue;
        };
        let (file, written) = (file.display(), readable(&setting.written));
        tree.leaf(match &setting.value {
            Some(value) if *value != setting.written => {
                format!("{file} = {written}, and stands at {value:?}")
            }
            _ => format!("{file} = {written}"),
        });
    }
}

/// A value, with its size in words when it is a number of bytes that nobody counts.
fn readable(value: &str) -> String {
    match value.parse::<u64>() {
        Ok(bytes) if bytes >= 1 << 20 => format!("{value} ({})", binary_size(bytes)),
        _ => value.to_owned(),
    }
}

fn use_of(used: &Use) -> Tree {
    let mut tree = Tree::new("use");
    tree.leaf(format!(
        "memory: {}, at most {} so far",
        binary_size(used.memory),
        binary_size(used.memory_peak)
    ));
    let (seconds, ms) = (used.cpu / 1_000_000_000, used.cpu / 1_000_000 % 1000);
    tree.leaf(format!(
        "processor: {seconds}.{ms:03} s, stopped {} times for its quota",
        used.cpu_throttled_periods
    ));
    tree.leaf(format!("tasks: {}", used.pids));
    let [read, written] = used.block.map(binary_size);
    tree.leaf(format!("block devices: {read} read, {written} written"));
    let pressures = [
        ("processor", used.cpu_pressure),
        ("memory", used.memory_pressure),
        ("block devices", used.block_pressure),
    ];
    let mut waited =
        Tree::new("pressure: share of the last 10 seconds in which some waited, all waited");
    for (name, pressure) in pressures {
        if let Some(pressure) = pressure {
            waited.leaf(format!(
                "{name}: {:.2} %, {:.2} %",
                pressure.some.avg10, pressure.full.avg10
            ));
        }
    }
    tree.branch(waited);
    tree
}

fn root(explanation: &Explanation) -> Tree {
    let mut tree = Tree::new("root");
    for part in &explanation.root {
        let mut node = Tree::new(part.target.display().to_string());
        for layer in &part.layers {
            let kind = if layer.writable { "writes" } else { "reads " };
            node.leaf(format!("{kind} {}", layer.path.display()));
        }
        tree.node(node);
    }
    tree
}

fn mounts(mounts: &[Mounted]) -> Tree {
    let mut tree = Tree::new("mounts");
    for mount in mounts {
        let from = match (&mount.volume, &mount.source) {
            (Some(name), Some(source)) => format!("volume {name} at {}", source.display()),
            (None, Some(source)) if mount.kind == "bind" => format!("bind {}", source.display()),
            _ => mount.kind.clone(),
        };
        let options = mount.options.iter().filter(|option| !is_binding(option));
        let options: Vec<&str> = options.map(String::as_str).collect();
        let options = match options.is_empty() {
            true => String::new(),
            false => format!(" ({})", options.join(",")),
        };
        tree.leaf(format!("{}: {from}{options}", mount.target.display()));
    }
    tree
}

fn is_binding(option: &str) -> bool {
    matches!(option, "bind" | "rbind")
}

fn rights(rights: &Rights) -> Tree {
    let mut tree = Tree::new("rights");
    let groups: Vec<String> = rights.groups.iter().map(ToString::to_string).collect();
    let further = match groups.is_empty() {
        true => String::new(),
        false => format!(", further groups {}", groups.join(" ")),
    };
    tree.leaf(format!(
        "user {}, group {}{further}",
        rights.user, rights.group
    ));
    let all = runtime::capabilities::all().len();
    let short = |names: &[String]| -> Vec<String> {
        let bare = names.iter().map(|name| name.trim_start_matches("CAP_"));
        bare.map(str::to_lowercase).collect()
    };
    let capabilities = &rights.capabilities;
    list(
        &mut tree,
        format!("has {} of {all} capabilities", capabilities.len()),
        &short(capabilities),
    );
    if rights.bounding != *capabilities {
        let heading = "may get from a file that gives them";
        list(&mut tree, heading.to_owned(), &short(&rights.bounding));
    }
    calls(&mut tree, rights);
    if rights.no_new_privileges {
        tree.leaf("gets no further rights from any file (no_new_privs)");
    }
    if let Some(profile) = &rights.apparmor {
        tree.leaf(format!("AppArmor profile {profile}"));
    }
    for limit in &rights.rlimits {
        let name = limit.kind.trim_start_matches("RLIMIT_").to_lowercase();
        tree.leaf(format!(
            "limit {name}: {}, at most {}",
            limit.soft, limit.hard
        ));
    }
    if let Some(score) = rights.oom_score_adj.filter(|score| *score != 0) {
        tree.leaf(format!("rank {score} when memory runs out"));
    }
    tree
}

/// What a denied call leads to.
fn consequence(action: &str) -> &'static str {
    match action {
        "SCMP_ACT_ERRNO" => ", which fail",
        "SCMP_ACT_TRAP" => ", which raise SIGSYS",
        "SCMP_ACT_KILL_PROCESS" => ", which kill the process",
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => ", which kill the thread",
        _ => "",
    }
}

fn calls(tree: &mut Tree, rights: &Rights) {
    let Some(calls) = &rights.system_calls else {
        tree.leaf("may make all system calls");
        return;
    };
    let then = rights.denied_by.as_deref().map_or("", consequence);
    let heading = format!("may not make {} system calls{then}", calls.denied.len());
    list(tree, heading, &calls.denied);
    let heading = format!(
        "may make {} depending on their arguments",
        calls.conditional.len()
    );
    list(tree, heading, &calls.conditional);
    tree.leaf(format!("may make {} system calls", calls.allowed.len()));
}

fn list(tree: &mut Tree, heading: String, names: &[String]) {
    let mut node = Tree::new(heading);
    node.words(names.iter().map(String::as_str));
    tree.branch(node);
}
