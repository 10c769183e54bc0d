//! What a health check looks at without running a program: the addresses and paths that it is
//! told.

use super::super::health::{HealthConfig, HealthTest};
use crate::Error;

pub(super) fn check(config: &HealthConfig) -> Result<(), Error> {
    let (is_good, what, text, expected) = match &config.test {
        Some(HealthTest::Http(address)) => (
            is_http(address),
            "health address",
            address.clone(),
            "expected http://HOST[:PORT][/PATH], HOST:PORT[/PATH] or PORT[/PATH]",
        ),
        Some(HealthTest::Tcp(address)) => (
            is_port(address) || is_host_and_port(address),
            "health port",
            address.clone(),
            "expected PORT or ADDRESS:PORT",
        ),
        Some(HealthTest::File(path)) => (
            path.is_absolute(),
            "health file",
            path.display().to_string(),
            "expected an absolute path",
        ),
        Some(HealthTest::Disabled | HealthTest::Command(_) | HealthTest::Shell(_)) | None => {
            return Ok(());
        }
    };
    match is_good {
        true => Ok(()),
        false => Err(Error::Invalid {
            what,
            why: format!("{text:?}: {expected}"),
        }),
    }
}

fn is_http(address: &str) -> bool {
    let (rest, has_scheme) = match address.strip_prefix("http://") {
        Some(rest) => (rest, true),
        None => (address, false),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_there = match host {
        // A path alone is asked of port 80.
        "" => !has_scheme && address.starts_with('/'),
        _ => is_port(host) || is_host_and_port(host) || has_scheme && is_host(host),
    };
    is_there && !path.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| is_host(host) && is_port(port))
}

/// A name, an address, or one of IPv6 in brackets.
fn is_host(text: &str) -> bool {
    let within = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    match within {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !text.is_empty() && text.bytes().all(is_valid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_where_to_ask() {
        for good in [
            "http://box",
            "http://[::1]:80/a",
            "8000/x",
            "box:8000",
            "/healthz",
            "80",
        ] {
            assert!(is_http(good), "{good}");
        }
        for bad in [
            "x",
            "",
            "http://",
            "http://x:99999/",
            "0",
            "box:x/",
            "80/a b",
            "http:///x",
        ] {
            assert!(!is_http(bad), "{bad}");
        }
    }
}
