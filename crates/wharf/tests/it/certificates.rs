//! An authority of one's own, where Docker looks for it: `/etc/docker/certs.d`, for a registry
//! that is no loopback's by its name.

use std::process::Command;

use crate::harness::{Wharf, is_root};
use crate::layout::{Layout, shell};
use crate::registry::{Manner, Registry, has};

/// With an /etc of its own: without the certificate, then with it.
const SCRIPT: &str = "
set -e
scratch=$1; host=$2; authority=$3; shift 3
mount -t tmpfs tmpfs $scratch
mkdir $scratch/upper $scratch/work
mount -t overlay -o lowerdir=/etc,upperdir=$scratch/upper,workdir=$scratch/work overlay /etc
echo 127.0.0.1 ${host%:*} >> /etc/hosts
\"$@\" pull -q --retry=1 $host/x 2>&1 && exit 1
mkdir -p /etc/docker/certs.d/$host
cp $authority /etc/docker/certs.d/$host/ca.crt
\"$@\" pull -q $host/x
\"$@\" push -q $host/x
echo garbage > /etc/docker/certs.d/$host/ca.crt
\"$@\" pull -q $host/x 2>&1 && exit 1
exit 0
";

#[test]
fn an_authority_in_dockers_directory_is_trusted() {
    if !is_root() || !has(&["docker-registry", "skopeo", "busybox", "openssl"]) {
        return;
    }
    let wharf = Wharf::new();
    let registry = Registry::start_as(Manner {
        tls: true,
        ..Manner::default()
    });
    registry.take(Layout::of(&[shell()]).path(), "x");
    let port = registry.host().rsplit(':').next().unwrap().to_owned();
    let host = format!("registry.test:{port}");
    std::fs::create_dir(wharf.path("etc")).unwrap();
    let ours = wharf.command();
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(wharf.path("etc"))
        .arg(&host)
        .arg(registry.path("ca.crt"))
        .arg(ours.get_program())
        .args(ours.get_args())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("invalid peer certificate"), "{text}");
    assert_eq!(lines[1], format!("{host}/x:latest"), "{text}");
    assert!(lines[2].contains("ca.crt"), "{text}");
}
