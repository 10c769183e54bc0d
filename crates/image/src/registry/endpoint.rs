//! Which hosts are asked for a repository, in which order, and how each is reached: what
//! `registries.conf`, `hosts.toml`, `certs.d` and Docker's own rules say about it.

use std::path::{Path, PathBuf};

use super::hosts_toml::{self, Host};
use super::registries_conf::RegistriesConf;
use super::settings::{host_name, is_loopback};
use super::{Access, Error, Settings};

/// One place where a repository is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// As it is named in messages and credentials: `docker.io`, `localhost:5000`.
    pub(super) host: String,
    /// What repositories are appended to: `https://registry-1.docker.io/v2`.
    pub(super) base: String,
    /// The same without TLS, when that may be tried.
    pub(super) plain: Option<String>,
    /// The repository there.
    pub(super) repository: String,
    /// Without looking at certificates.
    pub(super) insecure: bool,
    /// Certificates to trust beside the system's.
    pub(super) certificates: Vec<PathBuf>,
    /// Certificate and key that say who we are.
    pub(super) client: Vec<(PathBuf, PathBuf)>,
    /// Sent with every request.
    pub(super) headers: Vec<(String, String)>,
    /// Whether a tag may be resolved here.
    pub(super) resolves: bool,
}

/// The places of a repository (`domain` and `path` as in a reference), the first to ask first.
///
/// # Errors
/// [`Error::Blocked`]; a file that is malformed.
pub(super) fn endpoints(
    settings: &Settings,
    domain: &str,
    path: &str,
    access: Access,
    by_digest: bool,
) -> Result<Vec<Endpoint>, Error> {
    let name = format!("{domain}/{path}");
    let conf = RegistriesConf::read(&settings.registries_conf)?;
    let Some(rule) = conf.rule(&name) else {
        return of_domain(settings, domain, path, access, false);
    };
    if rule.registry.blocked {
        return Err(Error::Blocked {
            name: name.clone(),
            file: rule.file.to_owned(),
        });
    }
    let mut found = Vec::new();
    if access == Access::Pull {
        for mirror in &rule.registry.mirror {
            let Some(location) = rule.mirror(mirror, by_digest) else {
                continue;
            };
            let (domain, path) = split(&location, rule.file)?;
            found.push(direct(settings, domain, path, mirror.insecure)?);
        }
    }
    let location = rule.location();
    let (domain, path) = split(&location, rule.file)?;
    found.extend(of_domain(
        settings,
        domain,
        path,
        access,
        rule.registry.insecure,
    )?);
    Ok(found)
}

fn split<'a>(location: &'a str, file: &Path) -> Result<(&'a str, &'a str), Error> {
    location
        .split_once('/')
        .ok_or_else(|| Error::settings(file, format!("{location} is no place of a repository")))
}

/// The hosts of a domain by its `hosts.toml`, or the domain itself.
fn of_domain(
    settings: &Settings,
    domain: &str,
    path: &str,
    access: Access,
    insecure: bool,
) -> Result<Vec<Endpoint>, Error> {
    let Some(hosts) = hosts_toml::hosts(&settings.hosts, domain)? else {
        return Ok(vec![direct(settings, domain, path, insecure)?]);
    };
    let mut found = Vec::new();
    for host in hosts {
        let usable = match access {
            Access::Pull => host.pull,
            Access::Push => host.push,
        };
        if usable {
            found.push(of_host(settings, domain, path, host)?);
        }
    }
    Ok(found)
}

fn of_host(settings: &Settings, domain: &str, path: &str, host: Host) -> Result<Endpoint, Error> {
    let authority = host.url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let mut endpoint = match host.is_mirror {
        true => direct(settings, authority, path, host.skip_verify)?,
        false => direct(settings, domain, path, host.skip_verify)?,
    };
    endpoint.base = match host.override_path {
        true => host.url,
        false => format!("{}/v2", host.url),
    };
    // The file says the scheme, so nothing is tried beside it.
    endpoint.plain = None;
    endpoint.certificates.extend(host.certificates);
    endpoint.client.extend(host.client);
    endpoint.headers = host.headers;
    endpoint.resolves = host.resolve;
    Ok(endpoint)
}

