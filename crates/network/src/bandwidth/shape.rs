//! How the kernel keeps to rates, from outside of the container, whatever it may do inside: what a
//! container receives leaves its outer veth end through a token bucket; what it sends is led, as it
//! comes in there, through a device of its own (ifb) that has one.
//!
//! Source: tc-tbf(8), tc-mirred(8), linux/pkt_sched.h.

use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo};
use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionMirrorOption, TcActionOption, TcActionType, TcAttribute,
    TcFilterU32Option, TcHandle, TcMessage, TcMirror, TcMirrorActionType, TcOption, TcU32Key,
    TcU32Selector, TcU32SelectorFlags,
};
use rustix::io::Errno;

use super::rate::{Rate, Rates};
use crate::bridge::no_link_local;
use crate::error::{Doing, Error};
use crate::model::Endpoint;
use crate::netlink::{CREATE, REPLACE, Route, link_index, new_link, set_link, up};

/// The name of the device that what a container sends is led through; `wv` is the outer veth end.
pub fn shaper(host_interface: &str) -> String {
    format!("wi{}", host_interface.get(2..).unwrap_or(host_interface))
}

/// Has a connection that is there keep to other rates.
///
/// # Errors
/// When the kernel refuses, or lacks what is needed, which is named.
pub fn set_rates(endpoint: &Endpoint, rates: Rates) -> Result<(), Error> {
    let mut host = Route::open()?;
    let outer = index(&mut host, &endpoint.host_interface)?;
    if endpoint.rates.limit_in().is_some() && rates.limit_in().is_none() {
        remove_qdisc(&mut host, outer, TcHandle::ROOT)?;
    }
    if endpoint.rates.limit_out().is_some() && rates.limit_out().is_none() {
        remove_qdisc(&mut host, outer, TcHandle::INGRESS)?;
        unshape(&mut host, endpoint)?;
    }
    let wanted = Endpoint {
        rates,
        ..endpoint.clone()
    };
    shape(&mut host, &wanted)
}

/// Has a connection keep to its rates, if it has any.
pub(crate) fn shape(host: &mut Route, endpoint: &Endpoint) -> Result<(), Error> {
    let outer = &endpoint.host_interface;
    if let Some(rate) = endpoint.rates.limit_in() {
        let index = index(host, outer)?;
        limit(host, outer, index, rate);
        host.send()?;
    }
    if let Some(rate) = endpoint.rates.limit_out() {
        lead_through_shaper(host, endpoint, rate)?;
    }
    Ok(())
}

/// Removes what does not go with the veth pair.
pub(crate) fn unshape(host: &mut Route, endpoint: &Endpoint) -> Result<(), Error> {
    if endpoint.rates.limit_out().is_none() {
        return Ok(());
    }
    let name = shaper(&endpoint.host_interface);
    let request = RouteNetlinkMessage::DelLink(new_link(&name));
    host.add(0, &request, format!("removing the link {name}"));
    match host.send() {
        Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
        removed => removed,
    }
}

fn lead_through_shaper(host: &mut Route, endpoint: &Endpoint, rate: Rate) -> Result<(), Error> {
    let (outer, name) = (&endpoint.host_interface, shaper(&endpoint.host_interface));
    let mut device = new_link(&name);
    device
        .attributes
        .push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Ifb)]));
    device
        .attributes
        .extend(endpoint.network.mtu.map(LinkAttribute::Mtu));
    let request = RouteNetlinkMessage::NewLink(device);
    host.add(CREATE, &request, needing("making the link", &name, "ifb"));
    let mut device = new_link(&name);
    device.attributes.push(no_link_local());
    up(&mut device);
    host.add(0, &set_link(device), format!("bringing {name} up"));
    host.send()?;
    let through = index(host, &name)?;
    limit(host, &name, through, rate);
    let from = index(host, outer)?;
    let request = RouteNetlinkMessage::NewQueueDiscipline(ingress(from));
    host.add(
        CREATE,
        &request,
        needing("catching what comes from", outer, "sch_ingress"),
    );
    let request = RouteNetlinkMessage::NewTrafficFilter(redirect(from, through));
    host.add(
        CREATE | REPLACE,
        &request,
        needing(
            "leading on what comes from",
            outer,
            "cls_u32 and act_mirred",
        ),
    );
    host.send()
}

