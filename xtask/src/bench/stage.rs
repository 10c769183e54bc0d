//! What every case stands on: the programs of ours, built for release; a root directory of one
//! static program; an OCI bundle of it; a place for the engines' states. All of it is one
//! directory, which goes at the end with everything in it.

use std::cell::OnceCell;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::mount::UnmountFlags;
use serde_json::{Value, json};

use super::dockerd::Dockerd;
use super::engines::{self, Engine};
use super::subject::{CommandLine, PREFIX, container_name};
use crate::{cargo, packages};

/// What a supervisor may take to clean up after its container.
const LEAVING_TIME: Duration = Duration::from_secs(5);

/// The stage of one benchmark.
pub(super) struct Stage {
    directory: PathBuf,
    pub(super) wharf: PathBuf,
    pub(super) floor: PathBuf,
    /// Programs that take the place of the installed ones.
    peers: Vec<(String, PathBuf)>,
    filtered: OnceCell<Result<PathBuf, String>>,
    podman: OnceCell<Result<Engine, String>>,
    dockerd: OnceCell<Result<Dockerd, String>>,
    docker: OnceCell<Result<Engine, String>>,
}

impl Stage {
    pub(super) fn make(peers: &[(String, PathBuf)]) -> Result<Self, String> {
        println!("building wharf and the floor for release");
        let wharf = cargo::release_program("wharf", "wharf")?;
        let floor = cargo::release_program("xtask", "floor")?;
        let busybox = packages::find("busybox")
            .ok_or("bench needs a static busybox (Debian's package busybox-static)")?;
        let directory = std::env::temp_dir().join(format!("{PREFIX}-{}", std::process::id()));
        let stage = Stage {
            directory,
            wharf,
            floor,
            peers: peers.to_vec(),
            filtered: OnceCell::new(),
            podman: OnceCell::new(),
            dockerd: OnceCell::new(),
            docker: OnceCell::new(),
        };
        stage
            .furnish(&busybox)
            .map_err(|error| format!("cannot furnish {}: {error}", stage.directory.display()))?;
        let program = CommandLine::new(["chroot".as_ref(), stage.rootfs().as_os_str()]);
        let outcome = program.and(["/bin/true"]).time();
        outcome.map_err(|why| format!("{} is not static: {why}", busybox.display()))?;
        Ok(stage)
    }

    fn furnish(&self, busybox: &Path) -> std::io::Result<()> {
        let root = self.rootfs();
        for name in ["bin", "dev", "etc", "proc", "sys", "tmp", "usr"] {
            fs::create_dir_all(root.join(name))?;
        }
        fs::copy(busybox, root.join("bin/busybox"))?;
        for name in ["head", "sh", "sleep", "true", "yes"] {
            symlink("busybox", root.join("bin").join(name))?;
        }
        // systemd-nspawn takes nothing else for the root of a system.
        fs::write(root.join("etc/os-release"), "ID=bench\n")?;
        write_bundle(&self.bundle(), &config(&root, &["/bin/true"]))?;
        let sleep = ["/bin/sleep", "100000"];
        write_bundle(&self.sleeper(), &config(&root, &sleep))
    }

    /// A peer's program.
    pub(super) fn peer(&self, name: &str) -> Result<CommandLine, String> {
        let named = self.peers.iter().find(|(peer, _)| peer == name);
        let program = match named {
            Some((_, path)) => path.clone(),
            None => packages::find(name).ok_or("is not installed")?,
        };
        Ok(CommandLine::new([program]))
    }

    /// The root directory of every container but the built-in image's.
    pub(super) fn rootfs(&self) -> PathBuf {
        self.directory.join("rootfs")
    }

    /// The OCI bundle that runs `true`.
    pub(super) fn bundle(&self) -> PathBuf {
        self.directory.join("bundle")
    }

    /// The OCI bundle that runs until it is killed.
    pub(super) fn sleeper(&self) -> PathBuf {
        self.directory.join("sleeper")
    }

    /// The OCI bundle that runs `true` behind Docker's default filter, or why there is none.
    pub(super) fn filtered_bundle(&self) -> Result<PathBuf, String> {
        let made = self.filtered.get_or_init(|| {
            let mut config = config(&self.rootfs(), &["/bin/true"]);
            config["linux"]["seccomp"] = engines::default_filter(self)?;
            let bundle = self.directory.join("filtered");
            let written = write_bundle(&bundle, &config);
            written.map_err(|error| format!("cannot write {}: {error}", bundle.display()))?;
            Ok(bundle)
        });
        made.clone()
    }

