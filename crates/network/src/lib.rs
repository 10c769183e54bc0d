//! Networks as the kernel makes them: bridges, veth pairs, addresses and routes, spoken over
//! netlink. It knows neither containers nor images: a network is a bridge and its subnets, and who
//! is connected is a network namespace with an id. Which network a user means, and who uses it, is
//! the engine's business.
//!
//! Netlink messages are written and read by the rust-netlink project's crates; the socket, which
//! waits in place, is ours (`netlink/`).

mod address;
mod bandwidth;
mod bridge;
mod conntrack;
mod error;
mod firewall;
mod forwarding;
mod holder;
mod ipam;
mod mac;
mod model;
mod netlink;
mod netns;
mod pools;
mod ports;
mod probe;
mod traffic;
mod veth;

pub use address::check_gateway;
pub use bandwidth::{Rate, Rates, set_rates, shaper};
pub use bridge::{Bridge, bridge_name, has_bridge, look, remove_bridge};
pub use conntrack::{forget_flows_to_container, forget_flows_to_host};
pub use error::Error;
pub use firewall::{Counted, Filter, Firewall, Said};
pub use forwarding::{allow, allow_loopback};
pub use ipam::{Leases, free, holders};
pub use mac::{of_address as mac_of, parse as parse_mac, text as mac_text};
pub use model::{Endpoint, Network, Subnet};
pub use pools::{choose_ipv4, choose_ipv6, overlap, routed};
pub use ports::{Port, Protocol, hold};
pub use probe::may_configure;
pub use traffic::{Interface, Traffic, interfaces, own_interfaces};
pub use veth::{clear_up, connect, disconnect, host_interface};
