//! Connections to networks, drawn: for what is told of a container and of a network.

use std::fmt::Display;

use engine::{Attachment, Explanation, Interface, Traffic};

use crate::human::size;
use crate::tree::Tree;

/// The networks of a container.
pub(super) fn networks(explanation: &Explanation) -> Tree {
    let mut tree = Tree::new("networks");
    for attachment in &explanation.networks {
        let mut node = Tree::new(&attachment.network);
        describe(&mut node, attachment);
        tree.node(node);
    }
    tree
}

/// Draws what a connection is made of.
pub(crate) fn describe(tree: &mut Tree, attachment: &Attachment) {
    tree.leaf(format!(
        "{}, whose other end is {} on the bridge, {}",
        attachment.interface, attachment.host_interface, attachment.mac
    ));
    tree.leaf(format!("addresses {}", list(&attachment.addresses)));
    if !attachment.gateways.is_empty() {
        tree.leaf(format!("leads out by {}", list(&attachment.gateways)));
    }
    if !attachment.aliases.is_empty() {
        tree.leaf(format!("is also called {}", list(&attachment.aliases)));
    }
    if let Some(interface) = &attachment.traffic {
        counted(tree, interface);
    }
    for port in &attachment.ports {
        tree.leaf(format!("{}, from {}", port.port, port.reached_from));
    }
}

/// Draws what went through a device.
pub(crate) fn counted(tree: &mut Tree, interface: &Interface) {
    tree.leaf(format!("received {}", traffic(interface.received)));
    tree.leaf(format!("sent {}", traffic(interface.sent)));
}

fn traffic(traffic: Traffic) -> String {
    let mut text = format!(
        "{} in {}",
        size(traffic.bytes),
        count(traffic.packets, "packet")
    );
    for (figure, what) in [(traffic.dropped, "dropped"), (traffic.errors, "errors")] {
        if figure > 0 {
            text = format!("{text}, {figure} {what}");
        }
    }
    text
}

/// A number of things, as `1 packet` or `2 packets`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

fn list(things: &[impl Display]) -> String {
    let texts: Vec<String> = things.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
