//! What can go wrong between us and a registry.

use std::path::PathBuf;
use std::time::Duration;

use crate::Digest;

/// A failed exchange: what was asked of which registry, and what came of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection, or one that broke.
    #[error("{what} from {host}")]
    Unreachable {
        /// What was being done, as `getting the manifest of …`.
        what: String,
        /// The registry.
        host: String,
        /// Why not.
        #[source]
        source: Box<Transport>,
    },
    /// A stream that broke or stalled while content came, more often than is tried.
    #[error("{what} from {host} broke off after {received} bytes")]
    BrokenOff {
        /// What was being read.
        what: String,
        /// The registry.
        host: String,
        /// How far it came.
        received: u64,
        /// Why.
        #[source]
        source: Box<Transport>,
    },
    /// The registry does not have it.
    #[error("{what}: {host} does not have it{}", words(.message))]
    NotFound {
        /// What was being done.
        what: String,
        /// The registry.
        host: String,
        /// The registry's words.
        message: String,
    },
    /// The registry wants to know who we are, and our answer was not good enough.
    #[error("{what}: {host} wants a login, or refused the one it got: use wharf login {host}{}", words(.message))]
    Unauthorized {
        /// What was being done.
        what: String,
        /// The registry.
        host: String,
        /// The registry's words.
        message: String,
    },
    /// Who we are may not do that.
    #[error("{what}: {host} denied access{}", words(.message))]
    Denied {
        /// What was being done.
        what: String,
        /// The registry.
        host: String,
        /// The registry's words.
        message: String,
    },
    /// Too many requests, for longer than we wait.
    #[error("{what}: {host} takes no more requests now{}{}", after(.retry_after), words(.message))]
    RateLimited {
        /// What was being done.
        what: String,
        /// The registry.
        host: String,
        /// How long it wants us to wait.
        retry_after: Option<Duration>,
        /// The registry's words.
        message: String,
    },
    /// Any other status.
    #[error("{what}: {host} answered with status {status}{}", words(.message))]
    Status {
        /// What was being done.
        what: String,
        /// The registry.
        host: String,
        /// The status.
        status: u16,
        /// The registry's words.
        message: String,
    },
    /// A chain of redirects that does not end.
    #[error("{what}: {host} redirects more than {most} times")]
    Redirects {
        /// What was being done.
        what: String,
        /// The registry.
        host: String,
        /// How many are followed.
        most: usize,
    },
    /// An answer that is against the protocol.
    #[error("{what}: the answer of {host} {problem}")]
    Protocol {
        /// What was being done.
        what: String,
        /// The registry.
        host: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Content that is not what its digest says.
    #[error("{what} from {host} has the digest {found}, not {expected}")]
    WrongDigest {
        /// The content.
        what: String,
        /// The registry.
        host: String,
        /// Its digest.
        found: Digest,
        /// What was asked for.
        expected: Digest,
    },
    /// The administrator does not want this registry.
    #[error("{name} is blocked by {}", .file.display())]
    Blocked {
        /// The image's repository.
        name: String,
        /// Where that is said.
        file: PathBuf,
    },
    /// The administrator wants a signature that is not there.
    #[error("{name} is not signed as {} demands: {why}", .file.display())]
    NotSigned {
        /// The image.
        name: String,
        /// Where that is said.
        file: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A signature that could not be read.
    #[error("reading a signature")]
    Signature(#[source] std::io::Error),
    /// A URL of a kind that nothing is got from.
    #[error("{url} is no URL that begins with http:// or https://")]
    Url {
        /// As given.
        url: String,
    },
    /// A file about registries is not what it should be.
    #[error("{}: {problem}", .path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file about registries cannot be read or written.
    #[error("{operation} {}", .path.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A program that keeps credentials failed.
    #[error("the credential helper {program} failed: {message}")]
    Helper {
        /// Its name.
        program: String,
        /// Its words.
        message: String,
    },
    /// The local file that is sent.
    #[error("reading what is sent")]
    Sending(#[source] std::io::Error),
}

/// A failure of the HTTP client, without its own word for one of the kernel.
#[derive(Debug)]
pub struct Transport(pub(super) ureq::Error);

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use ureq::Timeout;
        match &self.0 {
            ureq::Error::Io(error) => error.fmt(f),
            ureq::Error::Timeout(Timeout::PerRead) => f.write_str("nothing came for too long"),
            ureq::Error::Timeout(Timeout::PerWrite) => {
                f.write_str("nothing was taken for too long")
            }
            ureq::Error::Timeout(Timeout::Connect) => f.write_str("no connection came about"),
            other => other.fmt(f),
        }
    }
}

impl Transport {
    /// A failure while a body was read.
    pub(super) fn of_body(error: std::io::Error) -> Box<Self> {
        Box::new(Self(match error.downcast::<ureq::Error>() {
            Ok(error) => error,
            Err(error) => ureq::Error::Io(error),
        }))
    }
}

impl std::error::Error for Transport {}

fn words(message: &str) -> String {
    match message.is_empty() {
        true => String::new(),
        false => format!(" ({message})"),
    }
}

fn after(duration: &Option<Duration>) -> String {
    duration.map_or_else(String::new, |wait| {
        format!(", only after {} s", wait.as_secs())
    })
}

impl Error {
    /// Whether another registry may do better: a mirror without the image, or one that is down.
    pub(super) fn is_of_this_host(&self) -> bool {
        !matches!(
            self,
            Self::Blocked { .. } | Self::Settings { .. } | Self::Sending(_)
        )
    }

    pub(super) fn settings(path: &std::path::Path, problem: impl ToString) -> Self {
        Self::Settings {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }

    pub(super) fn file(
        operation: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File {
            operation,
            path,
            source,
        }
    }
}
