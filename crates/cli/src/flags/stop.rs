//! How a container is ended: the flags that `stop` and `restart` share, and signals as they are
//! written.

use super::number;

/// How they are ended.
#[derive(Debug, clap::Args)]
pub(crate) struct StopFlags {
    /// Signal that asks them to end
    #[arg(short, long, value_name = "SIGNAL", value_parser = signal)]
    pub(crate) signal: Option<i32>,
    /// Seconds until they are killed; -1 for never
    #[arg(
        short = 't',
        long = "timeout",
        visible_alias = "time",
        value_name = "SECONDS",
        allow_hyphen_values = true,
        value_parser = number::whole
    )]
    pub(crate) timeout: Option<i64>,
}

/// A signal by name or number.
pub(crate) fn signal(text: &str) -> Result<i32, String> {
    sys::signals::signal_number(text).ok_or_else(|| format!("there is no signal {text:?}"))
}
