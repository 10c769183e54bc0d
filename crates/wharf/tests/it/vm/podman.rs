//! Podman with wharf as its runtime, and systemd for its cgroups.

use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::machine::{execute, is_here};

#[test]
fn podman_runs_containers_in_scopes() {
    if !is_here() {
        return;
    }
    let directory = std::env::temp_dir();
    let runtime = directory.join("runc");
    std::os::unix::fs::symlink(std::env::var("WHARF_TEST_BINARY").unwrap(), &runtime).unwrap();
    let rootfs = directory.join("rootfs");
    std::fs::create_dir_all(rootfs.join("usr")).unwrap();
    for name in ["bin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), rootfs.join(name)).unwrap();
    }
    let state = directory.join("podman");
    let podman = |words: &[&str]| {
        let options = [
            "--root".to_owned(),
            state.join("root").display().to_string(),
            "--runroot".to_owned(),
            state.join("run").display().to_string(),
            format!("--runtime={}", runtime.display()),
            "--cgroup-manager=systemd".to_owned(),
        ];
        let words = options
            .iter()
            .map(String::as_str)
            .chain(words.iter().copied());
        execute("podman", &words.collect::<Vec<_>>())
    };
    let options = [
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "none",
        "-m",
        "64m",
        "--pids-limit",
        "20",
        "-v",
        "/usr:/usr:ro",
        "--rootfs",
    ];
    let program = [rootfs.to_str().unwrap(), "sleep", "1000"];
    let id = podman(&[&options[..], &program].concat());
    let scope = format!("libpod-{id}.scope");
    let group = format!("/sys/fs/cgroup/machine.slice/{scope}");
    let read = |file: &str| std::fs::read_to_string(format!("{group}/{file}"));
    // Podman's crun puts the container a level below; runc, and so wharf, does not.
    assert_eq!(read("memory.max").unwrap().trim(), (64 << 20).to_string());
    assert_eq!(read("pids.max").unwrap().trim(), "20");
    assert_eq!(podman(&["exec", "web", "cat", "/proc/self/cgroup"]), "0::/");
    podman(&["pause", "web"]);
    assert_eq!(
        podman(&["inspect", "--format", "{{.State.Status}}", "web"]),
        "paused"
    );
    podman(&["unpause", "web"]);
    podman(&["rm", "-f", "-t", "0", "web"]);
    assert_eq!(super::machine::property(&scope, "LoadState"), "not-found");
    wait_for_those_who_clear_up(state.to_str().unwrap());
    // Podman leaves its storage mounted on itself.
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    for point in points.filter(|point| Path::new(point).starts_with(&state)) {
        execute("umount", &[point]);
    }
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::remove_dir_all(&rootfs).unwrap();
    std::fs::remove_file(&runtime).unwrap();
}

/// A container's conmon runs Podman once more when the container has ended: until none of them is
/// left, mounts come back.
fn wait_for_those_who_clear_up(state: &str) {
    let mut waited = true;
    while std::mem::take(&mut waited) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let pid = entry.file_name().to_str().and_then(|n| n.parse().ok());
            let Some(pid) = pid.and_then(Pid::from_raw) else {
                continue;
            };
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if !String::from_utf8_lossy(&line).contains(state) {
                continue;
            }
            if let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) {
                let mut fds = [PollFd::new(&process, PollFlags::IN)];
                poll(&mut fds, None).unwrap();
                waited = true;
            }
        }
    }
}
