//! `WWW-Authenticate`: which way of authentication a registry wants.
//!
//! Source: RFC 9110, 11.6.1; distribution, "Token Authentication".

/// What a registry wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password.
    Basic,
    /// A token, from `realm`.
    Bearer {
        realm: String,
        service: Option<String>,
        /// What the request needs, when the registry says it.
        scope: Option<String>,
    },
}

/// The first way that we know; a token goes before a password.
pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let found: Vec<Challenge> = headers.flat_map(parse_one).collect();
    let bearer = found
        .iter()
        .find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(found.first()).cloned()
}

fn parse_one(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameters = parameters(rest);
    let value = |name: &str| {
        let found = parameters
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    Some(Challenge::Bearer {
        realm: value("realm")?,
        service: value("service"),
        scope: value("scope"),
    })
}

/// `name="value"` pairs, separated by commas; values may be quoted.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        let name: String = std::iter::from_fn(|| letters.next_if(|&c| c != '=')).collect();
        if letters.next().is_none() {
            return found;
        }
        let mut value = String::new();
        if letters.next_if_eq(&'"').is_some() {
            while let Some(letter) = letters.next() {
                match letter {
                    '"' => break,
                    '\\' => value.extend(letters.next()),
                    other => value.push(other),
                }
            }
            while letters.next_if(|&c| c != ',').is_some() {}
        } else {
            value.extend(std::iter::from_fn(|| letters.next_if(|&c| c != ',')));
        }
        letters.next();
        found.push((name.trim().to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_where_the_registry_says() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry, of \"x\"",scope="repository:a/b:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: Some("registry, of \"x\"".into()),
            scope: Some("repository:a/b:pull,push".into()),
        };
        assert_eq!(parse(["Basic realm=x", header].into_iter()), Some(expected));
    }

    #[test]
    fn ways_that_we_do_not_know_are_none() {
        assert_eq!(parse(["Negotiate"].into_iter()), None);
        assert_eq!(parse(["Bearer service=x"].into_iter()), None);
        assert_eq!(parse(["basic"].into_iter()), Some(Challenge::Basic));
    }
}
