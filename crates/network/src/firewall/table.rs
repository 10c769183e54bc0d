//! The table: its sets, chains and rules, all there is to it whatever runs.
//!
//! ```text
//! raw          from a network, or from outside to a port of 127.0.0.0/8 that is published: drop
//! prerouting   to this machine, and published: send on
//! output       the same for what the machine itself sends
//! forward      inside one network: accept; from or into an internal one: drop; of a known
//!              connection, or published: accept; into any other network: drop
//! postrouting  out of a network into the world, back into a network through a published port, or
//!              from 127.0.0.0/8 into one: masquerade
//! ```

use super::expression::{
    Verdict, WORD, Way, decide, destination, device, device_in, device_not_in, is_from_nowhere,
    is_from_outside, is_in, is_ip, is_loopback, is_of_connection, is_published, is_to_host, map,
    masquerade, port, send_on,
};
use super::nft::{Chain, Kind, Nft, Set};

/// The bridges.
pub(super) const BRIDGES: &str = "bridges";
/// Those whose members may reach each other, each twice.
pub(super) const PAIRS: &str = "pairs";
/// Those that nothing leads out of.
pub(super) const INTERNAL: &str = "internal";
/// Those that hide behind the machine's own address.
pub(super) const MASQUERADED: &str = "masqueraded";
/// Published ports, on all addresses and on one, by family.
pub(super) const ANY4: &str = "any4";
pub(super) const ON4: &str = "on4";
pub(super) const ANY6: &str = "any6";
pub(super) const ON6: &str = "on6";

const IFNAME: (u32, u32) = (41, 16);
const ADDRESS4: (u32, u32) = (7, 4);
const ADDRESS6: (u32, u32) = (8, 16);
const PROTOCOL: (u32, u32) = (12, 4);
const SERVICE: (u32, u32) = (13, 4);

/// Says which rules these are: a table with other ones, of another version of wharf, is made anew.
pub(super) const COMMENT: &str = "wharf's networks, rules 2";

/// The chains, in the order in which packets meet them, with their hooks and priorities.
const CHAINS: [(&str, Kind, u32, i32); 5] = [
    ("raw", Kind::Filter, 0, -300),
    ("prerouting", Kind::Nat, 0, -100),
    ("forward", Kind::Filter, 2, 0),
    ("output", Kind::Nat, 3, -100),
    ("postrouting", Kind::Nat, 4, 100),
];

