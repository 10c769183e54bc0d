//! Two hundred containers that come and go at once: every one gets an address of its own, and
//! nothing of any stays.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::machine::Machine;
use crate::harness::Wharf;

const CROWD: usize = 200;
const HANDS: usize = 10;

/// Has ten hands do something with each number of the crowd.
fn all_at_once(work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for hand in 0..HANDS {
            let work = &work;
            scope.spawn(move || (hand..CROWD).step_by(HANDS).for_each(work));
        }
    });
}

fn name(number: usize) -> String {
    format!("box{number}")
}

/// Links of the machine whose names begin so.
fn links(machine: &Machine, prefix: &str) -> usize {
    let links = machine.ok("ip", &["-o", "link"]);
    let names = links.lines().filter_map(|line| line.split(": ").nth(1));
    names.filter(|name| name.starts_with(prefix)).count()
}

/// The addresses that containers have in a network.
fn addresses(wharf: &Wharf, network: &str) -> BTreeSet<String> {
    let template = "{{range .Containers}}{{println .IPv4Address}}{{end}}";
    let text = wharf.ok(&["network", "inspect", "-f", template, network]);
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

#[test]
fn two_hundred_come_and_go_at_once_and_nothing_stays() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let wharf = machine.wharf();
    for network in ["web", "back"] {
        wharf.ok(&["network", "create", network]);
    }
    let links_before = machine.ok("ip", &["-o", "link"]).lines().count();
    all_at_once(|number| {
        let name = name(number);
        let words = ["run", "-d", "--name", &name, "--network", "web"];
        wharf.ok(&[&words[..], &["host", "sleep", "1000"]].concat());
    });
    assert_eq!(links(&machine, "wv"), CROWD);
    assert_eq!(addresses(&wharf, "web").len(), CROWD);
    all_at_once(|number| {
        wharf.ok(&["network", "connect", "back", &name(number)]);
        if number % 2 == 0 {
            wharf.ok(&["network", "disconnect", "web", &name(number)]);
        }
    });
    assert_eq!(addresses(&wharf, "web").len(), CROWD / 2);
    assert_eq!(addresses(&wharf, "back").len(), CROWD);
    all_at_once(|number| {
        wharf.ok(&["rm", "-f", &name(number)]);
    });
    // The kernel takes a namespace down after its last process is gone.
    let deadline = Instant::now() + Duration::from_secs(60);
    while links(&machine, "wv") > 0 {
        assert!(Instant::now() < deadline, "links are left");
    }
    for network in ["web", "back"] {
        assert_eq!(addresses(&wharf, network).len(), 0);
        wharf.ok(&["network", "rm", network]);
    }
    let links_after = machine.ok("ip", &["-o", "link"]).lines().count();
    assert_eq!(links_after, links_before);
    wharf.ok(&["system", "check"]);
}
