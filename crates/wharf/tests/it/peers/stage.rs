//! What every engine stands on: a directory, wharf under the name `runc` in it, a root of one
//! static program, a cgroup for all that it starts; and what is left of it goes in the end.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::mount::UnmountFlags;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::harness::{Outcome, is_root, program};

/// The programs of the root, all of them busybox.
const APPLETS: [&str; 9] = [
    "cat", "dd", "echo", "id", "sh", "sleep", "tail", "true", "tty",
];

/// What a daemon may take to answer, and to end.
const DAEMON_TIME: Duration = Duration::from_secs(20);

/// The stage of one engine.
pub(super) struct Stage {
    root: tempfile::TempDir,
}

impl Stage {
    /// A stage for engines with these programs; says so when it cannot be.
    pub(super) fn new(programs: &[&str]) -> Option<Self> {
        if !is_root() {
            return None;
        }
        for name in programs.iter().chain(&["busybox", "script"]) {
            if find(name).is_none() {
                println!("skipped: {name} is not installed");
                return None;
            }
        }
        let mut builder = tempfile::Builder::new();
        let stage = Self {
            // Podman takes no path of more than 50 characters for its run root.
            root: builder.prefix("peer-").tempdir().unwrap(),
        };
        stage.furnish();
        Some(stage)
    }

    fn furnish(&self) {
        for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            std::fs::create_dir_all(self.rootfs().join(name)).unwrap();
        }
        // By a process of its own: a file that is open for writing in ours may be inherited by
        // what another test just starts, and cannot be executed meanwhile.
        let busybox = self.rootfs().join("bin/busybox");
        let copied = Command::new("cp")
            .arg(find("busybox").unwrap())
            .arg(busybox)
            .status();
        assert!(copied.unwrap().success());
        for name in APPLETS {
            let link = self.rootfs().join("bin").join(name);
            std::os::unix::fs::symlink("busybox", link).unwrap();
        }
        std::os::unix::fs::symlink(program(), self.runc()).unwrap();
        self.ok(&[
            "tar".as_ref(),
            "--create".as_ref(),
            "--file".as_ref(),
            self.archive().as_os_str(),
            "--directory".as_ref(),
            self.rootfs().as_os_str(),
            ".".as_ref(),
        ]);
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The same as text, for command lines and configurations.
    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// wharf, called so that it answers as runc does.
    pub(super) fn runc(&self) -> PathBuf {
        self.path("runc")
    }

    pub(super) fn rootfs(&self) -> PathBuf {
        self.path("rootfs")
    }

    /// The root as a tar file.
    pub(super) fn archive(&self) -> PathBuf {
        self.path("rootfs.tar")
    }

    /// The cgroup below which everything is that the engine starts, from the top.
    pub(super) fn cgroup(&self) -> String {
        format!("/{}", self.name())
    }

    fn name(&self) -> &str {
        self.root
            .path()
            .file_name()
            .and_then(OsStr::to_str)
            .unwrap()
    }

    /// Runs a command line that must succeed.
    pub(super) fn ok<W: AsRef<OsStr>>(&self, words: &[W]) -> Outcome {
        let outcome: Outcome = command(words).output().unwrap().into();
        let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome
    }

    /// Starts a daemon in mount and network namespaces of its own, so that its mounts go with it
    /// and its network is nobody's; waits until `socket` is there.
    pub(super) fn daemon(&self, words: &[&str], socket: &str) -> Daemon {
        let log = std::fs::File::create(self.path("daemon.log")).unwrap();
        let child = Command::new("unshare")
            .args(["--mount", "--net"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Daemon { child };
        let watch = self.watch();
        let deadline = Instant::now() + DAEMON_TIME;
        while std::os::unix::net::UnixStream::connect(self.path(socket)).is_err() {
            let ended = daemon.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(self.path("daemon.log"));
                panic!("{words:?} does not answer: {}", log.unwrap_or_default());
            }
            // Something new in the directory, or a socket that is there and listens soon.
            wait_for(&watch, Duration::from_millis(100));
            let _ = rustix::io::read(&watch, &mut [0; 4096]);
        }
        daemon
    }

    /// What tells when something appears in the directory.
    fn watch(&self) -> OwnedFd {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let watch = inotify::init(flags).unwrap();
        inotify::add_watch(&watch, self.root.path(), inotify::WatchFlags::CREATE).unwrap();
        watch
    }
}

/// Waits until there is something to read, or the time is over.
fn wait_for(fd: &OwnedFd, time: Duration) {
    let time = Timespec::try_from(time).unwrap();
    let _ = poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&time));
}

impl Drop for Stage {
    fn drop(&mut self) {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        let mut ours: Vec<&str> = points
            .filter(|point| Path::new(point).starts_with(self.root.path()))
            .collect();
        // The latest first; some storages stay mounted when nobody uses them.
        ours.reverse();
        for point in ours {
            let _ = rustix::mount::unmount(point, UnmountFlags::DETACH);
        }
        let tops = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten();
        for top in tops.flatten().map(|entry| entry.path()) {
            remove_cgroup(&top.join(self.name()));
            // Podman makes directories for hierarchies that are not mounted; this fails for
            // those that are.
            let _ = std::fs::remove_dir(&top);
        }
        remove_cgroup(&Path::new("/sys/fs/cgroup").join(self.name()));
    }
}

/// A cgroup and those below it; what is still in use stays, and is told by whoever looks for what
/// was left behind.
fn remove_cgroup(path: &Path) {
    // Also the files where there is no cgroup file system.
    if std::fs::remove_dir_all(path).is_ok() {
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(path);
}

/// A daemon; dropping it ends it.
pub(super) struct Daemon {
    child: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Ok(pidfd) = pidfd_open(pid.unwrap(), PidfdFlags::empty()) {
            let _ = pidfd_send_signal(&pidfd, Signal::TERM);
            wait_for(&pidfd, DAEMON_TIME);
        }
        // Nothing to kill if it has ended as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command line that reads nothing.
pub(super) fn command<W: AsRef<OsStr>>(words: &[W]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// The same below a terminal of `script`'s making, whose end the caller reads.
pub(super) fn on_a_terminal(words: &[String]) -> Command {
    let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    command(&["script", "-qec", &line.join(" "), "/dev/null"])
}

fn find(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}
