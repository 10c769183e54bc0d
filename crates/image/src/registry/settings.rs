//! What the caller's surroundings say about registries: where files are, proxies, and what the
//! command line overrules. Front doors fill it in.

use std::path::PathBuf;
use std::time::Duration;

use super::Credentials;

/// The surroundings of one command.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Files with credentials (Docker's `config.json`, containers' `auth.json`); the first that
    /// knows a registry counts.
    pub auth_files: Vec<PathBuf>,
    /// The one that `login` and `logout` change.
    pub login_file: PathBuf,
    /// Directories with one directory of certificates for each registry (`certs.d`).
    pub certs: Vec<PathBuf>,
    /// Directories with one `hosts.toml` for each registry.
    pub hosts: Vec<PathBuf>,
    /// `registries.conf` and the files of `registries.conf.d`; a later one overrules.
    pub registries_conf: Vec<PathBuf>,
    /// `policy.json`: the first that is there counts.
    pub policies: Vec<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
    /// Speak to registries whose certificate is not valid, and over plain HTTP.
    pub insecure: bool,
    /// For every registry of this command, instead of what the files say.
    pub credentials: Option<Credentials>,
    /// How long a registry may say nothing before a connection is given up; zero for ever.
    pub idle: Duration,
    /// How often a request is tried; at least once.
    pub attempts: u32,
}

/// Proxies, as curl's variables have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http://`.
    pub http: Option<String>,
    /// For `https://`.
    pub https: Option<String>,
    /// Hosts that are reached without: names, `.domains`, addresses, `*`; separated by commas.
    pub no_proxy: String,
}

impl Proxies {
    /// The proxy for a host, if there is one.
    pub(super) fn of(&self, host: &str, tls: bool) -> Option<&str> {
        let proxy = if tls { &self.https } else { &self.http };
        let name = host_name(host);
        let excluded = self.no_proxy.split(',').map(str::trim);
        if is_loopback(name) || excluded.into_iter().any(|entry| covers(entry, name, host)) {
            return None;
        }
        proxy.as_deref()
    }
}

/// Whether an entry of `NO_PROXY` means the host.
fn covers(entry: &str, name: &str, host: &str) -> bool {
    let domain = entry.trim_start_matches("*.").trim_start_matches('.');
    match entry {
        "" => false,
        "*" => true,
        _ => {
            entry == host
                || name.eq_ignore_ascii_case(domain)
                || name
                    .to_ascii_lowercase()
                    .strip_suffix(&domain.to_ascii_lowercase())
                    .is_some_and(|rest| rest.ends_with('.'))
        }
    }
}

/// The host without its port and brackets.
pub(super) fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Whether a host is this machine, which Docker reaches without TLS.
pub(super) fn is_loopback(name: &str) -> bool {
    let address = name.parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_excluded_from_proxies_as_by_curl() {
        let proxies = Proxies {
            http: Some("http://p:1".into()),
            https: Some("http://p:2".into()),
            no_proxy: "a.example, .b.example,*.c.example,d.example:5000".into(),
        };
        for host in [
            "a.example",
            "x.a.example:5000",
            "x.b.example",
            "x.c.example",
            "d.example:5000",
            "127.0.0.1:5000",
            "[::1]:5000",
            "localhost",
        ] {
            assert_eq!(proxies.of(host, true), None, "{host}");
        }
        assert_eq!(proxies.of("d.example", true), Some("http://p:2"));
        assert_eq!(proxies.of("xa.example", false), Some("http://p:1"));
    }
}
