//! `--pid` and the other namespaces: whose one the container uses. The network has more to say, in
//! `network.rs`.

use std::path::PathBuf;

use engine::Sharing;

/// `private`, `host`, `container:NAME` or `ns:PATH`.
pub(crate) fn sharing(text: &str) -> Result<Sharing, String> {
    match text.split_once(':') {
        None if text == "private" => Ok(Sharing::Private),
        None if text == "host" => Ok(Sharing::Host),
        Some(("container", name)) if !name.is_empty() => Ok(Sharing::Container(name.to_owned())),
        Some(("ns", path)) if path.starts_with('/') => Ok(Sharing::Path(PathBuf::from(path))),
        _ => Err(format!(
            "{text:?} is none of private, host, container:NAME and ns:PATH"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_ones_own_or_somebodys() {
        assert_eq!(sharing("host"), Ok(Sharing::Host));
        assert_eq!(sharing("container:db"), Ok(Sharing::Container("db".into())));
        assert_eq!(sharing("ns:/run/ns"), Ok(Sharing::Path("/run/ns".into())));
        for text in ["", "container:", "ns:relative", "shareable"] {
            assert!(sharing(text).is_err(), "{text}");
        }
    }
}