/// Adds a token bucket to a device, in place of an earlier one.
fn limit(host: &mut Route, name: &str, index: u32, rate: Rate) {
    let request = RouteNetlinkMessage::NewQueueDiscipline(token_bucket(index, rate));
    let doing = needing("limiting the rate of", name, "sch_tbf");
    host.add(CREATE | REPLACE, &request, doing);
}

fn needing(what: &str, name: &str, module: &str) -> String {
    format!("{what} {name} (with the kernel's {module})")
}

fn index(host: &mut Route, name: &str) -> Result<u32, Error> {
    let link = host.link(name)?;
    let missing = || format!("looking for the link {name}");
    link.as_ref()
        .map(link_index)
        .ok_or(Errno::NODEV)
        .doing(missing)
}

fn remove_qdisc(host: &mut Route, index: u32, parent: TcHandle) -> Result<(), Error> {
    let request = RouteNetlinkMessage::DelQueueDiscipline(message(index, parent));
    host.add(0, &request, "removing a limit of the rate".to_owned());
    match host.send() {
        Err(error) if matches!(error.errno(), Some(Errno::NOENT | Errno::INVAL)) => Ok(()),
        removed => removed,
    }
}

fn message(index: u32, parent: TcHandle) -> TcMessage {
    let mut message = TcMessage::default();
    message.header.index = index.cast_signed();
    message.header.parent = parent;
    message
}

const BUCKET: TcHandle = TcHandle { major: 1, minor: 0 };
const INGRESS: TcHandle = TcHandle {
    major: u16::MAX,
    minor: 0,
};

/// Attributes of the token bucket: `TCA_TBF_*`.
const PARAMETERS: u16 = 1;
const RATE64: u16 = 4;
const BURST: u16 = 6;
/// `TC_LINKLAYER_ETHERNET`, which needs no table of times.
const ETHERNET: u8 = 1;

fn token_bucket(index: u32, rate: Rate) -> TcMessage {
    let mut message = message(index, TcHandle::ROOT);
    message.header.handle = BUCKET;
    let option = |kind, bytes: &[u8]| TcOption::Other(DefaultNla::new(kind, bytes.to_vec()));
    message.attributes = vec![
        TcAttribute::Kind("tbf".to_owned()),
        TcAttribute::Options(vec![
            option(PARAMETERS, &parameters(rate)),
            option(RATE64, &rate.bytes().to_ne_bytes()),
            option(BURST, &rate.burst_bytes().to_ne_bytes()),
        ]),
    ];
    message
}

/// `struct tc_tbf_qopt`: two `tc_ratespec`, the second for peaks and not used, and three numbers.
fn parameters(rate: Rate) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[1] = ETHERNET;
    let slow = u32::try_from(rate.bytes()).unwrap_or(u32::MAX);
    bytes[8..12].copy_from_slice(&slow.to_ne_bytes());
    bytes[24..28].copy_from_slice(&rate.waiting_bytes().to_ne_bytes());
    bytes
}

fn ingress(index: u32) -> TcMessage {
    let mut message = message(index, TcHandle::INGRESS);
    message.header.handle = INGRESS;
    message.attributes = vec![TcAttribute::Kind("ingress".to_owned())];
    message
}

/// A filter that leads every frame to another device.
fn redirect(from: u32, to: u32) -> TcMessage {
    let mut mirror = TcMirror::default();
    mirror.generic.action = TcActionType::Stolen;
    mirror.eaction = TcMirrorActionType::EgressRedir;
    mirror.ifindex = to;
    let options = vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(mirror))];
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind("mirred".to_owned()),
        TcActionAttribute::Options(options),
    ];
    let mut everything = TcU32Selector::default();
    everything.flags = TcU32SelectorFlags::Terminal;
    everything.nkeys = 1;
    everything.keys = vec![TcU32Key::default()];
    let mut message = message(from, INGRESS);
    // The first filter, of frames of all protocols (`ETH_P_ALL`).
    message.header.info = 1 << 16 | u32::from(3u16.to_be());
    // Node 0x800 of table 0x800, which is the first: asked for again it is replaced.
    message.header.handle = TcHandle {
        major: 0x8000,
        minor: 0x800,
    };
    message.attributes = vec![
        TcAttribute::Kind("u32".to_owned()),
        TcAttribute::Options(vec![
            TcOption::U32(TcFilterU32Option::Selector(everything)),
            TcOption::U32(TcFilterU32Option::Action(vec![action])),
        ]),
    ];
    message
}
