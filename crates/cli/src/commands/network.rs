//! `wharf network …`: make, list, show and remove networks, and connect containers to them.

mod explain;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::CommandFactory;
use engine::{Engine, IpNet, NetworkRecord, NetworkRequest, NetworkWish};
use serde_json::json;

use crate::commands::prune::Condition;
use crate::confirm::confirmed;
use crate::context::Context;
use crate::dispatch::with;
use crate::exit_code::Failure;
use crate::filter::{Filters, name_matches};
use crate::flags::{docker, environment, network as flags};
use crate::listing::{self, Column, Format, Row};
use crate::several::each;
use crate::{inspected, output};

/// Make, list, show and remove networks, and connect containers
#[derive(Debug, clap::Parser)]
#[command(name = "network", subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Connect a container to a network
    Connect(Connect),
    /// Make a network
    Create(Create),
    /// Take a container off a network
    Disconnect(Disconnect),
    /// Show what a network is made of
    Explain(explain::Args),
    /// Show everything about networks
    Inspect(Inspect),
    /// List networks
    #[command(visible_alias = "list")]
    Ls(List),
    /// Remove all networks that no container uses
    Prune(Prune),
    /// Remove networks
    #[command(visible_alias = "remove")]
    Rm(Remove),
}

/// Connect a container to a network
#[derive(Debug, clap::Parser)]
#[command(name = "connect")]
struct Connect {
    /// A further name of it in this network
    #[arg(long, value_name = "NAME", value_parser = flags::alias)]
    alias: Vec<String>,
    /// Its IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// Its IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// The network
    network: String,
    /// The container
    container: String,
}

/// Make a network
#[derive(Debug, clap::Parser)]
#[command(name = "create")]
struct Create {
    /// Always bridge
    #[arg(short, long, value_name = "DRIVER", default_value = "bridge", value_parser = driver)]
    driver: String,
    /// Its addresses, as 10.1.0.0/16; one of each family
    #[arg(long, value_name = "SUBNET", value_parser = net)]
    subnet: Vec<IpNet>,
    /// Where containers' addresses come from
    #[arg(long, value_name = "SUBNET", value_parser = net)]
    ip_range: Vec<IpNet>,
    /// The bridge's own address
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<IpAddr>,
    /// With addresses of IPv6
    #[arg(long)]
    ipv6: bool,
    /// Nothing leads out of it
    #[arg(long)]
    internal: bool,
    /// Kept for whoever asks
    #[arg(long)]
    attachable: bool,
    /// Label it, NAME=VALUE
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// An option, NAME=VALUE: mtu, icc or com.docker.network.bridge.name
    #[arg(short, long, value_name = "OPTION")]
    opt: Vec<String>,
    /// Addresses of IPv4, which every network has
    #[arg(long, hide = true, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    ipv4: bool,
    /// Who gives addresses
    #[arg(long = "ipam-driver", hide = true, value_parser = docker::ipam_driver)]
    _ipam_driver: Option<String>,
    /// Where it is known
    #[arg(long = "scope", hide = true, value_parser = docker::network_scope)]
    _scope: Option<String>,
    /// Its name
    name: String,
}

/// Take a container off a network
#[derive(Debug, clap::Parser)]
#[command(name = "disconnect")]
struct Disconnect {
    /// One that is not connected is no error
    #[arg(short, long)]
    force: bool,
    /// The network
    network: String,
    /// The container
    container: String,
}

/// Show everything about networks
#[derive(Debug, clap::Parser)]
#[command(name = "inspect")]
struct Inspect {
    /// json for one line, or a Go template
    #[arg(short, long, value_name = "FORMAT", value_parser = inspected::format)]
    format: Option<inspected::Format>,
    /// For the sake of Docker's scripts: of a network of one machine all is shown anyway
    #[arg(short = 'v', long = "verbose")]
    _verbose: bool,
    /// Names or ids
    #[arg(value_name = "NETWORK", required = true)]
    networks: Vec<String>,
}

