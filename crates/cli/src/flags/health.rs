//! The flags about a container's health.

use std::path::PathBuf;
use std::time::Duration;

use engine::{HealthConfig, HealthTest};
use monitor::OnFailure;

use super::duration::duration;
use super::number;

/// Docker's, and those that look without running a program.
#[derive(Debug, clap::Args)]
pub(crate) struct HealthFlags {
    /// Look whether it is well with a command of its shell
    #[arg(long, value_name = "COMMAND", group = "health")]
    health_cmd: Option<String>,
    /// Look whether it is well with a GET, of http://HOST:PORT/PATH or PORT/PATH
    #[arg(long, value_name = "ADDRESS", group = "health")]
    health_http: Option<String>,
    /// Look whether a port, or ADDRESS:PORT, can be connected to
    #[arg(long, value_name = "PORT", group = "health")]
    health_tcp: Option<String>,
    /// Look whether a file is there
    #[arg(long, value_name = "PATH", group = "health")]
    health_file: Option<PathBuf>,
    /// Do not look, whatever the image says
    #[arg(long, group = "health")]
    no_healthcheck: bool,
    /// Time between two looks
    #[arg(long, value_name = "DURATION", value_parser = span)]
    health_interval: Option<Duration>,
    /// The longest that a look may take
    #[arg(long, value_name = "DURATION", value_parser = span)]
    health_timeout: Option<Duration>,
    /// Time after the start in which failures do not count
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    health_start_period: Option<Duration>,
    /// Time between two looks in the start period
    #[arg(long, value_name = "DURATION", value_parser = span)]
    health_start_interval: Option<Duration>,
    /// So many failures in a row make it unhealthy
    #[arg(long, value_name = "NUMBER", value_parser = number::count::<u32>)]
    health_retries: Option<u32>,
    /// What is done then: none, restart, stop or kill
    #[arg(long, value_name = "ACTION", default_value = "none", value_parser = on_failure)]
    health_on_failure: OnFailure,
}

/// As Docker, nothing below a millisecond but 0, which is as if nothing was said.
fn span(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    match !span.is_zero() && span < Duration::from_millis(1) {
        true => Err(format!("invalid duration {text:?}: expected at least 1ms")),
        false => Ok(span),
    }
}

fn on_failure(text: &str) -> Result<OnFailure, String> {
    match text {
        "none" => Ok(OnFailure::None),
        "restart" => Ok(OnFailure::Restart),
        "stop" => Ok(OnFailure::Stop),
        "kill" => Ok(OnFailure::Kill),
        _ => Err(format!("{text:?} is none of none, restart, stop and kill")),
    }
}

impl HealthFlags {
    /// What is looked at, and how often.
    pub(crate) fn config(self) -> Result<HealthConfig, String> {
        let has_times = [
            self.health_interval,
            self.health_timeout,
            self.health_start_period,
            self.health_start_interval,
        ];
        if self.no_healthcheck && has_times.iter().any(Option::is_some) {
            return Err("--no-healthcheck and the other health options exclude each other".into());
        }
        let ms = |span: Option<Duration>| {
            span.filter(|span| !span.is_zero())
                .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
        };
        let test = match (
            self.health_cmd,
            self.health_http,
            self.health_tcp,
            self.health_file,
        ) {
            (Some(line), ..) if line == "none" => Some(HealthTest::Disabled),
            (Some(line), ..) => Some(HealthTest::Shell(line)),
            (_, Some(address), ..) if address.starts_with("https:") => {
                return Err(format!(
                    "invalid health address {address:?}: only http is spoken"
                ));
            }
            (_, Some(address), ..) => Some(HealthTest::Http(address)),
            (_, _, Some(address), _) => Some(HealthTest::Tcp(address)),
            (_, _, _, Some(path)) => Some(HealthTest::File(path)),
            _ if self.no_healthcheck => Some(HealthTest::Disabled),
            _ => None,
        };
        Ok(HealthConfig {
            test,
            interval: ms(self.health_interval),
            timeout: ms(self.health_timeout),
            start_period: ms(self.health_start_period),
            start_interval: ms(self.health_start_interval),
            retries: self.health_retries,
            on_failure: self.health_on_failure,
        })
    }
}
