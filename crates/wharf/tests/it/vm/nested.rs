//! wharf in a container of wharf's.

use super::machine::is_here;
use crate::harness::Wharf;

#[test]
fn a_privileged_container_runs_containers() {
    if !is_here() {
        return;
    }
    let wharf = Wharf::new();
    let program = std::env::var("WHARF_TEST_BINARY").unwrap();
    let volume = format!("{program}:/wharf:ro");
    let disk = format!("{}:/disk", wharf.path("disk").display());
    // The layers of the inner image are directories of the outer overlay, which cannot be id-mapped.
    let inner = "/wharf --data-root /disk/data --run-root /disk/run run --rm -m 32m --pids-limit 20 \
                 --userns host host sh -c 'cat /proc/self/cgroup /sys/fs/cgroup/memory.max'";
    let words = [
        "run",
        "--rm",
        "--privileged",
        "-m",
        "256m",
        "-v",
        &volume,
        "-v",
        &disk,
        "host",
        "sh",
        "-c",
        inner,
    ];
    std::fs::create_dir(wharf.path("disk")).unwrap();
    assert_eq!(wharf.ok(&words), "0::/\n33554432");
}
