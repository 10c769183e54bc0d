//! Names, users, signals and kernel parameters: what is written in a request without being looked
//! up anywhere.

use runtime::sysctl_owner;
use spec::runtime::NamespaceType;

use super::super::config::{ContainerConfig, Sharing};
use crate::Error;

/// The most that Linux takes for a host or domain name.
const LONGEST_NAME: usize = 64;

/// The highest number of a user or group that Docker takes.
const HIGHEST_ID: u32 = i32::MAX as u32;

pub(super) fn check(config: &ContainerConfig) -> Result<(), Error> {
    for (what, name) in [
        ("host name", &config.hostname),
        ("domain name", &config.domainname),
    ] {
        if let Some(name) = name {
            check_host_name(what, name)?;
        }
    }
    if let Some(user) = &config.user {
        check_user(user)?;
    }
    for group in &config.group_add {
        if !is_id_or_name(group) {
            return Err(invalid("group", group, "expected a name or a number"));
        }
    }
    if let Some(dir) = &config.working_dir
        && !dir.is_absolute()
    {
        let dir = dir.display().to_string();
        return Err(invalid(
            "working directory",
            &dir,
            "expected an absolute path",
        ));
    }
    if let Some(signal) = &config.stop_signal
        && sys::signals::signal_number(signal).is_none()
    {
        let expected = "expected a name such as SIGTERM or a number";
        return Err(invalid("stop signal", signal, expected));
    }
    check_resolver(config)?;
    check_sysctls(config)
}

fn invalid(what: &'static str, value: &str, expected: &str) -> Error {
    Error::Invalid {
        what,
        why: format!("{value:?}: {expected}"),
    }
}

fn check_host_name(what: &'static str, name: &str) -> Result<(), Error> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    match !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_valid) {
        true => Ok(()),
        false => {
            let expected = format!("expected at most {LONGEST_NAME} of [a-zA-Z0-9_.-]");
            Err(invalid(what, name, &expected))
        }
    }
}

/// `user[:group]`, each a name or a number, either of them left out.
fn check_user(text: &str) -> Result<(), Error> {
    let mut parts = text.split(':');
    let is_good =
        |part: Option<&str>| part.is_none_or(|part| part.is_empty() || is_id_or_name(part));
    match is_good(parts.next()) && is_good(parts.next()) && parts.next().is_none() {
        true => Ok(()),
        false => Err(invalid(
            "user",
            text,
            "expected USER[:GROUP], names or numbers up to 2147483647",
        )),
    }
}

fn is_id_or_name(text: &str) -> bool {
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u32>().is_ok_and(|id| id <= HIGHEST_ID),
        false => {
            !text.starts_with('-')
                && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':')
        }
    }
}

/// Words for `/etc/resolv.conf` and `/etc/hosts`; with a space in it, a word would be two.
fn check_resolver(config: &ContainerConfig) -> Result<(), Error> {
    let is_word = |text: &str| {
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let check = |what: &'static str, words: &[String], expected: &str| {
        let wrong = words.iter().find(|word| !is_word(word));
        wrong.map_or(Ok(()), |word| Err(invalid(what, word, expected)))
    };
    check(
        "search domain",
        &config.dns_search,
        "expected a domain, or . for none",
    )?;
    check(
        "resolver option",
        &config.dns_options,
        "expected one such as ndots:2",
    )?;
    check("further host", &config.add_hosts, "expected NAME:ADDRESS")
}

/// Only what belongs to a namespace of the container's own.
fn check_sysctls(config: &ContainerConfig) -> Result<(), Error> {
    for name in config.sysctls.keys() {
        let refused = |why: &str| Err(invalid("kernel parameter", name, why));
        let is_part =
            |part: &str| !part.is_empty() && !part.contains(|c: char| c == '/' || c.is_control());
        let sharing = match sysctl_owner(name) {
            _ if !name.split('.').all(is_part) => return refused("expected NAME.NAME=VALUE"),
            Some(NamespaceType::Ipc) => &config.namespaces.ipc,
            Some(NamespaceType::Network) => &config.namespaces.network,
            Some(NamespaceType::Uts) => &config.namespaces.uts,
            Some(_) | None => {
                return refused(
                    "it belongs to no namespace of the container and would change the host",
                );
            }
        };
        if *sharing == Sharing::Host {
            return refused("it would change the host, whose namespace the container uses");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: ContainerConfig) -> String {
        check(&config).unwrap_err().to_string()
    }

    #[test]
    fn a_user_has_at_most_two_parts() {
        for user in ["web", "1000:1000", ":44", "web:", "2147483647", "a.b@c"] {
            check_user(user).unwrap();
        }
        for user in ["a:b:c", "a b", "-1", "2147483648", "a:b\nc"] {
            assert!(check_user(user).is_err(), "{user}");
        }
    }

    #[test]
    fn a_parameter_belongs_to_the_container() {
        let with = |name: &str, network: Sharing| {
            let mut config = ContainerConfig::default();
            config.sysctls.insert(name.to_owned(), "1".to_owned());
            config.namespaces.network = network;
            config
        };
        check(&with("net.ipv4.ip_forward", Sharing::Default)).unwrap();
        let text = refused(with("net.ipv4.ip_forward", Sharing::Host));
        assert!(
            text.contains("net.ipv4.ip_forward") && text.contains("host"),
            "{text}"
        );
        assert!(refused(with("vm.swappiness", Sharing::Default)).contains("vm.swappiness"));
        assert!(refused(with("net./../vm", Sharing::Default)).contains("NAME.NAME"));
    }
}
