//! The names under which addresses are asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
pub(crate) fn address(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        let octets: Vec<u8> = labels
            .split('.')
            .rev()
            .map(|label| label.parse().ok())
            .collect::<Option<_>>()?;
        return Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into());
    }
    let labels = name.strip_suffix(".ip6.arpa")?;
    let digits: Vec<u32> = labels
        .split('.')
        .rev()
        .map(|label| {
            u32::from_str_radix(label, 16)
                .ok()
                .filter(|_| label.len() == 1)
        })
        .collect::<Option<_>>()?;
    let bits = digits
        .iter()
        .fold(0u128, |bits, digit| (bits << 4) | u128::from(*digit));
    (digits.len() == 32).then(|| Ipv6Addr::from_bits(bits).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_read_and_others_are_none() {
        assert_eq!(
            address("2.0.18.172.in-addr.arpa"),
            "172.18.0.2".parse().ok()
        );
        let six = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(address(six), "2001:db8::1".parse().ok());
        for wrong in [
            "18.172.in-addr.arpa",
            "1.2.0.18.172.in-addr.arpa",
            "300.0.18.172.in-addr.arpa",
            "1.ip6.arpa",
            "in-addr.arpa",
            "web",
        ] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
