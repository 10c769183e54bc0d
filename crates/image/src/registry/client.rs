//! Requests to one registry: who we are, redirects, and trying again. What is asked lives in the
//! files of the verbs.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::http::{self, HeaderMap, StatusCode};
use ureq::{Agent, SendBody};

use super::auth::Tokens;
use super::endpoint::Endpoint;
use super::error::Transport;
use super::settings::host_name;
use super::{Error, Settings, challenge, tls, url};

/// As Docker and Go.
const MOST_REDIRECTS: usize = 10;
/// The longest that a registry makes us wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const CONNECT: Duration = Duration::from_secs(30);
/// A registry that gives pages of a list for ever is not read for ever.
pub(super) const MOST_PAGES: usize = 1000;
/// Of an answer that is an error.
const LONGEST_MESSAGE: u64 = 64 * 1024;

/// The one who speaks to a registry.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) endpoint: Endpoint,
    settings: Settings,
    agent: Mutex<Option<Agent>>,
    /// The registry turned out to speak no TLS.
    plain: AtomicBool,
    tokens: Tokens,
}

/// A request.
pub(super) struct Call<'a> {
    /// For errors: `getting the manifest of x`.
    pub(super) what: &'a str,
    pub(super) method: http::Method,
    /// Absolute, or below the registry's base when it begins with a slash.
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body<'a>,
    /// What a token must allow: `repository:x:pull`.
    pub(super) scope: String,
}

/// What is sent. A part of a file can be sent again.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    File(&'a std::fs::File, u64, u64),
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: ureq::Body,
    /// Where it came from in the end.
    pub(super) url: String,
}

impl Body<'_> {
    /// Of what is sent, if anything is.
    fn length(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(_, _, length) => Some(*length),
        }
    }
}

