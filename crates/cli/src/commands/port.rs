//! `wharf port`: the published ports of a container.

use std::net::SocketAddr;

use engine::{Port, Protocol};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output;

/// List the published ports of a container
#[derive(Debug, clap::Parser)]
#[command(name = "port")]
pub(crate) struct Args {
    /// Name or id
    container: String,
    /// Only this port of the container, PORT[/PROTOCOL]
    port: Option<String>,
}

/// Runs the verb.
pub(crate) fn port(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let record = engine.find(&args.container)?;
    let ports = engine.ports(&record)?;
    let host = |port: &Port| SocketAddr::new(port.host, port.host_port);
    let Some(wanted) = args.port else {
        let lines = ports
            .iter()
            .map(|port| format!("{}/{} -> {}\n", port.port, port.protocol, host(port)));
        output::print(&lines.collect::<String>());
        return Ok(0);
    };
    let (number, protocol) = wanted.split_once('/').unwrap_or((&wanted, "tcp"));
    let is_wanted = |port: &&Port| {
        port.port.to_string() == number && Protocol::parse(protocol) == Some(port.protocol)
    };
    let lines: String = ports
        .iter()
        .filter(is_wanted)
        .map(|port| format!("{}\n", host(port)))
        .collect();
    if lines.is_empty() {
        return Err(Failure::usage(format!(
            "no public port {wanted:?} is published for {}",
            record.name
        )));
    }
    output::print(&lines);
    Ok(0)
}
