//! wharf as an ordinary user with nothing prepared.

use crate::harness::{Wharf, is_root, without_warnings};

/// Nobody has this id.
const USER: u32 = 54_321;

#[test]
fn an_ordinary_user_is_root_inside_and_itself_outside() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::of_user(USER);
    let script = "id -u; cat /proc/self/uid_map; hostname; touch /usr/x /root/y && echo writable";
    let output = wharf.ok(&[
        "run",
        "--rm",
        "--hostname",
        "box",
        "host",
        "sh",
        "-c",
        script,
    ]);
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[0], "0");
    let map: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(map, ["0", "54321", "1"]);
    assert_eq!(lines[2..], ["box", "writable"]);
    assert!(wharf.ok(&["info"]).contains("User ids: 1 "));
}

#[test]
fn an_ordinary_user_has_the_whole_life_of_a_container() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::of_user(USER);
    wharf.sleeper("web");
    assert_eq!(wharf.ok(&["exec", "web", "id", "-u"]), "0");
    wharf.ok(&["stop", "-t", "0", "web"]);
    wharf.ok(&["start", "web"]);
    wharf.ok(&["rm", "-f", "web"]);
}

#[test]
fn what_an_ordinary_user_may_not_do_names_the_right() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::of_user(USER);
    let (code, message) = wharf.fails(&["run", "--rm", "-m", "64m", "host", "true"]);
    assert_eq!(code, 125);
    assert!(message.contains("cgroup"), "{message}");
    let outcome = wharf.run(&["run", "--rm", "--userns", "host", "host", "true"]);
    assert_eq!(outcome.code, 125);
    assert!(
        without_warnings(&outcome.stderr).ends_with("needs CAP_SYS_ADMIN"),
        "{outcome:?}"
    );
}
