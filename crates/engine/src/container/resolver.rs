//! `/etc/resolv.conf` of a container: whom it asks for names.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::config::ContainerConfig;
use super::layer;
use super::networking::Connection;
use super::record::Record;
use crate::Error;

/// The most servers that a resolver asks.
const MOST_SERVERS: usize = 3;

/// What is read of a file, in bytes: far more than any of ours has.
const SIZE_MAX: u64 = 64 << 10;

/// The resolver's configuration: the host's, and what the user wants instead of its parts. One that
/// has networks asks at their gateways, where they know whom else to ask.
pub(super) fn text(config: &ContainerConfig, gateways: &[IpAddr], host: &str) -> String {
    let is_plain = config.dns.is_empty() && gateways.is_empty();
    if is_plain && config.dns_search.is_empty() && config.dns_options.is_empty() {
        return host.to_owned();
    }
    let kept = |key: &str| {
        let lines = host
            .lines()
            .filter(|line| line.split_whitespace().next() == Some(key));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let own = config.dns.clone().into_iter();
    let chosen: Vec<String> = match gateways {
        [] => own.collect(),
        some => some
            .iter()
            .map(IpAddr::to_string)
            .take(MOST_SERVERS)
            .collect(),
    };
    let servers: String = chosen
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    let line = |key: &str, values: &[String]| match values {
        [] => kept(key),
        // A single dot is for no domain at all.
        [dot] if dot == "." => String::new(),
        values => format!("{key} {}\n", values.join(" ")),
    };
    let servers = if servers.is_empty() {
        kept("nameserver")
    } else {
        servers
    };
    let search = line("search", &config.dns_search);
    let options = line("options", &config.dns_options);
    // A name without a dot is a container's before it is anything else.
    let is_said = options.contains("ndots:") || gateways.is_empty();
    let dots = if is_said { "" } else { "options ndots:0\n" };
    servers + &search + &options + dots
}

/// The text of resolv.conf of a container with these connections.
pub(super) fn of(config: &ContainerConfig, connections: &[Connection]) -> String {
    let gateways = connections.iter().filter_map(|connection| {
        let subnets = &connection.endpoint.network.subnets;
        subnets.first().map(|subnet| subnet.gateway)
    });
    // A host without the file has no resolver to hand on.
    let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    text(config, &gateways.collect::<Vec<_>>(), &host)
}

/// Lets a container that runs ask the servers of the networks that it has now, unless it asks others
/// than those it was given. The file stays the same one, so that it sees the change.
pub(super) fn renew(
    record: &Record,
    before: &[Connection],
    now: &[Connection],
) -> Result<(), Error> {
    let mut roots = record.overlays.iter();
    let Some(root) = roots.find(|overlay| overlay.target == Path::new("/")) else {
        return Ok(());
    };
    let upper = root.writable.join("upper");
    let [before, now] = [before, now].map(|all| of(&record.config, all));
    let renewed = open_in_etc(&upper).and_then(|mut file| {
        let mut found = Vec::new();
        // The container may have made it as large as it likes, and of whatever.
        (&mut file).take(SIZE_MAX).read_to_end(&mut found)?;
        let Ok(found) = String::from_utf8(found) else {
            return Ok(());
        };
        if servers(&found).eq(servers(&before)) && found != now {
            file.write_all_at(now.as_bytes(), 0)?;
            file.set_len(now.len() as u64)?;
        }
        Ok(())
    });
    match renewed.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO)) {
        // There is no such file here, or it is no file any more.
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ISDIR) => Ok(()),
        Err(errno) => Err(Error::io("writing etc/resolv.conf in", &upper, errno)),
    }
}

/// The servers that a text names.
fn servers(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::split_whitespace);
    lines.filter_map(|mut words| match words.next() {
        Some("nameserver") => words.next(),
        _ => None,
    })
}

fn open_in_etc(upper: &Path) -> std::io::Result<File> {
    let etc = layer::etc(upper)?;
    // What is no file might be waited for.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(&etc, "resolv.conf", flags, Mode::empty())?;
    match FileType::from_raw_mode(fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(file.into()),
        _ => Err(Errno::NOENT.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolver_is_the_hosts_but_for_what_is_asked_for() {
        let host = "nameserver 10.0.0.1\nsearch lan\noptions ndots:1\n";
        let mut config = ContainerConfig::default();
        assert_eq!(text(&config, &[], host), host);
        config.dns = vec!["9.9.9.9".into()];
        config.dns_search = vec![".".into()];
        let expected = "nameserver 9.9.9.9\noptions ndots:1\n";
        assert_eq!(text(&config, &[], host), expected);
        let expected = "nameserver 10.1.0.1\noptions ndots:1\n";
        let gateway = ["10.1.0.1".parse().unwrap()];
        assert_eq!(text(&config, &gateway, host), expected);
        let expected = "nameserver 10.1.0.1\nsearch lan\noptions ndots:0\n";
        let resolver = text(&ContainerConfig::default(), &gateway, "search lan\n");
        assert_eq!(resolver, expected);
    }
}