/// A domain that no file gives mirrors to.
fn direct(
    settings: &Settings,
    domain: &str,
    path: &str,
    insecure: bool,
) -> Result<Endpoint, Error> {
    // The one registry that is not where its name says.
    let host = match domain {
        "docker.io" => "registry-1.docker.io",
        other => other,
    };
    let insecure = insecure || settings.insecure || is_loopback(host_name(domain));
    let mut endpoint = Endpoint {
        host: domain.to_owned(),
        base: format!("https://{host}/v2"),
        plain: insecure.then(|| format!("http://{host}/v2")),
        repository: path.to_owned(),
        insecure,
        resolves: true,
        ..Default::default()
    };
    for directory in &settings.certs {
        add_certificates(&directory.join(host), &mut endpoint)?;
    }
    Ok(endpoint)
}

/// Docker's `certs.d`: `*.crt` are trusted, `x.cert` with `x.key` is ours.
fn add_certificates(directory: &Path, endpoint: &mut Endpoint) -> Result<(), Error> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::file("reading", directory))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(Error::file("reading", directory))?.path());
    }
    paths.sort();
    for path in paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => endpoint.certificates.push(path),
            Some("cert") => {
                let key = path.with_extension("key");
                if !key.exists() {
                    let problem = format!("there is no key {}", key.display());
                    return Err(Error::settings(&path, problem));
                }
                endpoint.client.push((path, key));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(settings: &Settings, domain: &str, access: Access) -> Vec<Endpoint> {
        endpoints(settings, domain, "library/x", access, false).unwrap()
    }

    #[test]
    fn the_default_registry_is_not_where_its_name_says() {
        let found = places(&Settings::default(), "docker.io", Access::Pull);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].base, "https://registry-1.docker.io/v2");
        assert_eq!(found[0].plain, None);
        assert_eq!(found[0].host, "docker.io");
    }

    #[test]
    fn this_machine_needs_no_certificate() {
        for domain in ["localhost:5000", "127.0.0.2:5000", "[::1]:5000"] {
            let found = places(&Settings::default(), domain, Access::Push);
            assert!(found[0].insecure, "{domain}");
            assert_eq!(found[0].plain, Some(format!("http://{domain}/v2")));
        }
        assert!(!places(&Settings::default(), "h.example", Access::Pull)[0].insecure);
    }

    #[test]
    fn mirrors_are_asked_first_and_never_pushed_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registries.conf");
        let text = "[[registry]]\nlocation = \"r.example\"\n\
                    [[registry.mirror]]\nlocation = \"m.example/deep\"\n";
        std::fs::write(&path, text).unwrap();
        let settings = Settings {
            registries_conf: vec![path],
            ..Default::default()
        };
        let pulled = places(&settings, "r.example", Access::Pull);
        let bases: Vec<&str> = pulled.iter().map(|place| place.base.as_str()).collect();
        assert_eq!(bases, ["https://m.example/v2", "https://r.example/v2"]);
        assert_eq!(pulled[0].repository, "deep/library/x");
        assert_eq!(places(&settings, "r.example", Access::Push).len(), 1);
    }

    #[test]
    fn certificates_of_a_registry_are_found_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("r.example:5000");
        std::fs::create_dir(&own).unwrap();
        for name in ["ca.crt", "client.cert", "client.key"] {
            std::fs::write(own.join(name), "").unwrap();
        }
        let settings = Settings {
            certs: vec![directory.path().into()],
            ..Default::default()
        };
        let found = places(&settings, "r.example:5000", Access::Pull);
        assert_eq!(found[0].certificates, [own.join("ca.crt")]);
        assert_eq!(
            found[0].client,
            [(own.join("client.cert"), own.join("client.key"))]
        );
    }
}
