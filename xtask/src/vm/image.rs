//! The machine's root: Debian with systemd, made by mmdebstrap and packed into an ext4 image that
//! is cached under a hash of everything it is made from.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::kernel::Kernel;
use super::{execute, make_once};

const SUITE: &str = "bookworm";
const MIRROR: &str = "http://deb.debian.org/debian";
/// Sparse: what is not used takes no room.
const SIZE: &str = "4G";
const FILE_SYSTEM: &[&str] = &["-q", "-t", "ext4"];

/// What the tests use in there.
const PACKAGES: &[&str] = &[
    "apparmor",
    "criu",
    "crun",
    "dbus",
    "dbus-user-session",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "podman",
    "procps",
    "systemd-sysv",
    "udev",
    "uidmap",
    "util-linux",
];

/// Settings of the root. `tester` is somebody who may make cgroups, `guest` somebody who may not.
const SETTINGS: &str = r#"
set -eu
echo wharf-vm > "$1/etc/hostname"
echo '127.0.0.1 localhost wharf-vm' > "$1/etc/hosts"
chroot "$1" useradd --create-home --uid 1000 --shell /bin/bash tester
chroot "$1" useradd --create-home --uid 1001 --shell /bin/bash guest
for file in subuid subgid; do
    printf 'tester:100000:65536\n' > "$1/etc/$file"
done
mkdir -p "$1/var/lib/systemd/linger" "$1/etc/systemd/system/user@.service.d"
touch "$1/var/lib/systemd/linger/tester"
printf '[Service]\nDelegate=cpu cpuset io memory pids\n' \
    > "$1/etc/systemd/system/user@.service.d/delegate.conf"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer systemd-tmpfiles-clean.timer getty@tty1.service serial-getty@ttyS0.service \
    systemd-random-seed.service podman-auto-update.timer podman.service \
    podman-restart.service podman.socket; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
rm -rf "$1/var/lib/apt/lists" "$1/var/cache/apt" "$1"/usr/share/doc "$1"/usr/share/man
"#;

/// The image for this kernel, built if it is not cached.
pub(super) fn build(cache: &Path, kernel: &Kernel) -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    let system = (FILE_SYSTEM, &kernel.release);
    (SUITE, MIRROR, SIZE, PACKAGES, SETTINGS, system).hash(&mut hasher);
    let image = cache.join(format!("root-{:016x}.img", hasher.finish()));
    make_once(&image, |unfinished| {
        println!("vm: building a Debian root (about a minute)");
        let tree = unfinished.with_extension("tree");
        let built = bootstrap(&tree, kernel).and_then(|()| pack(&tree, unfinished));
        let removed = fs::remove_dir_all(&tree);
        built.and(removed.map_err(|error| format!("cannot remove {}: {error}", tree.display())))
    })?;
    Ok(image)
}

fn bootstrap(tree: &Path, kernel: &Kernel) -> Result<(), String> {
    let script = tree.with_extension("sh");
    fs::write(&script, SETTINGS)
        .map_err(|error| format!("cannot write {}: {error}", script.display()))?;
    let made = execute(
        Command::new("mmdebstrap")
            .args(["--quiet", "--mode=root", "--variant=minbase"])
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(format!("--customize-hook=sh {} \"$1\"", script.display()))
            .arg(SUITE)
            .arg(tree)
            .arg(MIRROR),
    );
    let _ = fs::remove_file(&script);
    made?;
    let modules = kernel.directory.join("lib/modules");
    let usr = tree.join("usr/lib");
    execute(Command::new("cp").arg("--archive").args([&modules, &usr]))?;
    execute(
        Command::new("chroot")
            .arg(tree)
            .args(["depmod", &kernel.release]),
    )
    .map(|_| ())
}

fn pack(tree: &Path, image: &Path) -> Result<(), String> {
    let mut mke2fs = Command::new("mke2fs");
    mke2fs.args(FILE_SYSTEM).arg("-d");
    execute(mke2fs.args([tree, image]).arg(SIZE)).map(|_| ())
}
