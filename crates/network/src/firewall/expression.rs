//! The expressions of nftables that our rules are made of: a rule is a list of them, and ends where
//! one does not hold.
//!
//! Source: linux/netfilter/nf_tables.h.

use super::nft::{big, text};
use crate::netlink::{attribute, nested};

/// A register of four bytes, the first of sixteen.
pub(super) const WORD: u32 = 8;

/// What a packet is decided by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verdict {
    Drop,
    Accept,
}

/// Where a device's name stands that a packet came or goes by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    In,
    Out,
}

const META_IIFNAME: u32 = 6;
const META_OIFNAME: u32 = 7;
const META_NFPROTO: u32 = 15;
const META_L4PROTO: u32 = 16;

const CT_STATE: u32 = 0;
const CT_STATUS: u32 = 2;

/// Established or related.
const KNOWN: u32 = 1 << 1 | 1 << 2;
/// `IPS_DST_NAT`: it was sent to a published port.
const REWRITTEN: u32 = 1 << 5;

/// `RTN_LOCAL`.
const LOCAL: u32 = 2;

/// The expression that counts.
pub(super) const COUNTER: &str = "counter";

/// One expression.
fn expression(name: &str, data: &[u8]) -> Vec<u8> {
    let parts = [text(1, name), nested(2, data)].concat();
    nested(1, &parts)
}

fn value(bytes: &[u8]) -> Vec<u8> {
    attribute(1, bytes)
}

fn meta(key: u32, register: u32) -> Vec<u8> {
    expression("meta", &[big(1, register), big(2, key)].concat())
}

fn compare(register: u32, bytes: &[u8], is_equal: bool) -> Vec<u8> {
    let operation = u32::from(!is_equal);
    let data = nested(3, &value(bytes));
    expression("cmp", &[big(1, register), big(2, operation), data].concat())
}

fn has_bits(register: u32, bits: u32) -> Vec<u8> {
    let mask = nested(4, &value(&bits.to_ne_bytes()));
    let nothing = nested(5, &value(&[0; 4]));
    let parts = [big(1, register), big(2, register), big(3, 4), mask, nothing];
    let masked = expression("bitwise", &parts.concat());
    [masked, compare(register, &[0; 4], false)].concat()
}

/// Whether something in the registers from `register` on is in a set.
pub(super) fn is_in(set: &str, register: u32) -> Vec<u8> {
    expression("lookup", &[text(1, set), big(2, register)].concat())
}

/// Whether it is not.
fn is_not_in(set: &str, register: u32) -> Vec<u8> {
    expression(
        "lookup",
        &[text(1, set), big(2, register), big(5, 1)].concat(),
    )
}

/// What a map has for what is in the registers, put into those from `to` on.
pub(super) fn map(set: &str, register: u32, to: u32) -> Vec<u8> {
    expression(
        "lookup",
        &[text(1, set), big(2, register), big(3, to)].concat(),
    )
}

/// The device's name is in a set.
pub(super) fn device_in(way: Way, set: &str) -> Vec<u8> {
    [device(way, WORD), is_in(set, WORD)].concat()
}

/// The device's name is not in a set.
pub(super) fn device_not_in(way: Way, set: &str) -> Vec<u8> {
    [device(way, WORD), is_not_in(set, WORD)].concat()
}

/// It came by another device than `lo`.
pub(super) fn is_from_outside() -> Vec<u8> {
    [device(Way::In, WORD), compare(WORD, b"lo\0", false)].concat()
}

/// It came by no device: the machine itself sent it, or it is still on its bridge.
pub(super) fn is_from_nowhere() -> Vec<u8> {
    [device(Way::In, WORD), compare(WORD, &[0; 16], true)].concat()
}

/// The name of a device, which fills four words.
pub(super) fn device(way: Way, register: u32) -> Vec<u8> {
    match way {
        Way::In => meta(META_IIFNAME, register),
        Way::Out => meta(META_OIFNAME, register),
    }
}

/// The packet is one of IPv4, or else of IPv6.
pub(super) fn is_ip(v4: bool) -> Vec<u8> {
    let family = if v4 {
        super::nft::IPV4
    } else {
        super::nft::IPV6
    };
    [meta(META_NFPROTO, WORD), compare(WORD, &[family], true)].concat()
}

/// It is part of a connection that was let through, or about one.
pub(super) fn is_of_connection() -> Vec<u8> {
    let state = expression("ct", &[big(1, WORD), big(2, CT_STATE)].concat());
    [state, has_bits(WORD, KNOWN)].concat()
}

/// It was sent to a published port.
pub(super) fn is_published() -> Vec<u8> {
    let status = expression("ct", &[big(1, WORD), big(2, CT_STATUS)].concat());
    [status, has_bits(WORD, REWRITTEN)].concat()
}

/// It was sent to an address of this machine.
pub(super) fn is_to_host() -> Vec<u8> {
    let kind = expression("fib", &[big(1, WORD), big(2, 3), big(3, 2)].concat());
    [kind, compare(WORD, &LOCAL.to_ne_bytes(), true)].concat()
}

fn payload(base: u32, offset: u32, length: u32, register: u32) -> Vec<u8> {
    let parts = [
        big(1, register),
        big(2, base),
        big(3, offset),
        big(4, length),
    ];
    expression("payload", &parts.concat())
}

/// The address that a packet of IPv4 was sent to, or that it came from, is one of 127.0.0.0/8.
pub(super) fn is_loopback(destination: bool) -> Vec<u8> {
    let offset = if destination { 16 } else { 12 };
    [payload(1, offset, 1, WORD), compare(WORD, &[127], true)].concat()
}

/// The address that it was sent to.
pub(super) fn destination(v4: bool, register: u32) -> Vec<u8> {
    match v4 {
        true => payload(1, 16, 4, register),
        false => payload(1, 24, 16, register),
    }
}

/// The protocol and the port that it was sent to, a word each.
pub(super) fn port(register: u32) -> Vec<u8> {
    [meta(META_L4PROTO, register), payload(2, 2, 2, register + 1)].concat()
}

/// It is sent on to the address and the port in these registers.
pub(super) fn send_on(v4: bool, address: u32, port: u32) -> Vec<u8> {
    let family = if v4 {
        super::nft::IPV4
    } else {
        super::nft::IPV6
    };
    let parts = [
        big(1, 1),
        big(2, family.into()),
        big(3, address),
        big(5, port),
    ];
    [counter(), expression("nat", &parts.concat())].concat()
}

/// It is sent in the name of this machine.
pub(super) fn masquerade() -> Vec<u8> {
    [counter(), expression("masq", &[])].concat()
}

/// The end of a rule.
pub(super) fn decide(verdict: Verdict) -> Vec<u8> {
    let code = match verdict {
        Verdict::Drop => 0,
        Verdict::Accept => 1,
    };
    let data = nested(2, &nested(2, &big(1, code)));
    let verdict = expression("immediate", &[big(1, 0), data].concat());
    [counter(), verdict].concat()
}

/// Counts the packets that come as far as this.
fn counter() -> Vec<u8> {
    expression(COUNTER, &[])
}