impl Client {
    pub(super) fn new(settings: &Settings, endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            settings: settings.clone(),
            agent: Mutex::default(),
            plain: AtomicBool::new(false),
            tokens: Tokens::default(),
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.endpoint.host
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes a request until it is answered with something that is no passing trouble.
    ///
    /// # Errors
    /// No answer; too many redirects. A status is not an error here.
    pub(super) fn call(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let attempts = self.settings.attempts.max(1);
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let outcome = self.follow(call);
            let pause = match &outcome {
                Ok(answer) if is_passing(answer.status) => answer.retry_after().unwrap_or(wait),
                Err(Error::Unreachable { source, .. }) if is_retried(&source.0) => wait,
                // Whoever gives tokens has passing troubles, too.
                Err(Error::RateLimited { retry_after, .. }) => retry_after.unwrap_or(wait),
                Err(Error::Status { status, .. }) if is_passing_code(*status) => wait,
                _ => return outcome,
            };
            if attempt >= attempts || pause > LONGEST_WAIT {
                return outcome;
            }
            std::thread::sleep(pause);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.follow(call)
    }

    /// As [`Client::call`], but any status beside the ones that are expected is an error.
    pub(super) fn demand(&self, call: &Call<'_>, expected: &[StatusCode]) -> Result<Answer, Error> {
        let answer = self.call(call)?;
        match expected.contains(&answer.status) {
            true => Ok(answer),
            false => Err(self.refused(call.what, answer)),
        }
    }

    /// A status as the error that it means.
    pub(super) fn refused(&self, what: &str, mut answer: Answer) -> Error {
        let retry_after = answer.retry_after();
        let (what, host) = (what.to_owned(), self.host().to_owned());
        let message = answer.message();
        match answer.status.as_u16() {
            401 => Error::Unauthorized {
                what,
                host,
                message,
            },
            403 => Error::Denied {
                what,
                host,
                message,
            },
            404 => Error::NotFound {
                what,
                host,
                message,
            },
            429 => Error::RateLimited {
                what,
                host,
                retry_after,
                message,
            },
            status => Error::Status {
                what,
                host,
                status,
                message,
            },
        }
    }

    /// An answer that makes no sense.
    pub(super) fn protocol(&self, what: &str, problem: impl Into<String>) -> Error {
        Error::Protocol {
            what: what.to_owned(),
            host: self.host().to_owned(),
            problem: problem.into(),
        }
    }

    /// Follows redirects, and says who we are when asked.
    fn follow(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let mut url = self.absolute(&call.url);
        let mut asked = false;
        for _ in 0..=MOST_REDIRECTS {
            let is_ours = url::same_origin(&url, &self.absolute(&call.url));
            let sent = self.tokens.header(&call.scope);
            let sent = sent.as_deref().filter(|_| is_ours);
            let answer = match self.once(call, &url, is_ours, sent) {
                Err(Error::Unreachable { source, .. })
                    if is_ours && self.without_tls(&url, &source.0) =>
                {
                    url = self.absolute(&call.url);
                    continue;
                }
                answer => answer?,
            };
            match answer.status.as_u16() {
                401 if is_ours && !asked => {
                    let values = answer.headers.get_all(http::header::WWW_AUTHENTICATE);
                    let values = values.iter().filter_map(|value| value.to_str().ok());
                    let Some(challenge) = challenge::parse(values) else {
                        return Ok(answer);
                    };
                    asked = true;
                    if !self.tokens.answer(self, &challenge, &call.scope, sent)? {
                        return Ok(answer);
                    }
                }
                301 | 302 | 303 | 307 | 308 if is_safe(&call.method) => {
                    let location = answer.header("location");
                    let next = location.and_then(|location| url::join(&url, location));
                    url =
                        next.ok_or_else(|| self.protocol(call.what, "is a redirect to nowhere"))?;
                }
                _ => return Ok(answer),
            }
        }
        Err(Error::Redirects {
            what: call.what.to_owned(),
            host: self.host().to_owned(),
            most: MOST_REDIRECTS,
        })
    }

    /// The URL of a path, as the registry is spoken to now.
    fn absolute(&self, path: &str) -> String {
        if !path.starts_with('/') {
            return path.to_owned();
        }
        let plain = self.endpoint.plain.as_ref();
        let base = plain.filter(|_| self.plain.load(Ordering::Relaxed));
        format!("{}{path}", base.unwrap_or(&self.endpoint.base))
    }

    /// Whether to go on without TLS after a failure with it. Several threads may find that out.
    fn without_tls(&self, url: &str, error: &ureq::Error) -> bool {
        let is_tls = match error {
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
            // rustls tells some failures as those of a stream; a server that speaks no TLS may
            // simply close the connection.
            ureq::Error::Io(error) => matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData
                    | std::io::ErrorKind::UnexpectedEof
                    | std::io::ErrorKind::ConnectionReset
            ),
            _ => false,
        };
        let may = self.endpoint.plain.is_some() && url.starts_with("https:");
        if is_tls && may {
            self.plain.store(true, Ordering::Relaxed);
        }
        is_tls && may
    }

    /// One request, one answer.
    fn once(
        &self,
        call: &Call<'_>,
        url: &str,
        is_ours: bool,
        authorization: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if is_ours {
            for (name, value) in &self.endpoint.headers {
                request = request.header(name, value);
            }
        }
        if let Some(value) = authorization {
            request = request.header(http::header::AUTHORIZATION, value);
        }
        self.run(call.what, request, call.body, url)
    }

