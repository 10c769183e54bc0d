//! The few things that are done with URLs: joining a `Location`, comparing origins, quoting values
//! of a query.

use std::fmt::Write;

use ureq::http::Uri;

/// The URL that `location` means in an answer from `base`.
pub(super) fn join(base: &str, location: &str) -> Option<String> {
    if location.parse::<Uri>().ok()?.scheme().is_some() {
        return Some(location.to_owned());
    }
    let base: Uri = base.parse().ok()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    if location.starts_with('/') {
        return Some(format!("{scheme}://{authority}{location}"));
    }
    let directory = base.path().rsplit_once('/').map_or("", |(path, _)| path);
    Some(format!("{scheme}://{authority}{directory}/{location}"))
}

/// The address of the next page in a header `Link: <…>; rel="next"`.
pub(super) fn next_page(link: &str) -> Option<&str> {
    let (address, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then_some(address)
}

/// Whether two URLs are of the same server, so that one may have what is said to the other.
pub(super) fn same_origin(a: &str, b: &str) -> bool {
    let origin = |url: &str| {
        let uri: Uri = url.parse().ok()?;
        Some((uri.scheme_str()?.to_owned(), uri.authority()?.to_string()))
    };
    origin(a).is_some() && origin(a) == origin(b)
}

/// Adds a value to the query of a URL.
pub(super) fn add_query(url: &mut String, name: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(name);
    url.push('=');
    quote(url, value);
}

/// Appends a value with everything quoted that has a meaning in queries and forms.
pub(super) fn quote(text: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'/' => {
                text.push(char::from(byte));
            }
            // Writing into a string cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_absolute_or_relative() {
        let base = "https://h:1/v2/x/blobs/uploads/?a=b";
        for (location, expected) in [
            ("http://o/p", "http://o/p"),
            ("//o/p", "https://o/p"),
            ("/v2/y?s=1", "https://h:1/v2/y?s=1"),
            ("z", "https://h:1/v2/x/blobs/uploads/z"),
        ] {
            assert_eq!(join(base, location).as_deref(), Some(expected));
        }
    }

    #[test]
    fn another_port_or_scheme_is_another_server() {
        assert!(same_origin("https://h:1/a", "https://h:1/b"));
        assert!(!same_origin("https://h:1/a", "https://h:2/a"));
        assert!(!same_origin("https://h:1/a", "http://h:1/a"));
    }

    #[test]
    fn the_next_page_is_found() {
        let link = "</v2/x/referrers/d?n=2>; rel=\"next\"";
        assert_eq!(next_page(link), Some("/v2/x/referrers/d?n=2"));
        assert_eq!(next_page("</v2/x>; rel=\"prev\""), None);
        assert_eq!(next_page("nonsense"), None);
    }

    #[test]
    fn values_are_quoted() {
        let mut url = "https://h/token".to_owned();
        add_query(&mut url, "service", "a b&c");
        add_query(&mut url, "scope", "repository:x/y:pull,push");
        let expected = "https://h/token?service=a%20b%26c&scope=repository:x/y:pull%2Cpush";
        assert_eq!(url, expected);
    }
}
