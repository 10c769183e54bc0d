//! `wharf network explain`: what a network is made of.

use engine::{Filter, NetworkExplanation, Rules};

use crate::commands::explain::{count, counted, describe};
use crate::context::Context;
use crate::exit_code::Failure;
use crate::human::size;
use crate::output::{self, Format};
use crate::pager;
use crate::tree::Tree;

/// Show what a network is made of
///
/// Its bridge and addresses, who is connected with which devices and published ports and from where
/// these can be reached, what went through, and the firewall's rules with what they counted.
#[derive(Debug, clap::Parser)]
#[command(name = "explain")]
pub(super) struct Args {
    /// text, or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output::text_or_json)]
    format: Format,
    /// Name or id
    network: String,
}

/// Runs the verb.
pub(super) fn explain(args: &Args, context: &Context) -> Result<i32, Failure> {
    let explanation = context.engine()?.explain_network(&args.network)?;
    let text = match args.format {
        Format::Table => draw(&explanation).to_string(),
        Format::Json => output::pretty(&explanation)?,
    };
    pager::show(&text);
    Ok(0)
}

fn draw(explanation: &NetworkExplanation) -> Tree {
    let id = explanation.id.get(..12).unwrap_or(&explanation.id);
    let (name, driver) = (&explanation.name, &explanation.driver);
    let mut tree = Tree::new(format!("{name} ({id}): {driver}"));
    for pool in &explanation.subnets {
        let range = pool.range.map(|range| format!(", given out from {range}"));
        tree.leaf(format!(
            "subnet {}{}, {} leased, gateway {}",
            pool.subnet,
            range.unwrap_or_default(),
            pool.leased,
            pool.gateway
        ));
    }
    if driver == "bridge" {
        tree.leaf(match (explanation.internal, explanation.keeps_addresses) {
            (true, _) => "nothing leads out of it",
            (false, true) => "leads out, its containers by their own addresses",
            (false, false) => "leads out in the machine's name",
        });
        tree.leaf(match explanation.isolates_members {
            true => "its containers do not reach each other",
            false => "its containers reach each other",
        });
        tree.node(bridge(explanation));
    }
    let mut connected = Tree::new("connected");
    for attachment in &explanation.connected {
        let id = attachment.id.get(..12).unwrap_or(&attachment.id);
        let mut node = Tree::new(format!("{} ({id})", attachment.container));
        describe(&mut node, attachment);
        connected.node(node);
    }
    tree.branch(connected);
    if let Some(rules) = &explanation.firewall {
        tree.branch(firewall(rules));
        tree.branch(others(&rules.others));
    }
    tree
}

fn bridge(explanation: &NetworkExplanation) -> Tree {
    let name = &explanation.bridge;
    let Some(device) = &explanation.device else {
        return Tree::new(format!("bridge {name}, made with the first container"));
    };
    let state = if device.is_up { "up" } else { "down" };
    let mtu = device.mtu;
    let mut tree = Tree::new(format!(
        "bridge {name}: {state}, packets of at most {mtu} bytes"
    ));
    if let Some(interface) = &device.traffic {
        counted(&mut tree, interface);
    }
    tree
}

/// The rules, each chain below its name.
fn firewall(rules: &Rules) -> Tree {
    let mut tree = Tree::new(format!("firewall: table {}, of all networks", rules.table));
    for chain in rules.rules.chunk_by(|a, b| a.chain == b.chain) {
        let mut node = Tree::new(chain.first().map_or("", |rule| rule.chain.as_str()));
        for rule in chain {
            node.leaf(format!(
                "{}: {}, {}, {}",
                rule.says,
                rule.does,
                count(rule.packets, "packet"),
                size(rule.bytes)
            ));
        }
        tree.node(node);
    }
    tree
}

fn others(others: &[Filter]) -> Tree {
    let mut tree = Tree::new("others that may drop what these rules let pass");
    for filter in others {
        let policy = match filter.drops {
            true => ", drops what no rule of it decides",
            false => "",
        };
        tree.leaf(format!(
            "table {}, chain {}: {}, {}{policy}",
            filter.table,
            filter.chain,
            filter.hook,
            count(filter.rules, "rule")
        ));
    }
    tree
}
