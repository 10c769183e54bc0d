//! What CRIU is asked for, with the numbers of its fields.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::wire::Message;

/// How cgroups are written down and made again (`--manage-cgroups-mode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CgroupsMode {
    /// They are left alone.
    Ignore = 0,
    /// Groups that are gone are made; those that stand keep their settings.
    #[default]
    Soft = 3,
    /// All are made with their settings.
    Full = 4,
    /// As full, and none may stand already.
    Strict = 5,
}

/// What `checkpoint` and `restore` can ask of CRIU.
#[derive(Debug, Default)]
pub struct Options {
    /// The directory of the images.
    pub images: PathBuf,
    /// Where the log is written; beside the images when it is not given.
    pub work: Option<PathBuf>,
    /// Earlier images, relative to the directory, of which only what changed is written.
    pub parent: Option<PathBuf>,
    /// The container goes on.
    pub leave_running: bool,
    /// Connections of TCP are kept.
    pub tcp_established: bool,
    /// Connections that are being made are left out.
    pub tcp_skip_in_flight: bool,
    /// Files without a name are given one.
    pub link_remap: bool,
    /// Unix sockets may lead out of the container.
    pub ext_unix_sk: bool,
    /// The session and its terminal may be the caller's.
    pub shell_job: bool,
    /// Locks of files are kept.
    pub file_locks: bool,
    /// Memory is only written when it is asked for.
    pub lazy_pages: bool,
    /// Gets a null byte when memory can be asked for.
    pub status_fd: Option<OwnedFd>,
    /// Address and port of the server that takes the memory.
    pub page_server: Option<(String, u16)>,
    /// Only memory is written, and the container goes on.
    pub pre_dump: bool,
    /// Memory that newer images have is freed in older ones.
    pub auto_dedup: bool,
    /// How cgroups are treated.
    pub cgroups: CgroupsMode,
    /// The network namespace is made, but not what is in it.
    pub empty_network: bool,
    /// The profile of a security module, `TYPE:NAME`.
    pub lsm_profile: Option<String>,
    /// The label that mounts get.
    pub lsm_mount_context: Option<String>,
}

/// A kind of request or of response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dump = 1,
    Restore = 2,
    PreDump = 4,
    Notify = 6,
}

/// A request to dump or to restore, on its way into a message.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    options: Message,
}

/// The flag of a network namespace (clone(2)).
const CLONE_NEWNET: i64 = 0x4000_0000;

impl Request {
    /// The fields that both have. `images` and `work` are descriptors of this process.
    pub(crate) fn new(
        kind: Kind,
        wanted: &Options,
        images: BorrowedFd<'_>,
        work: Option<BorrowedFd<'_>>,
    ) -> Self {
        let mut options = Message::default();
        options
            .number(1, images.as_raw_fd().into())
            .number(9, 4)
            .text(10, log_name(kind))
            .flag(4, wanted.ext_unix_sk)
            .flag(5, wanted.tcp_established)
            .flag(7, wanted.shell_job)
            .flag(8, wanted.file_locks)
            .flag(12, true)
            .flag(16, wanted.auto_dedup)
            .flag(24, true)
            .number(34, wanted.cgroups as i64)
            .flag(48, wanted.lazy_pages)
            .flag(50, true);
        if let Some(work) = work {
            options.number(17, work.as_raw_fd().into());
        }
        if wanted.empty_network {
            options.number(38, CLONE_NEWNET);
        }
        Self { kind, options }
    }

    /// The fields of a dump of the process `pid`.
    pub(crate) fn of_dump(&mut self, wanted: &Options, pid: i32) {
        self.options
            .number(2, pid.into())
            .flag(3, wanted.leave_running)
            .flag(18, wanted.link_remap)
            .flag(46, wanted.tcp_skip_in_flight);
        if let Some(parent) = &wanted.parent {
            self.options.text(14, &parent.to_string_lossy());
        }
        // Pages that change are tracked for the dump that may follow.
        self.options
            .flag(15, wanted.pre_dump || wanted.parent.is_some());
        if let Some((address, port)) = &wanted.page_server {
            let mut server = Message::default();
            server.text(1, address).number(2, (*port).into());
            self.options.message(11, &server);
        }
    }

    /// The fields of a restoration, after which init is our child.
    pub(crate) fn of_restore(&mut self, wanted: &Options) {
        self.options.flag(6, true).flag(26, true);
        if let Some(profile) = &wanted.lsm_profile {
            self.options.text(53, profile);
        }
        if let Some(context) = &wanted.lsm_mount_context {
            self.options.text(63, context);
        }
    }

    /// The root of the container, which for a restoration must be a mount.
    pub(crate) fn root(&mut self, path: &Path) {
        self.options.text(13, &path.to_string_lossy());
    }

    /// CRIU's own settings, which go before these.
    pub(crate) fn config_file(&mut self, path: &str) {
        self.options.text(51, path);
    }

    /// The directory of the freezer that stops the container meanwhile.
    pub(crate) fn freezer(&mut self, directory: &Path) {
        self.options.text(44, &directory.to_string_lossy());
    }

    /// A mount that is found again and not written down.
    pub(crate) fn external_mount(&mut self, key: &Path, value: &Path) {
        let mut map = Message::default();
        map.text(1, &key.to_string_lossy())
            .text(2, &value.to_string_lossy());
        self.options.message(23, &map);
    }

    /// Anything else that is not the container's own: `net[4026532281]:extRootNetNS`.
    pub(crate) fn external(&mut self, what: &str) {
        self.options.text(37, what);
    }

    /// A descriptor that CRIU inherits and that takes the place of `key`.
    pub(crate) fn inherited(&mut self, key: &str, fd: BorrowedFd<'_>) {
        let mut map = Message::default();
        map.text(1, key).number(2, fd.as_raw_fd().into());
        self.options.message(27, &map);
    }

    /// Where the container's cgroup of these controllers is now.
    pub(crate) fn cgroup_root(&mut self, controllers: &str, path: &str) {
        let mut root = Message::default();
        root.text(1, controllers).text(2, path);
        self.options.message(25, &root);
    }

    /// The bytes of the request.
    pub(super) fn message(&self) -> Message {
        let mut request = Message::default();
        request
            .number(1, self.kind as i64)
            .message(2, &self.options);
        request
    }
}

/// What CRIU calls its log.
pub(crate) fn log_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Restore => "restore.log",
        _ => "dump.log",
    }
}
