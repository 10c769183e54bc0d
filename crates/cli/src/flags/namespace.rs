//! `--network`, `--pid` and the other namespaces: whose one the container uses.

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

/// The same for the network, which is called `none` when only `lo` is in it.
pub(crate) fn network(text: &str) -> Result<Sharing, String> {
    match text {
        "none" => Ok(Sharing::Private),
        "bridge" | "default" => {
            Err("bridge networks are not supported yet; there are none and host".to_owned())
        }
        _ => sharing(text).map_err(|_| {
            format!("the network {text:?} is none of none, host, container:NAME and ns:PATH")
        }),
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
        assert_eq!(network("none"), Ok(Sharing::Private));
        for text in ["", "container:", "ns:relative", "shareable"] {
            assert!(sharing(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_that_do_not_exist_yet_are_refused_by_name() {
        assert!(network("bridge").unwrap_err().contains("not supported yet"));
        assert!(network("web").unwrap_err().contains("\"web\""));
    }
}
