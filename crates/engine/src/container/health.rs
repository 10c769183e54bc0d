//! Looking whether a container is well: what is looked at, and the look by a program in it, which a
//! process of its own takes for the monitor. The other looks, and when one is taken, are the
//! monitor's business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use monitor::{Look, OnFailure, Target};
use runtime::{Process, Stdio};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use spec::image::Healthcheck;

use super::exec::ExecConfig;
use super::live::look;
use super::record::Record;
use super::status::Operation;
use crate::program;
use crate::{Engine, Error};

/// What is looked at, and how often. What is `None` is the image's, or Docker's default. Times are
/// milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthConfig {
    /// What is looked at.
    pub test: Option<HealthTest>,
    /// Between two looks.
    pub interval: Option<u64>,
    /// The longest that a look may take.
    pub timeout: Option<u64>,
    /// After the start: failures do not count.
    pub start_period: Option<u64>,
    /// Between two looks in the start period.
    pub start_interval: Option<u64>,
    /// So many failures in a row make it unhealthy.
    pub retries: Option<u32>,
    /// What is done then.
    pub on_failure: OnFailure,
}

/// What tells that a container is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthTest {
    /// Nothing is looked at, whatever the image says.
    Disabled,
    /// A program in the container that ends with 0.
    Command(Vec<String>),
    /// The same, run by the container's shell.
    Shell(String),
    /// An address in the container's network that answers a GET with 2xx or 3xx.
    Http(String),
    /// A port, or address and port, that can be connected to.
    Tcp(String),
    /// A file that is there.
    File(PathBuf),
}

const INTERVAL: u64 = 30_000;
const TIMEOUT: u64 = 30_000;
const START_INTERVAL: u64 = 5_000;
const RETRIES: u32 = 3;

/// The health configuration of a container: the user's over the image's.
pub(super) fn resolve(
    config: &HealthConfig,
    image: Option<&Healthcheck>,
) -> Result<Option<HealthConfig>, Error> {
    let none = Healthcheck::default();
    let image = image.unwrap_or(&none);
    let ms = |nanos: u64| Some(nanos / 1_000_000).filter(|ms| *ms > 0);
    let test = match (&config.test, image.test.split_first()) {
        (Some(test), _) => Some(test.clone()),
        (None, Some((kind, words))) => match kind.as_str() {
            "CMD" => Some(HealthTest::Command(words.to_vec())),
            "CMD-SHELL" => words.first().cloned().map(HealthTest::Shell),
            _ => None,
        },
        (None, None) => None,
    };
    let health = HealthConfig {
        interval: config.interval.or(ms(image.interval)),
        timeout: config.timeout.or(ms(image.timeout)),
        start_period: config.start_period.or(ms(image.start_period)),
        start_interval: config.start_interval.or(ms(image.start_interval)),
        retries: config.retries.or(Some(image.retries).filter(|n| *n > 0)),
        test: test.clone(),
        ..config.clone()
    };
    if let Some(test) = &test {
        look_for(test)?;
    }
    match test {
        Some(HealthTest::Disabled) => Ok(None),
        None if health.on_failure != OnFailure::None => Err(Error::Invalid {
            what: "health check",
            why: "something is to be done on failure, but nothing is looked at".to_owned(),
        }),
        None => Ok(None),
        Some(_) => Ok(Some(health)),
    }
}

impl Engine {
    /// What the monitor has to know of a container's health.
    pub(super) fn probe(&self, record: &Record) -> Option<monitor::Probe> {
        let health = record.health.as_ref()?;
        let timeout = record.config.stop_timeout.unwrap_or(super::stop::TIMEOUT);
        Some(monitor::Probe {
            look: look_for(health.test.as_ref()?).ok()?,
            program: program::probe(&self.paths, &record.id).to_vec(),
            timeout: health.timeout.unwrap_or(TIMEOUT),
            interval: health.interval.unwrap_or(INTERVAL),
            start_period: health.start_period.unwrap_or(0),
            start_interval: health.start_interval.unwrap_or(START_INTERVAL),
            retries: health.retries.unwrap_or(RETRIES),
            on_failure: health.on_failure,
            stop_signal: record.process.stop_signal,
            stop_timeout: u64::try_from(timeout).ok().map(|seconds| seconds * 1000),
        })
    }