/// List networks
#[derive(Debug, clap::Parser)]
#[command(name = "ls")]
struct List {
    /// Only those that meet a condition: dangling=true|false, driver, id, label, name, scope or
    /// type=custom|builtin
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
}

/// Remove all networks that no container uses
#[derive(Debug, clap::Parser)]
#[command(name = "prune")]
struct Prune {
    /// Only those that meet a condition: until=TIME or label=NAME=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Remove networks
#[derive(Debug, clap::Parser)]
#[command(name = "rm")]
struct Remove {
    /// One that does not exist is no error
    #[arg(short, long)]
    force: bool,
    /// Names or ids
    #[arg(value_name = "NETWORK", required = true)]
    networks: Vec<String>,
}

const SHOWN: [Column; 4] = [
    ("ID", "NETWORK ID"),
    ("Name", "NAME"),
    ("Driver", "DRIVER"),
    ("Scope", "SCOPE"),
];

const OTHERS: [Column; 5] = [
    ("CreatedAt", "CREATED AT"),
    ("Internal", "INTERNAL"),
    ("IPv6", "IPV6"),
    ("Labels", "LABELS"),
    ("Label", "LABEL"),
];

fn driver(text: &str) -> Result<String, String> {
    match text {
        "bridge" => Ok(text.to_owned()),
        _ => Err(format!(
            "the network driver {text:?} is not supported; there is bridge"
        )),
    }
}

fn net(text: &str) -> Result<IpNet, String> {
    let wrong = || "expected an address and the length of its prefix, as 10.1.0.0/16".to_owned();
    text.parse().map_err(|_| wrong())
}

/// Runs the verb in the first word.
pub(crate) fn network(words: &[String], context: &Context) -> Result<i32, Failure> {
    let (verb, rest) = words
        .split_first()
        .map_or(("", words), |(verb, rest)| (verb.as_str(), rest));
    match verb {
        "connect" => with("network connect", rest, |args| connect(args, context)),
        "create" => with("network create", rest, |args| create(args, context)),
        "disconnect" => with("network disconnect", rest, |args| {
            disconnect(&args, context)
        }),
        "explain" => with("network explain", rest, |args| {
            explain::explain(&args, context)
        }),
        "inspect" => with("network inspect", rest, |args| inspect(&args, context)),
        "ls" | "list" => with("network ls", rest, |args| list(&args, context)),
        "prune" => with("network prune", rest, |args| prune(&args, context)),
        "rm" | "remove" => with("network rm", rest, |args| remove(&args, context)),
        "" | "--help" | "-h" => {
            let mut command = Args::command().bin_name("wharf network");
            output::print(&command.render_help().to_string());
            Ok(0)
        }
        other => Err(Failure::usage(format!(
            "unknown command: network {other}\nSee 'wharf network --help'."
        ))),
    }
}

fn create(args: Create, context: &Context) -> Result<i32, Failure> {
    debug_assert_eq!(args.driver, "bridge");
    if !args.ipv4 {
        return Err(Failure::usage(
            "a network without addresses of IPv4 is not supported: leave out --ipv4",
        ));
    }
    let request = NetworkRequest {
        name: args.name,
        subnets: args.subnet,
        ranges: args.ip_range,
        gateways: args.gateway,
        ipv6: args.ipv6,
        internal: args.internal,
        attachable: args.attachable,
        labels: environment::labels(&args.label).map_err(Failure::usage)?,
        options: environment::labels(&args.opt).map_err(Failure::usage)?,
    };
    let network = context.engine()?.create_network(&request)?;
    output::print(&format!("{}\n", network.id()));
    Ok(0)
}

fn connect(args: Connect, context: &Context) -> Result<i32, Failure> {
    let wish = NetworkWish {
        network: args.network,
        ip: args.ip,
        ip6: args.ip6,
        aliases: args.alias,
        ..NetworkWish::default()
    };
    for warning in context.engine()?.connect(&args.container, wish)? {
        output::warning(&warning);
    }
    Ok(0)
}

fn disconnect(args: &Disconnect, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    engine.disconnect(&args.network, &args.container, args.force)?;
    Ok(0)
}

fn inspect(args: &Inspect, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    inspected::show(&args.networks, args.format.as_ref(), |name| {
        engine.inspect_network(name)
    })
}

fn list(args: &List, context: &Context) -> Result<i32, Failure> {
    let keys = [
        "dangling", "driver", "id", "label", "label!", "name", "scope", "type",
    ];
    let filters = Filters::parse(&args.filter, &keys).map_err(Failure::usage)?;
    filters
        .require_truth("dangling")
        .and_then(|()| filters.require_word("type", &["builtin", "custom"]))
        .and_then(|()| filters.require_word("scope", &["local", "swarm", "global"]))
        .map_err(Failure::usage)?;
    let engine = context.engine()?;
    let used = used(&engine)?;
    let mut networks = engine.networks()?;
    networks.retain(|network| {
        let dangling = !network.is_predefined() && !used.contains(&network.name);
        let kind = if network.is_predefined() {
            "builtin"
        } else {
            "custom"
        };
        filters.meets("dangling", |value| {
            (value == "true" || value == "1") == dangling
        }) && filters.meets("driver", |value| value == network.driver)
            && filters.meets("id", |value| network.id().starts_with(value))
            && filters.meets("name", |value| name_matches(value, &network.name))
            && filters.meets("scope", |value| value == "local")
            && filters.meets("type", |value| value == kind)
            && filters.meets_labels(&network.labels)
    });
    let rows: Vec<Row> = networks
        .iter()
        .map(|network| row(network, args.no_trunc))
        .collect();
    if args.quiet {
        let ids = rows.iter().filter_map(|row| row.fields["ID"].as_str());
        output::print(&ids.map(|id| format!("{id}\n")).collect::<String>());
        return Ok(0);
    }
    output::print(&listing::render(&args.format, &SHOWN, &OTHERS, &rows)?);
    Ok(0)
}

fn row(network: &NetworkRecord, whole: bool) -> Row {
    let labels = network.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let id = network.id();
    let id = if whole {
        id
    } else {
        id.get(..12).unwrap_or(id)
    };
    Row {
        fields: json!({
            "CreatedAt": network.created,
            "Driver": network.driver,
            "ID": id,
            "IPv6": network.network.has_ipv6().to_string(),
            "Internal": network.network.internal.to_string(),
            "Labels": labels.join(","),
            "Name": network.name,
            "Scope": "local",
        }),
        more: json!({ "Label": network.labels }),
    }
}

fn remove(args: &Remove, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    each(&args.networks, |name| {
        match engine.remove_network(name) {
            Ok(_) => output::print(&format!("{name}\n")),
            Err(engine::Error::NoSuchNetwork { .. }) if args.force => {}
            Err(error) => return Err(error),
        }
        Ok(())
    })
}

/// The networks that some container names, whether it runs or not.
fn used(engine: &Engine) -> Result<Vec<String>, Failure> {
    let containers = engine.list(true)?;
    Ok(containers
        .iter()
        .flat_map(|(record, _)| record.network_names())
        .collect())
}

fn prune(args: &Prune, context: &Context) -> Result<i32, Failure> {
    let condition = Condition::parse(&args.filter)?;
    let question = "This will remove all networks that no container uses.";
    if !args.force && !confirmed(question)? {
        return Ok(0);
    }
    let removed = context
        .engine()?
        .prune_networks(|network| condition.is_met_by_network(network))?;
    if !removed.is_empty() {
        output::print(&format!("Deleted Networks:\n{}\n", removed.join("\n")));
    }
    Ok(0)
}
