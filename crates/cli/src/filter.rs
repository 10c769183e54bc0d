//! `--filter KEY=VALUE`: conditions that objects of a list meet. Values of one key are
//! alternatives, different keys must all be met, as in Docker.

use std::collections::BTreeMap;

/// Conditions by their key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    wanted: BTreeMap<String, Vec<String>>,
}

impl Filters {
    /// Reads the conditions; `known` are the keys that make sense here.
    pub(crate) fn parse(flags: &[String], known: &[&str]) -> Result<Self, String> {
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for flag in flags {
            let (key, value) = flag
                .split_once('=')
                .ok_or_else(|| format!("invalid filter {flag:?}: expected KEY=VALUE"))?;
            if !known.contains(&key) {
                let known = known.join(", ");
                return Err(format!("there is no filter {key:?} here, only {known}"));
            }
            wanted
                .entry(key.to_owned())
                .or_default()
                .push(value.to_owned());
        }
        Ok(Self { wanted })
    }

    /// Refuses values of a key that no object could have; `expected` says which ones there are.
    pub(crate) fn require(
        &self,
        key: &str,
        expected: &str,
        is_good: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        match self.values(key).iter().find(|value| !is_good(value)) {
            Some(value) => Err(format!("invalid filter {key}={value}: expected {expected}")),
            None => Ok(()),
        }
    }

    /// Refuses values of a key that are none of these words.
    pub(crate) fn require_word(&self, key: &str, words: &[&str]) -> Result<(), String> {
        let expected = format!("one of {}", words.join(", "));
        self.require(key, &expected, |value| words.contains(&value))
    }

    /// Refuses values of a key that are neither yes nor no.
    pub(crate) fn require_truth(&self, key: &str) -> Result<(), String> {
        let is_truth = |value: &str| ["true", "false", "1", "0"].contains(&value);
        self.require(key, "true or false", is_truth)
    }

    /// The values that were given for a key.
    pub(crate) fn values(&self, key: &str) -> &[String] {
        self.wanted.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a key was given at all.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.wanted.contains_key(key)
    }

    /// Whether one of a key's values meets `is_met`; also when the key was not given.
    pub(crate) fn meets(&self, key: &str, is_met: impl Fn(&str) -> bool) -> bool {
        self.wanted
            .get(key)
            .is_none_or(|values| values.iter().any(|value| is_met(value)))
    }

    /// Whether labels meet every value of `label` and none of `label!`.
    pub(crate) fn meets_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|own| own == value),
            None => labels.contains_key(wanted),
        };
        self.values("label").iter().all(has) && !self.values("label!").iter().any(has)
    }
}

/// Whether a name matches a pattern: a part of it, or what begins and ends as `^` and `$` say.
pub(crate) fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, at_begin) = match pattern.strip_prefix('^') {
        Some(rest) => (rest.strip_prefix('/').unwrap_or(rest), true),
        None => (pattern, false),
    };
    let (pattern, at_end) = match pattern.strip_suffix('$') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    match (at_begin, at_end) {
        (true, true) => name == pattern,
        (true, false) => name.starts_with(pattern),
        (false, true) => name.ends_with(pattern),
        (false, false) => name.contains(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_key_are_alternatives() {
        let flags = ["status=running", "status=paused", "label=a=1"].map(str::to_owned);
        let filters = Filters::parse(&flags, &["status", "label"]).unwrap();
        assert!(filters.meets("status", |value| value == "paused"));
        assert!(!filters.meets("status", |value| value == "exited"));
        assert!(filters.meets("name", |_| false));
        let labels = |value: &str| BTreeMap::from([("a".to_owned(), value.to_owned())]);
        assert!(filters.meets_labels(&labels("1")) && !filters.meets_labels(&labels("2")));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_known_ones() {
        let error = Filters::parse(&["colour=red".to_owned()], &["id", "name"]).unwrap_err();
        assert_eq!(error, "there is no filter \"colour\" here, only id, name");
    }

    #[test]
    fn a_value_that_no_object_has_is_an_error() {
        let filters = Filters::parse(&["health=ill".to_owned()], &["health"]).unwrap();
        let error = filters.require_word("health", &["none", "healthy"]);
        let expected = "invalid filter health=ill: expected one of none, healthy";
        assert_eq!(error.unwrap_err(), expected);
        assert!(filters.require_truth("health").is_err());
        assert!(filters.require_truth("dangling").is_ok());
    }

    #[test]
    fn a_name_pattern_can_be_anchored() {
        assert!(name_matches("eb", "web") && name_matches("^/web$", "web"));
        assert!(!name_matches("^we$", "web") && name_matches("b$", "web"));
    }
}
