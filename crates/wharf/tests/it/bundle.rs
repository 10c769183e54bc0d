//! An OCI bundle over the host's programs, and `wharf oci` with a root of its own.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Outcome, Wharf};

/// A bundle that can be changed until it is used.
pub(crate) struct Bundle {
    wharf: Wharf,
    /// The container's id, which names its cgroup too; tests say `box`.
    pub(crate) id: String,
    pub(crate) config: Value,
}

impl Bundle {
    /// What `wharf oci spec` writes, without a terminal, over a root that shows the host's `/usr`.
    pub(crate) fn new(args: &[&str]) -> Self {
        Self::with(Wharf::new(), &[], args)
    }

    /// The same for an ordinary user.
    pub(crate) fn of_user(user: u32, args: &[&str]) -> Self {
        Self::with(Wharf::of_user(user), &["--rootless"], args)
    }

    fn with(wharf: Wharf, options: &[&str], args: &[&str]) -> Self {
        let rootfs = wharf.path("bundle/rootfs");
        std::fs::create_dir_all(rootfs.join("usr")).unwrap();
        for (link, target) in [
            ("bin", "usr/bin"),
            ("lib", "usr/lib"),
            ("lib64", "usr/lib64"),
        ] {
            std::os::unix::fs::symlink(target, rootfs.join(link)).unwrap();
        }
        wharf.give_away("bundle");
        let bundle = wharf.path("bundle");
        let words = ["oci", "spec", "--bundle", bundle.to_str().unwrap()];
        wharf.ok(&[&words[..], options].concat());
        let text = std::fs::read_to_string(bundle.join("config.json")).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(args);
        let usr = json!({"destination": "/usr", "type": "bind", "source": "/usr",
            "options": ["rbind", "ro"]});
        config["mounts"].as_array_mut().unwrap().insert(0, usr);
        let id = wharf
            .path("")
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Self { wharf, id, config }
    }

    /// Gives the container a user namespace with 65,536 ids of the host from 700,000 on, and the
    /// mount points that its root cannot make in a directory of the host's root.
    pub(crate) fn with_user_namespace(&mut self) {
        for name in ["proc", "dev", "sys"] {
            std::fs::create_dir_all(self.path("rootfs").join(name)).unwrap();
        }
        let namespaces = self.config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.push(json!({"type": "user"}));
        let map = json!([{"containerID": 0, "hostID": 700_000, "size": 65_536}]);
        self.config["linux"]["uidMappings"] = map.clone();
        self.config["linux"]["gidMappings"] = map;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.wharf.path("bundle").join(name)
    }

    /// `wharf oci` with global options, ready for a verb.
    pub(crate) fn command(&self) -> Command {
        let text = serde_json::to_vec(&self.config).unwrap();
        // Another command may be reading it.
        if std::fs::read(self.path("config.json")).unwrap() != text {
            std::fs::write(self.path("config.json"), text).unwrap();
        }
        let mut command = self.wharf.command();
        command.arg("oci").arg("--root").arg(self.wharf.path("oci"));
        command.current_dir(self.path(""));
        command
    }

    /// The words of a command line, with the container's id for `box`.
    pub(crate) fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let id = |word: &&'a str| {
            if *word == "box" {
                self.id.as_str()
            } else {
                *word
            }
        };
        words.iter().map(id).collect()
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        self.command()
            .args(self.words(words))
            .output()
            .unwrap()
            .into()
    }

    /// Runs a verb that must succeed; gives back its output without the last line feed.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let outcome = self.run(words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout.trim_end_matches('\n').to_owned()
    }

    /// Runs a verb in new namespaces of the host's side, as `unshare` is told, between two scripts.
    pub(crate) fn run_unshared(
        &self,
        options: &[&str],
        around: [&str; 2],
        words: &[&str],
    ) -> Outcome {
        let mut command = self.command();
        command.args(self.words(words));
        let script = format!(
            "set -e; {}; set +e; \"$@\"; code=$?; {}; exit $code",
            around[0], around[1]
        );
        Command::new("unshare")
            .args(options)
            .args(["sh", "-c", &script, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(self.path(""))
            .output()
            .unwrap()
            .into()
    }

    /// Runs the bundle; gives back the program's output.
    pub(crate) fn output(&self) -> String {
        self.ok(&["run", "box"])
    }

    /// Runs a verb that must fail; gives back its words.
    pub(crate) fn fails(&self, words: &[&str]) -> String {
        let outcome = self.run(words);
        assert_ne!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stderr
    }

    /// A value of the container's state.
    pub(crate) fn state(&self, key: &str) -> Value {
        let state: Value = serde_json::from_str(&self.ok(&["state", "box"])).unwrap();
        state[key].clone()
    }

    /// Runs a verb whose container keeps its streams: they are nobody's. Whether it succeeded.
    pub(crate) fn quietly(&self, words: &[&str]) -> bool {
        let null = std::process::Stdio::null;
        let mut command = self.command();
        command.args(self.words(words)).stdin(null()).stdout(null());
        command.stderr(null()).status().unwrap().success()
    }

    /// Creates the container in the background: its streams are not ours to wait for.
    pub(crate) fn create(&self) {
        assert!(self.quietly(&["create", "box"]));
    }

    /// A container whose program sleeps, running.
    pub(crate) fn sleeping() -> Self {
        let bundle = Self::new(&["sleep", "1000"]);
        bundle.create();
        bundle.ok(&["start", "box"]);
        bundle
    }

    /// Kills and removes the container; nothing of it may be left.
    pub(crate) fn end(&self) {
        self.ok(&["delete", "--force", "box"]);
        self.assert_nothing_left();
    }

    /// The container's directory in the v1 hierarchy of a controller, or in v2; `None` where this
    /// host has no such hierarchy.
    pub(crate) fn cgroup(&self, controller: &str) -> Option<PathBuf> {
        let mounts = [
            format!("/sys/fs/cgroup/{controller}"),
            "/sys/fs/cgroup".into(),
        ];
        let path = mounts.map(|mount| PathBuf::from(mount).join(&self.id));
        path.into_iter().find(|path| path.exists())
    }

    /// Nothing of any container may be left below the root.
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(self.wharf.entries("oci"), [""; 0]);
        assert!(crate::harness::cgroups_of(&self.id).is_empty());
    }
}

/// A message with its fds.
pub(crate) fn receive(
    socket: &std::os::unix::net::UnixStream,
) -> (Vec<u8>, Vec<std::os::fd::OwnedFd>) {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 4096];
    let mut slices = [std::io::IoSliceMut::new(&mut bytes)];
    let received = recvmsg(socket, &mut slices, &mut ancillary, RecvFlags::empty()).unwrap();
    let messages = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fds = messages.flatten().collect();
    (bytes[..received.bytes].to_vec(), fds)
}
