//! Namespaces and what belongs to one: clocks, kernel parameters, id maps of several ranges.

use std::process::Command;

use serde_json::json;

use crate::bundle::Bundle;
use crate::harness::is_root;

#[test]
fn clocks_have_their_offsets() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "cut -d. -f1 /proc/uptime"]);
    let namespaces = bundle.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "time"}));
    bundle.config["linux"]["timeOffsets"] =
        json!({"boottime": {"secs": 1_000_000}, "monotonic": {"secs": 5, "nanosecs": 7}});
    let uptime: u64 = bundle.output().parse().unwrap();
    assert!(uptime >= 1_000_000, "{uptime}");
}

#[test]
fn a_path_of_another_kind_of_namespace_is_refused() {
    if !is_root() {
        return;
    }
    let other = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo; exec sleep 1000"])
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut other = other.unwrap();
    std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let mut bundle = Bundle::new(&["true"]);
    for namespace in bundle.config["linux"]["namespaces"].as_array_mut().unwrap() {
        if namespace["type"] == "uts" {
            namespace["path"] = json!(format!("/proc/{}/ns/net", other.id()));
        }
    }
    let message = bundle.fails(&["run", "box"]);
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(message.contains("uts"), "{message}");
    bundle.assert_nothing_left();
}

#[test]
fn a_map_has_as_many_ranges_as_are_asked_for() {
    if !is_root() {
        return;
    }
    let mut bundle = Bundle::new(&["sh", "-c", "cat /proc/self/uid_map; id -u"]);
    bundle.with_user_namespace();
    let map = json!([{"containerID": 0, "hostID": 700_000, "size": 10},
        {"containerID": 10, "hostID": 900_000, "size": 5}]);
    bundle.config["linux"]["uidMappings"] = map.clone();
    bundle.config["linux"]["gidMappings"] = map;
    bundle.config["process"]["user"] = json!({"uid": 12, "gid": 12});
    let output = bundle.output();
    let words: Vec<_> = output.split_whitespace().collect();
    assert_eq!(words, ["0", "700000", "10", "10", "900000", "5", "12"]);
}

/// An ordinary user maps what the host's /etc/subuid gives it, through the host's own tools.
#[test]
fn an_ordinary_user_maps_the_ids_that_were_given_to_it() {
    if !is_root() {
        return;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let given = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    let found = given.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, first) = (parts.next()?, parts.next()?.parse::<u32>().ok()?);
        let of_user = |line: &&str| line.split(':').next() == Some(name);
        let uid = passwd.lines().find(of_user)?.split(':').nth(2)?;
        Some((uid.parse::<u32>().ok()?, first))
    });
    let Some((user, first)) = found else {
        println!("skipped: no user has an entry in /etc/subuid");
        return;
    };
    let mut bundle = Bundle::of_user(user, &["sh", "-c", "cat /proc/self/uid_map; id -u"]);
    let map = |host: u32| {
        json!([{"containerID": 0, "hostID": host, "size": 1},
            {"containerID": 1, "hostID": first, "size": 100}])
    };
    bundle.config["linux"]["uidMappings"] = map(user);
    bundle.config["linux"]["gidMappings"] = map(user);
    bundle.config["process"]["user"] = json!({"uid": 7, "gid": 7, "additionalGids": [9]});
    let output = bundle.output();
    let words: Vec<_> = output.split_whitespace().collect();
    let (user, first) = (user.to_string(), first.to_string());
    assert_eq!(words, ["0", &user, "1", "1", &first, "100", "7"]);
}
