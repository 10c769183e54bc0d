//! Hardware addresses: made from the IP address, so that whoever gets the address next is found by
//! those who still know the last one.

use std::net::IpAddr;

/// The locally administered address of an IP address, as Docker makes it.
pub fn of_address(address: IpAddr) -> [u8; 6] {
    let [a, b, c, d] = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            [a, b, c, d]
        }
    };
    [0x02, 0x42, a, b, c, d]
}

/// Reads `02:42:ac:11:00:02`; one that many share, or nobody, is none.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<[u8; 6], String> {
    let wrong = || format!("{text:?} is no hardware address, as 02:42:ac:11:00:02");
    let bytes: Option<Vec<u8>> = text
        .split([':', '-'])
        .map(|part| Some(part).filter(|part| part.len() == 2 && !part.starts_with('+')))
        .map(|part| u8::from_str_radix(part?, 16).ok())
        .collect();
    let bytes: [u8; 6] = bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(wrong)?;
    if bytes[0] & 1 != 0 || bytes == [0; 6] {
        return Err(format!("{text:?} is no hardware address of one device"));
    }
    Ok(bytes)
}

/// Writes it.
pub fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_six_bytes_of_one_device() {
        let mac = parse("02:42:ac:11:00:02").unwrap();
        assert_eq!(text(mac), "02:42:ac:11:00:02");
        assert_eq!(mac, of_address("172.17.0.2".parse().unwrap()));
        for wrong in [
            "",
            "02:42",
            "02:42:ac:11:00:2",
            "01:00:5e:00:00:01",
            "0:0:0:0:0:0",
            "02:42:ac:11:00:+2",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
