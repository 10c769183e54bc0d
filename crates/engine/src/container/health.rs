//! Looking whether a container is well: what is looked at, and the look itself, which a process of
//! its own takes for the monitor. When it is taken is the monitor's business.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use monitor::OnFailure;
use runtime::{Process, Stdio};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
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
            program: program::probe(&self.paths, &record.id).to_vec(),
            interval: health.interval.unwrap_or(INTERVAL),
            start_period: health.start_period.unwrap_or(0),
            start_interval: health.start_interval.unwrap_or(START_INTERVAL),
            retries: health.retries.unwrap_or(RETRIES),
            on_failure: health.on_failure,
            stop_signal: record.process.stop_signal,
            stop_timeout: u64::try_from(timeout).ok().map(|seconds| seconds * 1000),
        })
    }

    /// Takes one look at a container: its exit code for the monitor, and what is to be said. The
    /// caller must have a single thread, and ends after this.
    ///
    /// # Errors
    /// [`Error::Status`] unless the container runs.
    pub fn take_look(&self, id: &str) -> Result<(i32, String), Error> {
        let record = self.find(id)?;
        let Some(health) = &record.health else {
            return Ok((0, String::new()));
        };
        let timeout = Duration::from_millis(health.timeout.unwrap_or(TIMEOUT));
        let until = Instant::now() + timeout;
        let live = look(&self.paths, &record)?;
        live.status.require(Operation::Exec, &record.name)?;
        let pid = live.pid.unwrap_or_default();
        Ok(match &health.test {
            Some(HealthTest::Command(words)) => self.look_by_program(&record, words, timeout)?,
            Some(HealthTest::Shell(line)) => {
                let words = ["/bin/sh", "-c", line].map(str::to_owned);
                self.look_by_program(&record, &words, timeout)?
            }
            Some(HealthTest::Tcp(address)) => verdict(
                enter_network(pid).and_then(|()| connect(address, until).map(drop)),
                "",
            ),
            Some(HealthTest::Http(address)) => {
                match enter_network(pid).and_then(|()| get(address, until)) {
                    Ok((status, line)) if (200..400).contains(&status) => (0, line),
                    Ok((_, line)) => (1, line),
                    Err(error) => (1, error.to_string()),
                }
            }
            Some(HealthTest::File(path)) => {
                let there = open_inside(pid, path)
                    .map(drop)
                    .map_err(std::io::Error::from);
                verdict(there, &path.display().to_string())
            }
            Some(HealthTest::Disabled) | None => (0, String::new()),
        })
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

fn verdict(outcome: std::io::Result<()>, what: &str) -> (i32, String) {
    match outcome {
        Ok(()) => (0, String::new()),
        Err(error) if what.is_empty() => (1, error.to_string()),
        Err(error) => (1, format!("{what}: {error}")),
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

/// Moves this process into the network of another one.
fn enter_network(pid: i32) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let enter = |kind: &str, link| {
        let path = format!("/proc/{pid}/ns/{kind}");
        let namespace = open(path, flags, Mode::empty())?;
        move_into_link_name_space(namespace.as_fd(), Some(link))
    };
    if !rustix::process::geteuid().is_root() {
        // Rights over the network come with its user namespace.
        enter("user", LinkNameSpaceType::User)?;
    }
    Ok(enter("net", LinkNameSpaceType::Network)?)
}

/// Opens a path of the container as its processes see it; nothing leads out of its root.
fn open_inside(pid: i32, path: &Path) -> Result<OwnedFd, Errno> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(format!("/proc/{pid}/root"), directory, Mode::empty())?;
    sys::path::open_in_root(root.as_fd(), path, OFlags::PATH)
}

/// What is left until then.
fn left(until: Instant) -> std::io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(std::io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

/// Connects to `PORT` or `ADDRESS:PORT`.
fn connect(address: &str, until: Instant) -> std::io::Result<TcpStream> {
    let address = match address.parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => address.to_owned(),
    };
    let mut last = std::io::Error::from(std::io::ErrorKind::InvalidInput);
    let resolved: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
    for address in resolved {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Asks for `[http://]HOST[:PORT][/PATH]`, `PORT/PATH` or `/PATH`; gives back the status and its
/// line.
fn get(address: &str, until: Instant) -> std::io::Result<(u16, String)> {
    let rest = address.strip_prefix("http://").unwrap_or(address);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let target = target(host);
    let mut stream = connect(&target, until)?;
    stream.set_write_timeout(Some(left(until)?))?;
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: wharf\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut block = [0; 512];
    while !answer.contains(&b'\n') && answer.len() < 4096 {
        // Of all of the look, however little comes at a time.
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut block)? {
            0 => break,
            length => answer.extend_from_slice(&block[..length]),
        }
    }
    let text = String::from_utf8_lossy(&answer);
    let line = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_owned();
    let mut words = line.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/"));
    let status = words.next().filter(|_| is_http);
    let status = status.and_then(|word| word.parse().ok());
    let wrong = || std::io::Error::other(format!("{target} does not speak HTTP"));
    Ok((status.ok_or_else(wrong)?, line))
}

/// Address and port of `HOST[:PORT]`, `PORT` or nothing.
fn target(host: &str) -> String {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match host.parse::<u16>() {
        _ if host.is_empty() => "127.0.0.1:80".to_owned(),
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) if has_port => host.to_owned(),
        Err(_) => format!("{host}:80"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_target_has_a_host_and_a_port() {
        for (host, expected) in [
            ("", "127.0.0.1:80"),
            ("8000", "127.0.0.1:8000"),
            ("[::1]", "[::1]:80"),
            ("[::1]:8000", "[::1]:8000"),
            ("box:8000", "box:8000"),
            ("box", "box:80"),
        ] {
            assert_eq!(target(host), expected);
        }
    }

    /// Serves one connection by `serve`, and asks for it with half a second of patience.
    fn answer_of(serve: impl FnOnce(TcpStream) + Send) -> std::io::Result<(u16, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::scope(|scope| {
            scope.spawn(move || serve(listener.accept().unwrap().0));
            get(&address, Instant::now() + Duration::from_millis(500))
        })
    }

    #[test]
    fn an_answer_may_come_in_pieces_and_must_be_of_http() {
        let (status, line) = answer_of(|mut stream| {
            for piece in [&b"HTT"[..], b"P/1.0 2", b"04 Fine\r\n"] {
                stream.write_all(piece).unwrap();
            }
        })
        .unwrap();
        assert_eq!((status, line.as_str()), (204, "HTTP/1.0 204 Fine"));
        let other = answer_of(|mut stream| stream.write_all(b"SSH-2.0 204 x\n").unwrap());
        assert!(other.unwrap_err().to_string().contains("not speak HTTP"));
    }

    /// One byte at a time would be within the patience for each for ever.
    #[test]
    fn a_look_ends_in_time_however_little_comes() {
        let end = answer_of(|mut stream| {
            stream
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            // Waiting for more of the request paces it; the asker hangs up in the end.
            while stream.write_all(b"x").is_ok() {
                let _ = stream.read(&mut [0; 1024]);
            }
        });
        let kind = end.unwrap_err().kind();
        assert!(
            matches!(
                kind,
                std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock
            ),
            "{kind}"
        );
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
