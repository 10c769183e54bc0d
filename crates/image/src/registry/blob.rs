//! Blobs on their way here: a stream that goes on by itself where a connection broke.
//!
//! Source: distribution-spec, "Pulling blobs"; RFC 9110, 14 (range requests).

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{Method, StatusCode};

use super::Error;
use super::client::{Answer, Body, Call, Client};
use super::error::Transport;
use crate::Digest;

/// Before a broken connection is replaced.
const PAUSE: Duration = Duration::from_millis(250);

/// The content of a blob from some byte on. Every error it gives carries an [`Error`].
pub(super) struct Blob<'a> {
    client: &'a Client,
    digest: Digest,
    size: u64,
    position: u64,
    body: Option<ureq::BodyReader<'static>>,
    /// Connections without a single byte, one after the other.
    failures: u32,
}

/// Opens a blob of `size` bytes at `offset`.
///
/// # Errors
/// When the registry does not have it, or does not let us.
pub(super) fn open<'a>(
    client: &'a Client,
    digest: &Digest,
    size: u64,
    offset: u64,
) -> Result<Blob<'a>, Error> {
    let mut blob = Blob {
        client,
        digest: digest.clone(),
        size,
        position: offset,
        body: None,
        failures: 0,
    };
    if offset < size {
        blob.connect()?;
    }
    Ok(blob)
}

impl Blob<'_> {
    fn what(&self) -> String {
        format!(
            "getting the blob {} of {}",
            self.digest, self.client.endpoint.repository
        )
    }

    fn connect(&mut self) -> Result<(), Error> {
        let what = self.what();
        let repository = &self.client.endpoint.repository;
        let mut call = Call {
            what: &what,
            method: Method::GET,
            url: format!("/{repository}/blobs/{}", self.digest),
            headers: Vec::new(),
            body: Body::None,
            scope: format!("repository:{repository}:pull"),
        };
        if self.position > 0 {
            call.headers
                .push(("range", format!("bytes={}-", self.position)));
        }
        let expected = [StatusCode::OK, StatusCode::PARTIAL_CONTENT];
        let answer = self.client.demand(&call, &expected)?;
        let skipped = self.check(&what, &answer)?;
        let mut body = answer.body.into_reader();
        let passed = io::copy(&mut (&mut body).take(skipped), &mut io::sink());
        if !passed.is_ok_and(|count| count == skipped) {
            return Err(self.client.protocol(&what, "broke off"));
        }
        self.body = Some(body);
        Ok(())
    }

    /// How many bytes of an answer come before the ones that are wanted; its length must be that
    /// of the blob.
    fn check(&self, what: &str, answer: &Answer) -> Result<u64, Error> {
        let wrong = |text: &str| Err(self.client.protocol(what, text));
        let length: Option<u64> = answer.header("content-length").and_then(|n| n.parse().ok());
        let (start, expected) = match answer.status {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.header("content-range").unwrap_or_default();
                let range = range.trim_start_matches("bytes").trim();
                let start = range.split('-').next().and_then(|n| n.parse::<u64>().ok());
                if start != Some(self.position) {
                    return wrong("is another range than was asked for");
                }
                (self.position, self.size - self.position)
            }
            _ => (0, self.size),
        };
        match length {
            Some(length) if length != expected => Err(self.client.protocol(
                what,
                format!("has {length} bytes, where the manifest says {expected}"),
            )),
            _ => Ok(self.position - start),
        }
    }

    /// After a failure: another connection, unless there were too many in vain.
    fn again(&mut self, cause: io::Error) -> io::Result<()> {
        self.body = None;
        self.failures += 1;
        if self.failures >= self.client.settings().attempts.max(1) {
            return Err(io::Error::other(Error::BrokenOff {
                what: self.what(),
                host: self.client.host().to_owned(),
                received: self.position,
                source: Transport::of_body(cause),
            }));
        }
        std::thread::sleep(PAUSE * self.failures);
        self.connect().map_err(io::Error::other)
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
            let length = left.min(buffer.len());
            if length == 0 {
                return Ok(0);
            }
            let wanted = buffer.get_mut(..length).unwrap_or_default();
            let outcome = match &mut self.body {
                Some(body) => body.read(wanted),
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            match outcome {
                Ok(0) => self.again(io::ErrorKind::UnexpectedEof.into())?,
                Ok(count) => {
                    self.position += count as u64;
                    self.failures = 0;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.again(error)?,
            }
        }
    }
}