    /// Sends a request that is complete but for its body.
    pub(super) fn run(
        &self,
        what: &str,
        request: http::request::Builder,
        body: Body<'_>,
        url: &str,
    ) -> Result<Answer, Error> {
        let unreachable = |source: ureq::Error| Error::Unreachable {
            what: what.to_owned(),
            host: self.host().to_owned(),
            source: Box::new(Transport(source)),
        };
        let agent = self.agent()?;
        let answer = match body.length() {
            None => request.body(()).map(|request| agent.run(request)),
            Some(length) => {
                let mut part = Part::of(body);
                let request = request.header(http::header::CONTENT_LENGTH, length);
                let request = request.body(SendBody::from_reader(&mut part));
                request.map(|request| agent.run(request))
            }
        };
        let answer = answer.unwrap_or_else(|error| Err(ureq::Error::Http(error)));
        let answer = answer.map_err(unreachable)?;
        let (parts, body) = answer.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            url: url.to_owned(),
        })
    }

    /// The connections; made with the first request.
    fn agent(&self) -> Result<Agent, Error> {
        let mut agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agent.as_ref() {
            return Ok(agent.clone());
        }
        let made = Agent::new_with_config(self.config()?);
        Ok(agent.insert(made).clone())
    }

    fn config(&self) -> Result<ureq::config::Config, Error> {
        let base = &self.endpoint.base;
        let is_tls = base.starts_with("https:");
        let authority = base.split('/').nth(2).unwrap_or_default();
        let proxy = match self.settings.proxies.of(authority, is_tls) {
            Some(text) => Some(ureq::Proxy::new(text).map_err(|error| Error::Unreachable {
                what: format!("using the proxy {text} for {}", host_name(authority)),
                host: self.host().to_owned(),
                source: Box::new(Transport(error)),
            })?),
            None => None,
        };
        let idle = Some(self.settings.idle).filter(|idle| !idle.is_zero());
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .accept_encoding(ureq::config::AutoHeaderValue::None)
            .proxy(proxy)
            .input_buffer_size(256 * 1024)
            .output_buffer_size(128 * 1024)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(idle)
            .timeout_per_write(idle);
        if is_tls {
            builder = builder.tls_config(tls::config(&self.endpoint)?);
        }
        Ok(builder.build())
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The URL of the next page of a list, if there is one.
    pub(super) fn next_page(&self) -> Option<String> {
        let link = self.header("link").and_then(url::next_page)?;
        url::join(&self.url, link)
    }

    /// How long the registry wants us to wait: seconds; a date is taken for "later".
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// The registry's own words about an error (distribution-spec, "Error Codes").
    fn message(&mut self) -> String {
        #[derive(serde::Deserialize)]
        struct Errors {
            errors: Vec<One>,
        }
        #[derive(serde::Deserialize)]
        struct One {
            #[serde(default)]
            message: String,
        }
        let mut text = Vec::new();
        let read = self
            .body
            .as_reader()
            .take(LONGEST_MESSAGE)
            .read_to_end(&mut text);
        let Ok(errors) = read
            .map_err(drop)
            .and_then(|_| serde_json::from_slice::<Errors>(&text).map_err(drop))
        else {
            return String::new();
        };
        let words = errors.errors.iter().map(|one| one.message.as_str());
        words
            .collect::<Vec<_>>()
            .join("; ")
            .replace(char::is_control, " ")
    }
}

fn is_safe(method: &http::Method) -> bool {
    method == http::Method::GET || method == http::Method::HEAD
}

/// Statuses that may be another one the next time.
fn is_passing(status: StatusCode) -> bool {
    is_passing_code(status.as_u16())
}

fn is_passing_code(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// Whether a failure without an answer may go away. One of TLS does not.
fn is_retried(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::InvalidData,
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => true,
        ureq::Error::Protocol(_) | ureq::Error::BodyStalled => true,
        _ => false,
    }
}

/// A part of what is sent, read from where it lies.
struct Part<'a> {
    source: Source<'a>,
    position: u64,
    end: u64,
}

enum Source<'a> {
    Bytes(&'a [u8]),
    File(&'a std::fs::File),
}

impl<'a> Part<'a> {
    fn of(body: Body<'a>) -> Self {
        let (source, position, length) = match body {
            Body::None => (Source::Bytes(&[]), 0, 0),
            Body::Bytes(bytes) => (Source::Bytes(bytes), 0, bytes.len() as u64),
            Body::File(file, offset, length) => (Source::File(file), offset, length),
        };
        Self {
            source,
            position,
            end: position + length,
        }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let rest = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let length = rest.min(buffer.len());
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        let count = match &mut self.source {
            Source::Bytes(bytes) => bytes.read(buffer)?,
            Source::File(file) => file.read_at(buffer, self.position)?,
        };
        self.position += count as u64;
        Ok(count)
    }
}
