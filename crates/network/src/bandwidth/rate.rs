//! A rate, as users write it and as it is kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The slowest rate, bits in a second: at it a full packet of Ethernet takes a second and a half.
const SLOWEST: u64 = 8_000;
/// The fastest one, bits in a second.
const FASTEST: u64 = 1_000_000_000_000;
/// The smallest and the largest burst, bytes: a packet of Ethernet, and what the kernel can count.
const BURSTS: std::ops::RangeInclusive<u64> = 1600..=1 << 30;
/// The burst that is at least given, bytes.
const LEAST_BURST: u64 = 16 << 10;

/// How fast bytes may go, counted in frames of Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Bits in a second; 0 is unlimited.
    pub bits: u64,
    /// Bytes that may go at once after a pause; what suits the rate without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// The rates of both directions, as the container sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Of what it receives.
    #[serde(rename = "in")]
    pub inward: Option<Rate>,
    /// Of what it sends.
    #[serde(rename = "out")]
    pub outward: Option<Rate>,
}

impl Rates {
    /// These, and those of `old` where these say nothing.
    #[must_use]
    pub fn over(self, old: Self) -> Self {
        Self {
            inward: self.inward.or(old.inward),
            outward: self.outward.or(old.outward),
        }
    }

    /// The rate of what it receives, if it is limited.
    pub fn limit_in(&self) -> Option<Rate> {
        self.inward.filter(|rate| rate.bits > 0)
    }

    /// The rate of what it sends, if it is limited.
    pub fn limit_out(&self) -> Option<Rate> {
        self.outward.filter(|rate| rate.bits > 0)
    }

    /// Whether any direction is limited.
    pub fn are_limits(&self) -> bool {
        self.limit_in().is_some() || self.limit_out().is_some()
    }
}

impl Rate {
    /// Bytes in a second.
    pub(super) fn bytes(self) -> u64 {
        self.bits / 8
    }

    /// Bytes that may go at once: unless they were named, as many as go in five milliseconds, so
    /// that a timer that is late costs no throughput.
    pub(super) fn burst_bytes(self) -> u32 {
        let fitting = (self.bytes() / 200).clamp(LEAST_BURST, *BURSTS.end());
        self.burst
            .unwrap_or_else(|| u32::try_from(fitting).unwrap_or(u32::MAX))
    }

    /// Bytes that may wait: what goes in fifty milliseconds, and a burst.
    pub(super) fn waiting_bytes(self) -> u32 {
        let waiting = (self.bytes() / 20).max(32 << 10) + u64::from(self.burst_bytes());
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }
}

const UNITS: [(&str, u64); 5] = [
    ("bit", 1),
    ("kbit", 1_000),
    ("mbit", 1_000_000),
    ("gbit", 1_000_000_000),
    ("tbit", 1_000_000_000_000),
];

impl FromStr for Rate {
    type Err = String;

    /// Reads `10mbit`, `1.5gbit:256k` or `unlimited`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no rate: expected a number with bit, kbit, mbit, gbit or tbit, perhaps with :BURST in bytes, or unlimited"
            )
        };
        if text == "unlimited" {
            return Ok(Self {
                bits: 0,
                burst: None,
            });
        }
        let (rate, burst) = match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let bits = scaled(rate, &UNITS).ok_or_else(wrong)?;
        if !(SLOWEST..=FASTEST).contains(&bits) {
            return Err(format!("the rate {text:?} is not within 8kbit and 1tbit"));
        }
        let burst = burst.map(|burst| {
            let units = [("", 1), ("b", 1), ("k", 1 << 10), ("m", 1 << 20)];
            let bytes = scaled(burst, &units).ok_or_else(wrong)?;
            match BURSTS.contains(&bytes) {
                true => u32::try_from(bytes).map_err(|_| wrong()),
                false => Err(format!(
                    "the burst of {text:?} is not within 1600b and 1024m"
                )),
            }
        });
        Ok(Self {
            bits,
            burst: burst.transpose()?,
        })
    }
}

/// A decimal number with one of these units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (_, scale) = units
        .iter()
        .find(|(unit, _)| lower[number.len()..] == **unit)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let thousandths: u64 = format!("{part:0<3}").parse().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(*scale)?;
    whole.checked_add(scale * thousandths / 1000)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = UNITS.iter().rev();
        let fitting = units
            .copied()
            .find(|(_, scale)| self.bits.is_multiple_of(*scale));
        match fitting {
            _ if self.bits == 0 => return write!(f, "unlimited"),
            Some((unit, scale)) => write!(f, "{}{unit}", self.bits / scale)?,
            None => write!(f, "{}bit", self.bits)?,
        }
        match self.burst {
            Some(burst) if burst.is_multiple_of(1 << 20) => write!(f, ":{}m", burst >> 20),
            Some(burst) if burst.is_multiple_of(1 << 10) => write!(f, ":{}k", burst >> 10),
            Some(burst) => write!(f, ":{burst}b"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        for text in [
            "10mbit",
            "8kbit",
            "1tbit",
            "100mbit:64k",
            "9600bit:2000b",
            "unlimited",
        ] {
            assert_eq!(rate(text).to_string(), text);
        }
        assert_eq!(rate("1.5Gbit:1M").to_string(), "1500mbit:1m");
        assert_eq!(rate("10mbit").bytes(), 1_250_000);
    }

    #[test]
    fn what_is_no_rate_is_refused_by_name() {
        for text in [
            "",
            "10",
            "10m",
            "mbit",
            "-1mbit",
            "1e3mbit",
            "10mbit:",
            "10mbit:x",
            "10mbit:1g",
            "0mbit",
            "7kbit",
            "2tbit",
            "10mbit:1k",
            "99999999999999999999bit",
            "1.0001mbit",
            "10 mbit",
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn a_burst_suits_its_rate() {
        let burst = |text: &str| text.parse::<Rate>().unwrap().burst_bytes();
        assert_eq!(burst("10mbit"), 16 << 10);
        assert_eq!(burst("1gbit"), 625_000);
        assert_eq!(burst("1gbit:64k"), 64 << 10);
    }
}
