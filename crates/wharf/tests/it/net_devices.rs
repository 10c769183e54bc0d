//! Network devices that move into a container, on a host's side that is a network namespace of the
//! test's own.

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::harness::is_root;

const BEFORE: &str = "ip link add wh0 type veth peer name wh1; ip link set wh0 mtu 1400; \
                      ip addr add 10.9.8.7/24 dev wh0; ip addr add 10.9.8.9/32 dev wh0 scope link; \
                      ip addr add fd09::7/64 dev wh0 nodad; ip link set wh0 up";

const AFTER: &str = "ip -o addr show; cat /proc/net/dev";

fn bundle(script: &str, devices: Value) -> Bundle {
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    bundle.config["linux"]["netDevices"] = devices;
    bundle
}

#[test]
fn a_device_moves_with_its_lasting_addresses_and_is_up() {
    if !is_root() {
        return;
    }
    let script = "ip -o addr show dev inside; ip -o link show dev inside";
    let bundle = bundle(script, json!({"wh0": {"name": "inside"}}));
    let outcome = bundle.run_unshared(&["-n"], [BEFORE, "cat /proc/net/dev"], &["run", "box"]);
    for expected in ["10.9.8.7/24", "fd09::7/64", "mtu 1400", "UP"] {
        assert!(outcome.stdout.contains(expected), "{expected}: {outcome:?}");
    }
    // Neither an address that is not for everywhere nor the device on the host.
    for gone in ["10.9.8.9", "wh0:"] {
        assert!(!outcome.stdout.contains(gone), "{gone}: {outcome:?}");
    }
}

#[test]
fn the_kernel_fills_a_template_in() {
    if !is_root() {
        return;
    }
    let bundle = bundle("ip -o addr show dev in0", json!({"wh0": {"name": "in%d"}}));
    let outcome = bundle.run_unshared(&["-n"], [BEFORE, "true"], &["run", "box"]);
    assert!(outcome.stdout.contains("10.9.8.7/24"), "{outcome:?}");
}

#[test]
fn what_a_failed_container_got_is_given_back() {
    if !is_root() {
        return;
    }
    let mut bundle = bundle("true", json!({"wh0": {"name": "inside"}}));
    bundle.config["process"]["args"] = json!(["no-such-program"]);
    let outcome = bundle.run_unshared(&["-n"], [BEFORE, AFTER], &["run", "box"]);
    assert_ne!(outcome.code, 0);
    for expected in ["10.9.8.7/24", "fd09::7/64", "wh0:"] {
        assert!(outcome.stdout.contains(expected), "{expected}: {outcome:?}");
    }
    bundle.assert_nothing_left();
}

#[test]
fn devices_that_cannot_move_are_told_and_stay() {
    if !is_root() {
        return;
    }
    let cases = [
        (json!({"wh0": {}, "nothing": {}}), "nothing"),
        // The container has one already.
        (json!({"wh0": {"name": "lo"}}), "wh0"),
        (json!({"wh0": {"name": "a/b"}}), "linux.netDevices.wh0"),
    ];
    for (devices, expected) in cases {
        let bundle = bundle("true", devices);
        let outcome = bundle.run_unshared(&["-n"], [BEFORE, AFTER], &["run", "box"]);
        assert_ne!(outcome.code, 0, "{expected}");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
        assert!(outcome.stdout.contains("10.9.8.7/24"), "{outcome:?}");
    }
    let mut bundle = bundle("true", json!({"wh0": {}}));
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "network");
    assert!(bundle.fails(&["run", "box"]).contains("linux.netDevices"));
}