/// What a rule is for, and its expressions.
type Rule = (&'static str, Vec<Vec<u8>>);

/// The chains with their rules.
pub(super) fn chains() -> impl Iterator<Item = (&'static str, Vec<Rule>)> {
    CHAINS.iter().map(|(name, ..)| (*name, rules_of(name)))
}

fn rules_of(chain: &str) -> Vec<Rule> {
    match chain {
        "raw" => raw(),
        "forward" => forward(),
        "postrouting" => postrouting(),
        _ => to_ports(),
    }
}

/// Removes what there may be of it.
pub(super) fn remove(nft: &mut Nft<'_>) {
    // Deleting is an error when it is not there.
    nft.add_table(COMMENT);
    nft.delete_table();
}

/// Adds everything to the batch, in the place of what there may be.
pub(super) fn make(nft: &mut Nft<'_>) {
    remove(nft);
    nft.add_table(COMMENT);
    let sets = [
        (BRIDGES, &[IFNAME][..], &[][..]),
        (PAIRS, &[IFNAME, IFNAME], &[]),
        (INTERNAL, &[IFNAME], &[]),
        (MASQUERADED, &[IFNAME], &[]),
        (ANY4, &[PROTOCOL, SERVICE], &[ADDRESS4, SERVICE]),
        (ON4, &[ADDRESS4, PROTOCOL, SERVICE], &[ADDRESS4, SERVICE]),
        (ANY6, &[PROTOCOL, SERVICE], &[ADDRESS6, SERVICE]),
        (ON6, &[ADDRESS6, PROTOCOL, SERVICE], &[ADDRESS6, SERVICE]),
    ];
    for (number, (name, key, data)) in (1..).zip(sets) {
        nft.add_set(&Set {
            name,
            number,
            key,
            data,
        });
    }
    for (name, kind, hook, priority) in CHAINS {
        nft.add_chain(&Chain {
            name,
            kind,
            hook,
            priority,
        });
        for (says, expressions) in rules_of(name) {
            nft.add_rule(name, says, &expressions.concat());
        }
    }
}

/// `route_localnet`, which lets the machine reach published ports by 127.0.0.1, must not let others
/// reach what listens there.
fn raw() -> Vec<Rule> {
    let drop = || decide(Verdict::Drop);
    vec![
        (
            "to 127.0.0.0/8 from a container",
            vec![
                device_in(Way::In, BRIDGES),
                is_ip(true),
                is_loopback(true),
                drop(),
            ],
        ),
        (
            "to a port published on 127.0.0.0/8 from outside",
            vec![
                is_from_outside(),
                is_ip(true),
                is_loopback(true),
                destination(true, WORD),
                port(WORD + 1),
                map(ON4, WORD, WORD + 4),
                drop(),
            ],
        ),
    ]
}

fn to_ports() -> Vec<Rule> {
    let mut rules = Vec::new();
    let on_one = [
        "to a port published on one address (IPv4)",
        "to a port published on one address (IPv6)",
    ];
    let on_all = [
        "to a port published on all addresses (IPv4)",
        "to a port published on all addresses (IPv6)",
    ];
    let families = [(true, 1, ON4, ANY4), (false, 4, ON6, ANY6)];
    for (((v4, words, on, any), on_one), on_all) in families.into_iter().zip(on_one).zip(on_all) {
        let send_on = || send_on(v4, WORD, WORD + words);
        rules.push((
            on_one,
            vec![
                is_ip(v4),
                is_to_host(),
                destination(v4, WORD),
                port(WORD + words),
                map(on, WORD, WORD),
                send_on(),
            ],
        ));
        rules.push((
            on_all,
            vec![
                is_ip(v4),
                is_to_host(),
                port(WORD),
                map(any, WORD, WORD),
                send_on(),
            ],
        ));
    }
    rules
}

fn forward() -> Vec<Rule> {
    let both = [device(Way::In, WORD), device(Way::Out, WORD + 4)].concat();
    vec![
        (
            "inside one network",
            vec![both, is_in(PAIRS, WORD), decide(Verdict::Accept)],
        ),
        (
            "out of an internal network",
            vec![device_in(Way::In, INTERNAL), decide(Verdict::Drop)],
        ),
        (
            "into an internal network",
            vec![device_in(Way::Out, INTERNAL), decide(Verdict::Drop)],
        ),
        (
            "of a connection that was let through",
            vec![is_of_connection(), decide(Verdict::Accept)],
        ),
        (
            "to a published port",
            vec![
                device_in(Way::Out, BRIDGES),
                is_published(),
                decide(Verdict::Accept),
            ],
        ),
        (
            "into a network, not published",
            vec![device_in(Way::Out, BRIDGES), decide(Verdict::Drop)],
        ),
    ]
}

fn postrouting() -> Vec<Rule> {
    vec![
        (
            "into the world in the machine's name",
            vec![
                device_in(Way::In, MASQUERADED),
                device_not_in(Way::Out, BRIDGES),
                masquerade(),
            ],
        ),
        (
            "from a container to a published port",
            vec![
                device_in(Way::In, BRIDGES),
                device_in(Way::Out, BRIDGES),
                is_published(),
                masquerade(),
            ],
        ),
        // Where bridges obey the IP firewall, such a packet may never have left its bridge.
        (
            "from a container to its own published port",
            vec![
                is_from_nowhere(),
                device_in(Way::Out, BRIDGES),
                is_published(),
                masquerade(),
            ],
        ),
        (
            "from 127.0.0.0/8 to a published port",
            vec![
                device_in(Way::Out, BRIDGES),
                is_ip(true),
                is_loopback(false),
                masquerade(),
            ],
        ),
    ]
}