    /// Takes one look at a container by a program in it: its exit code for the monitor, and what is
    /// to be said.
    ///
    /// # Errors
    /// [`Error::Status`] unless the container runs.
    pub fn take_look(&self, id: &str) -> Result<(i32, String), Error> {
        let record = self.find(id)?;
        let Some(health) = &record.health else {
            return Ok((0, String::new()));
        };
        let timeout = Duration::from_millis(health.timeout.unwrap_or(TIMEOUT));
        look(&self.paths, &record)?
            .status
            .require(Operation::Exec, &record.name)?;
        match &health.test {
            Some(HealthTest::Command(words)) => self.look_by_program(&record, words, timeout),
            Some(HealthTest::Shell(line)) => {
                let words = ["/bin/sh", "-c", line].map(str::to_owned);
                self.look_by_program(&record, &words, timeout)
            }
            _ => Ok((0, String::new())),
        }
    }

    fn look_by_program(
        &self,
        record: &Record,
        words: &[String],
        timeout: Duration,
    ) -> Result<(i32, String), Error> {
        let config = ExecConfig {
            command: words.to_vec(),
            ..ExecConfig::default()
        };
        // The same pipe once more: ours stays open for what is to be said afterwards.
        let again = |fd: i32| {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            open(format!("/proc/self/fd/{fd}"), flags, Mode::empty())
        };
        let failed = |errno| Error::io("opening the streams of", Path::new("the probe"), errno);
        let stdio = Stdio::Fds {
            stdin: open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .map_err(failed)?,
            stdout: again(1).map_err(failed)?,
            stderr: again(2).map_err(failed)?,
        };
        let exec = match self.exec(&record.id, &config, stdio) {
            Ok(exec) => exec,
            Err(error) if matches!(error.run_exit_code(), 126 | 127) => {
                return Ok((error.run_exit_code(), error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let (code, words) = wait(&exec.process, timeout).unwrap_or_else(|| {
            let ms = timeout.as_millis();
            (-1, format!("Health check exceeded timeout ({ms}ms)"))
        });
        self.exec_ended(&exec.session, code);
        Ok((code, words))
    }
}

/// Waits for a process; kills it when the time is over.
fn wait(process: &Process, timeout: Duration) -> Option<(i32, String)> {
    let until = Instant::now() + timeout;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let limit = Timespec::try_from(left).ok();
        let mut fds = [PollFd::new(&process.pidfd, PollFlags::IN)];
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) => {
                // One that has just ended needs no signal.
                let kill = rustix::process::Signal::KILL;
                let _ = rustix::process::pidfd_send_signal(&process.pidfd, kill);
                let _ = process.wait();
                return None;
            }
            Ok(_) => return process.wait().ok().map(|exit| (exit.code(), String::new())),
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// How the monitor looks.
fn look_for(test: &HealthTest) -> Result<Look, Error> {
    Ok(match test {
        HealthTest::Disabled | HealthTest::Command(_) | HealthTest::Shell(_) => Look::Program,
        HealthTest::File(path) => Look::File(path.clone()),
        HealthTest::Tcp(target) => Look::Network(Target {
            addresses: addresses(target, None)?,
            request: None,
        }),
        HealthTest::Http(address) => Look::Network(http(address)?),
    })
}

/// The GET of `[http://]HOST[:PORT][/PATH]`, `PORT/PATH` or `/PATH`.
fn http(address: &str) -> Result<Target, Error> {
    let rest = address.strip_prefix("http://").unwrap_or(address);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_plain = |byte: u8| byte.is_ascii_graphic();
    if !path.bytes().all(is_plain) {
        return Err(invalid(format!(
            "{address:?} has a path with blanks or more than ASCII"
        )));
    }
    let host = match host.parse::<u16>() {
        Ok(port) => format!("localhost:{port}"),
        Err(_) if host.is_empty() => "localhost".to_owned(),
        Err(_) => host.to_owned(),
    };
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: wharf\r\nConnection: close\r\n\r\n"
    );
    Ok(Target {
        addresses: addresses(&host, Some(80))?,
        request: Some(request),
    })
}

/// The addresses of `HOST:PORT` or `PORT`, with a default port also of `HOST`. Nobody resolves names
/// for the monitor, which must not wait: a host is an address or `localhost`.
fn addresses(target: &str, default: Option<u16>) -> Result<Vec<SocketAddr>, Error> {
    let wrong = || {
        invalid(format!(
            "{target:?} is no address: expected a port, ADDRESS:PORT or localhost:PORT; names are not resolved"
        ))
    };
    let (host, port) = match (target.parse::<u16>(), target.rsplit_once(':')) {
        (Ok(port), _) => ("localhost", Some(port)),
        (_, Some((host, port))) if !target.ends_with(']') => (host, port.parse().ok()),
        _ => (target, default),
    };
    let port = port.filter(|port| *port != 0).ok_or_else(wrong)?;
    if host == "localhost" {
        let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        return Ok(both.map(|address| SocketAddr::new(address, port)).to_vec());
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().map(IpAddr::V4),
    };
    let address = address.map_err(|_| wrong())?;
    Ok(vec![SocketAddr::new(address, port)])
}

fn invalid(why: String) -> Error {
    Error::Invalid {
        what: "health check",
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_an_address_and_a_port() {
        let both = |port| format!("127.0.0.1:{port} [::1]:{port}");
        for (target, default, expected) in [
            ("8000", None, both(8000)),
            ("localhost:8000", None, both(8000)),
            ("localhost", Some(80), both(80)),
            ("192.0.2.1:8000", None, "192.0.2.1:8000".to_owned()),
            ("192.0.2.1", Some(80), "192.0.2.1:80".to_owned()),
            ("[2001:db8::1]:8000", None, "[2001:db8::1]:8000".to_owned()),
            ("[2001:db8::1]", Some(80), "[2001:db8::1]:80".to_owned()),
        ] {
            let found = addresses(target, default).unwrap();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{target}");
        }
        for target in [
            "",
            "0",
            "70000",
            "box:80",
            "localhost",
            "localhost:",
            "::1",
            "[::1",
            "1.2.3:4",
        ] {
            let error = addresses(target, None).unwrap_err().to_string();
            assert!(error.contains(&format!("{target:?}")), "{error}");
        }
    }

    #[test]
    fn a_get_asks_its_host_for_its_path() {
        for (address, host, path) in [
            ("8000/well", "localhost:8000", "/well"),
            ("/well?all=1", "localhost", "/well?all=1"),
            ("http://192.0.2.1:81", "192.0.2.1:81", "/"),
            ("http://[::1]/a/b", "[::1]", "/a/b"),
        ] {
            let request = http(address).unwrap().request.unwrap();
            let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
            assert!(request.starts_with(&head), "{request}");
        }
        assert!(http("8000/a b").is_err() && http("8000/\r\nX: y").is_err());
    }

    #[test]
    fn the_users_words_go_before_the_images() {
        let image = Healthcheck {
            test: ["CMD-SHELL", "true"].map(str::to_owned).to_vec(),
            interval: 5_000_000_000,
            ..Healthcheck::default()
        };
        let resolved = resolve(&HealthConfig::default(), Some(&image))
            .unwrap()
            .unwrap();
        assert_eq!(resolved.test, Some(HealthTest::Shell("true".into())));
        assert_eq!(resolved.interval, Some(5000));
        let config = HealthConfig {
            test: Some(HealthTest::Disabled),
            ..HealthConfig::default()
        };
        assert_eq!(resolve(&config, Some(&image)).unwrap(), None);
        let config = HealthConfig {
            on_failure: OnFailure::Kill,
            ..HealthConfig::default()
        };
        assert!(resolve(&config, None).is_err());
    }
}