    /// Where an engine keeps its state.
    pub(super) fn state(&self, engine: &str) -> PathBuf {
        self.directory.join("state").join(engine)
    }

    /// Podman with the benchmark's image, or why not.
    pub(super) fn podman(&self) -> Result<Engine, String> {
        let made = self.podman.get_or_init(|| engines::podman(self));
        made.clone()
    }

    /// Docker with the benchmark's image, or why not.
    pub(super) fn docker(&self) -> Result<Engine, String> {
        let made = self.docker.get_or_init(|| engines::docker(self));
        made.clone()
    }

    /// The benchmark's own dockerd, or why there is none.
    pub(super) fn dockerd(&self) -> Result<&Dockerd, String> {
        let made = self.dockerd.get_or_init(|| {
            let directory = self.state("docker");
            fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
            Dockerd::start(self, &directory)
        });
        made.as_ref().map_err(Clone::clone)
    }

    /// The root directory as a tar file, for the engines that run images only.
    pub(super) fn archive(&self) -> Result<PathBuf, String> {
        let archive = self.directory.join("rootfs.tar");
        let tar = CommandLine::new(["tar", "--create", "--file"]);
        tar.and([&archive])
            .and(["--directory"])
            .and([self.rootfs()])
            .and(["."])
            .time()?;
        Ok(archive)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Its files are on the stage.
        drop(self.dockerd.take());
        for mount in mounts_below(&self.directory) {
            rustix::mount::unmount(&mount, UnmountFlags::DETACH).ok();
        }
        for cgroup in cgroups_of_ours() {
            remove_cgroup(&cgroup);
        }
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("xtask: cannot remove {}: {error}", self.directory.display());
        }
    }
}

fn write_bundle(bundle: &Path, config: &Value) -> std::io::Result<()> {
    fs::create_dir_all(bundle)?;
    fs::write(bundle.join("config.json"), format!("{config:#}\n"))
}

/// Mount points below the directory, the latest first: some engines leave their storage mounted.
fn mounts_below(directory: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let mut found: Vec<PathBuf> = points.map(PathBuf::from).collect();
    found.retain(|point| point.starts_with(directory));
    found.reverse();
    found
}

/// Cgroups that an engine left behind, at the top of any hierarchy.
fn cgroups_of_ours() -> Vec<PathBuf> {
    let top = directories_in(Path::new("/sys/fs/cgroup"));
    let below = top.iter().flat_map(|hierarchy| directories_in(hierarchy));
    let mut found: Vec<PathBuf> = below.chain(top.clone()).collect();
    let own = container_name("");
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&own)
    });
    found
}

/// Removes a cgroup and those in it, as soon as the last supervisor has left it.
fn remove_cgroup(path: &Path) {
    // conmon makes directories, with files, where no hierarchy is mounted.
    if fs::remove_dir_all(path).is_ok() {
        return;
    }
    for inner in directories_in(path) {
        remove_cgroup(&inner);
    }
    let deadline = Instant::now() + LEAVING_TIME;
    while fs::remove_dir(path).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) {
        if Instant::now() > deadline {
            eprintln!("xtask: somebody stays in the cgroup {}", path.display());
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn directories_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).ok().into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}

/// The configuration that `runc spec` writes, with every namespace but the user's, without a
/// terminal and without rules for devices (on cgroup v2 some runtimes raise a limit for these that
/// a root without CAP_SYS_RESOURCE cannot). The floor makes the same.
fn config(root: &Path, program: &[&str]) -> Value {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"];
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": program,
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": true,
        },
        "root": {"path": root, "readonly": true},
        "hostname": "bench",
        "mounts": mounts(),
        "linux": {
            "namespaces": namespaces.map(|kind| json!({"type": kind})),
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
                "/proc/scsi",
            ],
            "readonlyPaths": [
                "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
            ],
        },
    })
}

fn mounts() -> Value {
    let mount = |destination: &str, kind: &str, options: &str| {
        let options: Vec<&str> = options.split(',').collect();
        json!({"destination": destination, "type": kind, "source": kind, "options": options})
    };
    let pts = "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5";
    json!([
        mount("/proc", "proc", "nosuid,noexec,nodev"),
        mount("/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        mount("/dev/pts", "devpts", pts),
        mount(
            "/dev/shm",
            "tmpfs",
            "nosuid,noexec,nodev,mode=1777,size=65536k"
        ),
        mount("/dev/mqueue", "mqueue", "nosuid,noexec,nodev"),
        mount("/sys", "sysfs", "nosuid,noexec,nodev,ro"),
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "nosuid,noexec,nodev,relatime,ro"
        ),
    ])
}
