//! Answers that are taken as a whole: manifests, lists. One that breaks off is asked for again.

use std::io::Read;
use std::time::Duration;

use ureq::http::StatusCode;

use super::Error;
use super::client::{Answer, Call, Client};
use super::error::Transport;

/// Before a broken answer is asked for again, times the answers that broke.
const PAUSE: Duration = Duration::from_millis(250);

impl Client {
    /// Makes a request that is answered with a document of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Client::demand`]; a larger answer, or one that breaks off whenever it is asked for.
    pub(super) fn document(&self, call: &Call<'_>, most: u64) -> Result<(Answer, Vec<u8>), Error> {
        let answer = self.demand(call, &[StatusCode::OK])?;
        self.whole(call, answer, most)
    }

    /// Reads an answer to its end, or that of another request when it breaks off.
    ///
    /// # Errors
    /// As [`Client::document`].
    pub(super) fn whole(
        &self,
        call: &Call<'_>,
        mut answer: Answer,
        most: u64,
    ) -> Result<(Answer, Vec<u8>), Error> {
        let mut failures = 0;
        loop {
            let mut bytes = Vec::new();
            let read = answer
                .body
                .as_reader()
                .take(most + 1)
                .read_to_end(&mut bytes);
            let source = match read {
                Ok(_) if bytes.len() as u64 > most => {
                    return Err(self.protocol(call.what, format!("is larger than {most} bytes")));
                }
                Ok(_) => return Ok((answer, bytes)),
                Err(source) => source,
            };
            // Its connection is of no use any more.
            drop(answer);
            failures += 1;
            if failures >= self.settings().attempts.max(1) {
                return Err(Error::BrokenOff {
                    what: call.what.to_owned(),
                    host: self.host().to_owned(),
                    received: bytes.len() as u64,
                    source: Transport::of_body(source),
                });
            }
            std::thread::sleep(PAUSE * failures);
            answer = self.demand(call, &[StatusCode::OK])?;
        }
    }
}
