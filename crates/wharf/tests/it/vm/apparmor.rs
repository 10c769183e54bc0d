//! AppArmor profiles, which the host has none of.

use serde_json::json;

use super::machine::{execute, is_here};
use crate::bundle::Bundle;

const PROFILE: &str = "profile wharf-test flags=(attach_disconnected,mediate_deleted) {\n  \
                       file,\n  capability,\n  deny /tmp/denied w,\n}\n";

#[test]
fn a_container_is_confined_by_its_profile() {
    if !is_here() {
        return;
    }
    let script = "cat /proc/self/attr/current; echo > /tmp/allowed && echo yes; \
                  echo > /tmp/denied || echo no";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    let file = bundle.path("profile");
    std::fs::write(&file, PROFILE).unwrap();
    execute("apparmor_parser", &["--replace", file.to_str().unwrap()]);
    bundle.config["mounts"].as_array_mut().unwrap().push(json!({
        "destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
    }));
    bundle.config["process"]["apparmorProfile"] = json!("wharf-test");
    assert_eq!(bundle.output(), "wharf-test (enforce)\nyes\nno");
    bundle.config["process"]["apparmorProfile"] = json!("no-such-profile");
    assert!(bundle.fails(&["run", "box"]).contains("no-such-profile"));
    bundle.assert_nothing_left();
    execute("apparmor_parser", &["--remove", file.to_str().unwrap()]);
}
