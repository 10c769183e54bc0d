//! `registries.conf`, version 2, as Podman and CRI-O read it: where a repository really is, its
//! mirrors, which registries are blocked or have no valid certificate, and short names.
//!
//! Source: containers-registries.conf(5).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Error, Settings};
use crate::Reference;

/// What all the files say together.
#[derive(Debug, Clone, Default)]
pub(super) struct RegistriesConf {
    registries: Vec<(PathBuf, Registry)>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct File {
    registry: Vec<Registry>,
    aliases: BTreeMap<String, String>,
    unqualified_search_registries: Vec<String>,
}

/// One `[[registry]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Registry {
    prefix: String,
    location: String,
    pub(super) insecure: bool,
    pub(super) blocked: bool,
    mirror_by_digest_only: bool,
    pub(super) mirror: Vec<Mirror>,
}

/// One `[[registry.mirror]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Mirror {
    pub(super) location: String,
    pub(super) insecure: bool,
    pull_from_mirror: String,
}

/// What a file says about a repository.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    pub(super) registry: &'a Registry,
    pub(super) file: &'a Path,
    name: &'a str,
}

impl RegistriesConf {
    /// Reads the files; those that are not there say nothing.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut all = Self::default();
        for path in paths {
            let Some(file) = read(path)? else { continue };
            for registry in file.registry {
                // A later file overrules an earlier one about the same prefix.
                all.registries
                    .retain(|(_, other)| other.prefix() != registry.prefix());
                all.registries.push((path.clone(), registry));
            }
        }
        Ok(all)
    }

    /// The rule with the longest prefix of a repository with its domain.
    pub(super) fn rule<'a>(&'a self, name: &'a str) -> Option<Rule<'a>> {
        let matching = self
            .registries
            .iter()
            .filter(|(_, registry)| is_prefix(registry.prefix(), name));
        let best = matching.max_by_key(|(_, registry)| registry.prefix().len());
        best.map(|(file, registry)| Rule {
            registry,
            file,
            name,
        })
    }
}

impl Registry {
    fn prefix(&self) -> &str {
        match self.prefix.is_empty() {
            true => &self.location,
            false => &self.prefix,
        }
    }
}

impl Rule<'_> {
    /// Where the repository is, with its domain.
    pub(super) fn location(&self) -> String {
        self.at(&self.registry.location)
    }

    /// Where a mirror has it; `None` when it is not asked for this kind of reference.
    pub(super) fn mirror(&self, mirror: &Mirror, by_digest: bool) -> Option<String> {
        let asked = match mirror.pull_from_mirror.as_str() {
            "digest-only" => by_digest,
            "tag-only" => !by_digest,
            _ => by_digest || !self.registry.mirror_by_digest_only,
        };
        asked.then(|| self.at(&mirror.location))
    }

    fn at(&self, location: &str) -> String {
        let prefix = self.registry.prefix();
        if location.is_empty() || prefix.starts_with("*.") {
            return self.name.to_owned();
        }
        let rest = self.name.strip_prefix(prefix).unwrap_or_default();
        format!("{location}{rest}")
    }
}

impl Settings {
    /// What a name may stand for: itself, unless it has no registry and the files say which to
    /// take.
    ///
    /// # Errors
    /// A malformed name or file.
    pub fn candidates(&self, text: &str) -> Result<Vec<Reference>, crate::Error> {
        let reference: Reference = text.parse()?;
        let repository = reference.familiar_repository();
        // A short name is one that its owner wrote without a registry.
        let is_short = text.starts_with(&repository) && reference.domain() == "docker.io";
        let found = match is_short {
            true => short_name(&self.registries_conf, &repository)?,
            false => Vec::new(),
        };
        if found.is_empty() {
            return Ok(vec![reference.exact()]);
        }
        let suffix = text.get(repository.len()..).unwrap_or_default();
        let parsed = found.iter().map(|name| format!("{name}{suffix}").parse());
        let parsed: Result<Vec<Reference>, crate::Error> = parsed.collect();
        Ok(parsed?.into_iter().map(Reference::exact).collect())
    }
}

/// The full names that a short one (without a domain) may stand for, when a file says so.
fn short_name(paths: &[PathBuf], name: &str) -> Result<Vec<String>, Error> {
    let (mut alias, mut search) = (None, Vec::new());
    for path in paths {
        let Some(file) = read(path)? else { continue };
        if let Some(found) = file.aliases.get(name) {
            alias = Some(found.clone()).filter(|found| !found.is_empty());
        }
        if !file.unqualified_search_registries.is_empty() {
            search = file.unqualified_search_registries;
        }
    }
    Ok(match alias {
        Some(alias) => vec![alias],
        None => {
            let full = |registry: &String| format!("{registry}/{name}");
            search.iter().map(full).collect()
        }
    })
}

fn read(path: &Path) -> Result<Option<File>, Error> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::file("reading", path))?,
    };
    toml::from_str(&text)
        .map(Some)
        .map_err(|error| Error::settings(path, error.message()))
}

/// A prefix ends where a part of the name ends; `*.example.com` means any host below.
fn is_prefix(prefix: &str, name: &str) -> bool {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = name.split(['/', ':']).next().unwrap_or_default();
        return host.ends_with(domain);
    }
    match name.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with(['/', ':', '@']),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        unqualified-search-registries = ["a.example", "b.example"]
        [[registry]]
        prefix = "docker.io/library"
        location = "inner.example/hub"
        [[registry.mirror]]
        location = "mirror.example:5000/m"
        insecure = true
        [[registry.mirror]]
        location = "digests.example"
        pull-from-mirror = "digest-only"
        [[registry]]
        location = "bad.example"
        blocked = true
        [aliases]
        "tool" = "quay.example/x/tool"
    "#;

    fn conf(text: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registries.conf");
        std::fs::write(&path, text).unwrap();
        (directory, vec![path])
    }

    #[test]
    fn a_prefix_is_replaced_by_the_location() {
        let (_directory, paths) = conf(TEXT);
        let conf = RegistriesConf::read(&paths).unwrap();
        let rule = conf.rule("docker.io/library/tiny").unwrap();
        assert_eq!(rule.location(), "inner.example/hub/tiny");
        let mirrors = &rule.registry.mirror;
        let first = rule.mirror(&mirrors[0], false).unwrap();
        assert_eq!(first, "mirror.example:5000/m/tiny");
        assert_eq!(rule.mirror(&mirrors[1], false), None);
        assert!(conf.rule("docker.io/libraryx/tiny").is_none());
        assert!(conf.rule("bad.example/x").unwrap().registry.blocked);
    }

    #[test]
    fn an_alias_goes_before_the_registries_to_search() {
        let (_directory, paths) = conf(TEXT);
        let settings = Settings {
            registries_conf: paths,
            ..Default::default()
        };
        let names = |name| {
            let found = settings.candidates(name).unwrap();
            let names = found.iter().map(Reference::familiar);
            names.collect::<Vec<_>>()
        };
        assert_eq!(names("tool:1"), ["quay.example/x/tool:1"]);
        assert_eq!(
            names("other"),
            ["a.example/other:latest", "b.example/other:latest"]
        );
        assert_eq!(names("docker.io/other"), ["other:latest"]);
        assert_eq!(names("h.example/tool"), ["h.example/tool:latest"]);
    }

    #[test]
    fn a_malformed_file_is_named() {
        let (_directory, paths) = conf("registry = 5");
        let error = RegistriesConf::read(&paths).unwrap_err().to_string();
        assert!(error.contains("registries.conf"), "{error}");
    }
}
