//! The Debian packages the tests use, in one list, and their installation. A test whose program
//! is missing all the same says so itself and is skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program a test runs, or a file by its whole path, and the Debian package that brings it.
struct Needed {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const NEEDED: &[Needed] = &[
    Needed {
        program: "/usr/include/seccomp.h",
        package: "libseccomp-dev",
        why: "compiles the same filters as we do",
    },
    Needed {
        program: "cc",
        package: "gcc",
        why: "links test programs with odd libraries",
    },
    Needed {
        program: "strace",
        package: "strace",
        why: "kills commands at their system calls",
    },
    Needed {
        program: "docker-registry",
        package: "docker-registry",
        why: "images are pulled from it and pushed to it",
    },
    Needed {
        program: "skopeo",
        package: "skopeo",
        why: "what it copies we pull, and what we push it reads",
    },
    Needed {
        program: "umoci",
        package: "umoci",
        why: "unpacks what we save",
    },
    Needed {
        program: "openssl",
        package: "openssl",
        why: "makes certificates for registries",
    },
    Needed {
        program: "ip",
        package: "iproute2",
        why: "makes network devices that move into containers",
    },
    Needed {
        program: "iperf3",
        package: "iperf3",
        why: "measures whether containers keep to their rates",
    },
    Needed {
        program: "capsh",
        package: "libcap2-bin",
        why: "takes capabilities away in a container made by hand",
    },
    Needed {
        program: "nft",
        package: "nftables",
        why: "shows our table and makes rules of the machine's own",
    },
    Needed {
        program: "dig",
        package: "bind9-dnsutils",
        why: "asks for names in every way",
    },
    Needed {
        program: "dnsmasq",
        package: "dnsmasq-base",
        why: "is asked for the names that are not containers'",
    },
    Needed {
        program: "ps",
        package: "procps",
        why: "the container from the host runs it",
    },
    Needed {
        program: "qemu-system-x86_64",
        package: "qemu-system-x86",
        why: "runs the machine with cgroup v2 and systemd",
    },
    Needed {
        program: "mmdebstrap",
        package: "mmdebstrap",
        why: "builds that machine's root",
    },
    Needed {
        program: "mke2fs",
        package: "e2fsprogs",
        why: "packs that machine's root",
    },
    Needed {
        program: "busybox",
        package: "busybox-static",
        why: "is the root of the containers of other engines",
    },
    Needed {
        program: "containerd",
        package: "containerd",
        why: "calls wharf as its runtime",
    },
    Needed {
        program: "podman",
        package: "podman",
        why: "calls wharf as its runtime",
    },
    Needed {
        program: "buildah",
        package: "buildah",
        why: "calls wharf as its runtime",
    },
    Needed {
        program: "dockerd",
        package: "docker.io",
        why: "calls wharf as its runtime",
    },
];

/// Installs what is missing when the caller is root; otherwise only says what is missing.
pub(crate) fn install() {
    let missing: Vec<&Needed> = NEEDED
        .iter()
        .filter(|needed| find(needed.program).is_none())
        .collect();
    if missing.is_empty() {
        println!("packages: all present");
        return;
    }
    for needed in &missing {
        println!("packages: {} is missing ({})", needed.package, needed.why);
    }
    if !rustix::process::geteuid().is_root() {
        println!("packages: not root, so nothing is installed; tests that need these are skipped");
        return;
    }
    let packages: Vec<&str> = missing.iter().map(|needed| needed.package).collect();
    println!("packages: apt-get install {}", packages.join(" "));
    if !apt(&["update"]) || !apt(&[&["install", "--no-install-recommends"], &*packages].concat()) {
        println!("packages: apt-get failed; tests that need these are skipped");
    }
}

fn apt(arguments: &[&str]) -> bool {
    Command::new("apt-get")
        .args(["--quiet=2", "--yes"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where a program is, in the places that packages use.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let places = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    let mut paths = places.iter().map(|place| Path::new(place).join(program));
    paths.find(|path| path.exists())
}
