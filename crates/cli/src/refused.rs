//! Flags of Docker's that wharf does not have: each is refused by its name, with the reason and
//! what takes its place.

/// A reason, the flags that have it, and their verbs.
type Refused = (
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

const NEW: &[&str] = &["run", "create"];
const NEW_VOLUME: &[&str] = &["volume create"];
const NEW_NETWORK: &[&str] = &["network create"];

const REFUSED: &[Refused] = &[
    (
        &["run", "create", "network connect"],
        &["--link"],
        "containers of one network reach each other: make one with 'wharf network create'",
    ),
    (
        &["rm"],
        &["--link", "-l"],
        "there are no links between containers, only networks",
    ),
    (
        &["run", "create", "network connect"],
        &["--link-local-ip"],
        "link-local addresses are the kernel's to give: ask for one of the network with --ip or --ip6",
    ),
    (
        &["run", "create", "update"],
        &["--kernel-memory"],
        "kernel memory counts as memory, and Linux has no limit for it alone any more: use --memory",
    ),
    (
        NEW,
        &["--runtime"],
        "wharf runs containers itself; for graphics processors there is --gpus",
    ),
    (
        NEW,
        &["--use-api-socket"],
        "wharf has no daemon whose socket could be shared",
    ),
    (
        NEW,
        &[
            "--cpu-count",
            "--cpu-percent",
            "--io-maxbandwidth",
            "--io-maxiops",
        ],
        "it is for Windows: use --cpus, --device-read-bps and the like",
    ),
    (
        NEW,
        &["--storage-opt"],
        "wharf does not limit the size of a container's layer: use --read-only with --tmpfs and its size",
    ),
    (
        NEW_VOLUME,
        &["--opt", "-o"],
        "a volume is a directory of wharf's: mount what you have on the host and use --mount type=bind",
    ),
    (
        NEW_NETWORK,
        &["--aux-address"],
        "leave addresses to others with --ip-range",
    ),
    (
        &["start"],
        &["--checkpoint", "--checkpoint-dir"],
        "checkpoints are made and restored by 'wharf oci checkpoint' and 'wharf oci restore'",
    ),
    (
        NEW_VOLUME,
        &[
            "--availability",
            "--group",
            "--limit-bytes",
            "--required-bytes",
            "--scope",
            "--secret",
            "--sharing",
            "--topology-preferred",
            "--topology-required",
            "--type",
        ],
        "it is for the volumes of a cluster, and all volumes here are local",
    ),
    (
        &["volume ls"],
        &["--cluster"],
        "all volumes here are local: leave it out",
    ),
    (
        NEW_NETWORK,
        &["--config-from", "--config-only", "--ingress"],
        "it is for the networks of a cluster, and all networks here are local",
    ),
    (
        NEW_NETWORK,
        &["--ipam-opt"],
        "addresses are wharf's own to give: use --subnet, --ip-range and --gateway",
    ),
    (
        &["network connect"],
        &["--driver-opt", "--gw-priority"],
        "a connection has no options but --alias, --ip and --ip6",
    ),
    (
        &["images", "image ls"],
        &["--tree"],
        "use 'wharf image layers' and 'wharf images --digests'",
    ),
];

/// Why wharf has no such flag, if it is one of Docker's.
pub(crate) fn why(verb: &str, flag: &str) -> Option<&'static str> {
    let found = REFUSED
        .iter()
        .find(|(verbs, flags, _)| verbs.contains(&verb) && flags.contains(&flag));
    found.map(|(_, _, why)| *why)
}
