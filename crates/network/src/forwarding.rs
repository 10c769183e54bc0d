//! What the kernel needs to be told so that packets pass between devices. Settings of the whole
//! machine are changed only where they are off, and stay: others may have come to rely on them.

use std::net::IpAddr;

use crate::error::{Doing, Error};
use crate::model::{Endpoint, Network};
use crate::ports::Port;

/// Lets packets pass from and to a network, unless it is internal.
///
/// # Errors
/// When a setting cannot be changed.
pub fn allow(network: &Network) -> Result<(), Error> {
    if network.internal {
        return Ok(());
    }
    set("ipv4/ip_forward")?;
    match network.has_ipv6() {
        true => set("ipv6/conf/all/forwarding"),
        false => Ok(()),
    }
}

/// Lets the machine reach a port by 127.0.0.1, if it is published there: a setting of the bridge,
/// which goes with it. The firewall's chain `raw` sees to it that nobody else is let in.
///
/// # Errors
/// When the setting cannot be changed.
pub fn allow_loopback(endpoint: &Endpoint, port: &Port) -> Result<(), Error> {
    match port.host {
        IpAddr::V4(host) if host.is_loopback() || host.is_unspecified() => set(&format!(
            "ipv4/conf/{}/route_localnet",
            endpoint.network.bridge
        )),
        _ => Ok(()),
    }
}

fn set(name: &str) -> Result<(), Error> {
    let path = format!("/proc/sys/net/{name}");
    let clause = || format!("setting net.{} to 1", name.replace('/', "."));
    let now = std::fs::read_to_string(&path).doing(clause)?;
    match now.trim() {
        "0" => std::fs::write(&path, "1").doing(clause),
        _ => Ok(()),
    }
}
