//! Flags of Docker's that have one value here, the one that is so anyway; others are refused.

/// Those of a new container.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OnlyOneWay {
    /// How it is kept apart, which on Linux is always in the same way
    #[arg(long = "isolation", hide = true, value_parser = isolation)]
    _isolation: Option<String>,
    /// Who keeps its volumes
    #[arg(long = "volume-driver", hide = true, value_parser = volume_driver)]
    _volume_driver: Option<String>,
}

fn isolation(text: &str) -> Result<String, String> {
    only(&["default", ""], "on Linux there is only default", text)
}

fn volume_driver(text: &str) -> Result<String, String> {
    only(&["local"], "there is only local", text)
}

/// Who gives addresses to a network's containers.
pub(crate) fn ipam_driver(text: &str) -> Result<String, String> {
    only(&["default"], "there is only default", text)
}

/// Where a network is known.
pub(crate) fn network_scope(text: &str) -> Result<String, String> {
    only(&["local"], "all networks are local", text)
}

fn only(words: &[&str], why: &str, text: &str) -> Result<String, String> {
    match words.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(why.to_owned()),
    }
}
