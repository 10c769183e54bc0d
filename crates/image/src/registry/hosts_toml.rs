//! `hosts.toml`, as containerd reads it: the mirrors of one registry and how each is reached.
//!
//! Source: containerd, docs/hosts.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Error;

/// One host that is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Host {
    /// With its scheme, and a path if it has one.
    pub(super) url: String,
    pub(super) pull: bool,
    pub(super) resolve: bool,
    pub(super) push: bool,
    pub(super) skip_verify: bool,
    /// The path of the URL takes the place of `/v2`.
    pub(super) override_path: bool,
    pub(super) certificates: Vec<PathBuf>,
    /// Certificate and key.
    pub(super) client: Vec<(PathBuf, PathBuf)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) is_mirror: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    server: Option<String>,
    host: toml::Table,
    #[serde(flatten)]
    of_server: Entry,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Entry {
    capabilities: Option<Vec<String>>,
    skip_verify: bool,
    override_path: bool,
    ca: Option<OneOrMany>,
    client: Option<toml::Value>,
    header: BTreeMap<String, OneOrMany>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// The hosts to ask instead of `registry`, in order; `None` when no file says anything.
pub(super) fn hosts(directories: &[PathBuf], registry: &str) -> Result<Option<Vec<Host>>, Error> {
    let underscored = registry.replace(':', "_") + "_";
    for directory in directories {
        for name in [registry, underscored.as_str(), "_default"] {
            let path = directory.join(name).join("hosts.toml");
            match std::fs::read_to_string(&path) {
                Ok(text) => return parse(&path, &text, registry).map(Some),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file("reading", &path)(error)),
            }
        }
    }
    Ok(None)
}

fn parse(path: &Path, text: &str, registry: &str) -> Result<Vec<Host>, Error> {
    let file: File =
        toml::from_str(text).map_err(|error| Error::settings(path, error.message()))?;
    let mut hosts = Vec::new();
    // The order of the file is the order of asking, which a sorted table would lose.
    for url in order(text, &file.host) {
        let Some(value) = file.host.get(&url) else {
            continue;
        };
        let entry: Entry = value
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| Error::settings(path, error.message()))?;
        hosts.push(host(path, &url, entry, true)?);
    }
    let server = file.server.unwrap_or_else(|| match registry {
        "docker.io" => "https://registry-1.docker.io".to_owned(),
        _ => format!("https://{registry}"),
    });
    hosts.push(host(path, &server, file.of_server, false)?);
    Ok(hosts)
}

/// The names of the tables `[host."…"]` in the order of the file.
fn order(text: &str, table: &toml::Table) -> Vec<String> {
    let mut names: Vec<String> = table.keys().cloned().collect();
    let position = |name: &String| text.find(&format!("\"{name}\"")).unwrap_or(usize::MAX);
    names.sort_by_key(position);
    names
}

fn host(file: &Path, url: &str, entry: Entry, is_mirror: bool) -> Result<Host, Error> {
    let url = match url.contains("://") {
        true => url.to_owned(),
        false => format!("https://{url}"),
    };
    let capabilities = entry.capabilities;
    let has = |name: &str| {
        let listed = capabilities.as_ref();
        listed.is_none_or(|list| list.iter().any(|capability| capability == name))
    };
    let directory = file.parent().unwrap_or(Path::new("/"));
    let header = |(name, values): (String, OneOrMany)| {
        let values = values.into_vec().into_iter();
        values.map(move |value| (name.clone(), value))
    };
    Ok(Host {
        url: url.trim_end_matches('/').to_owned(),
        pull: has("pull"),
        resolve: has("resolve"),
        push: has("push"),
        skip_verify: entry.skip_verify,
        override_path: entry.override_path,
        certificates: entry
            .ca
            .map(OneOrMany::into_vec)
            .unwrap_or_default()
            .into_iter()
            .map(|ca| directory.join(ca))
            .collect(),
        client: clients(file, directory, entry.client)?,
        headers: entry.header.into_iter().flat_map(header).collect(),
        is_mirror,
    })
}

/// `client = "one.pem"`, or `[["certificate", "key"], …]`.
fn clients(
    file: &Path,
    directory: &Path,
    value: Option<toml::Value>,
) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let malformed = || Error::settings(file, "client is no file and no list of pairs of files");
    let text = |value: &toml::Value| {
        let path = value.as_str().map(|text| directory.join(text));
        path.ok_or_else(malformed)
    };
    let pair = |value: &toml::Value| match value {
        toml::Value::Array(pair) => match pair.as_slice() {
            [both] => Ok((text(both)?, text(both)?)),
            [certificate, key] => Ok((text(certificate)?, text(key)?)),
            _ => Err(malformed()),
        },
        both => Ok((text(both)?, text(both)?)),
    };
    match value {
        None => Ok(Vec::new()),
        Some(toml::Value::Array(list)) => list.iter().map(pair).collect(),
        Some(both) => Ok(vec![pair(&both)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_come_in_the_order_of_the_file_and_the_server_last() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("r.example:5000");
        std::fs::create_dir(&own).unwrap();
        let text = r#"
            server = "https://r.example:5000"
            [host."https://z.example/v2/mirror"]
            capabilities = ["pull", "resolve"]
            override_path = true
            ca = "z.crt"
            [host."http://a.example"]
            capabilities = ["pull"]
            client = [["c.pem", "k.pem"]]
            [host."http://a.example".header]
            x-one = ["1", "2"]
        "#;
        std::fs::write(own.join("hosts.toml"), text).unwrap();
        let hosts = hosts(&[directory.path().into()], "r.example:5000")
            .unwrap()
            .unwrap();
        let urls: Vec<&str> = hosts.iter().map(|host| host.url.as_str()).collect();
        let expected = [
            "https://z.example/v2/mirror",
            "http://a.example",
            "https://r.example:5000",
        ];
        assert_eq!(urls, expected);
        assert!(hosts[0].override_path && hosts[0].resolve && !hosts[0].push);
        assert_eq!(hosts[0].certificates, [own.join("z.crt")]);
        assert_eq!(hosts[1].client, [(own.join("c.pem"), own.join("k.pem"))]);
        assert_eq!(hosts[1].headers.len(), 2);
        assert!(hosts[2].push && !hosts[2].is_mirror);
    }
}
