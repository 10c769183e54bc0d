//! Sending a signal to a container's process.

use super::live::{Live, look};
use super::record::Record;
use super::status::{Operation, Status};
use crate::events::{Event, note};
use crate::{Engine, Error};

/// The signal that nobody can catch.
pub(super) const KILL: i32 = 9;

impl Engine {
    /// Sends the signal with this number.
    ///
    /// # Errors
    /// [`Error::Status`] unless the container runs.
    pub fn kill(&self, name: &str, signal: i32) -> Result<Record, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        live.status.require(Operation::Kill, &record.name)?;
        if signal == KILL || signal == record.process.stop_signal {
            self.keep_ended(&record)?;
        }
        self.signal(&record, &live, signal, "kill")?;
        Ok(record)
    }

    /// Sends a signal to a container that ran a moment ago; one that has ended needs none.
    /// `by` is the verb that sends it.
    pub(super) fn signal(
        &self,
        record: &Record,
        live: &Live,
        signal: i32,
        by: &str,
    ) -> Result<(), Error> {
        let sent = monitor::Sent {
            signal,
            by: by.to_owned(),
            uid: self.host.uid,
            time: store::time::now_rfc3339(),
        };
        // Only the explanation of its end would miss it.
        let _ = sent.write(&self.paths.run_dir(&record.id));
        let event = Event::of_container(record, "kill");
        note(&self.paths, &[event.with("signal", &signal.to_string())]);
        let root = self.paths.run_containers();
        let mut sent = runtime::kill(&root, &record.id, signal, false);
        if sent.is_ok() && signal == KILL && live.status == Status::Paused {
            // On cgroup v1 a frozen process does not even die.
            sent = runtime::resume(&root, &record.id);
        }
        match sent {
            Ok(()) | Err(runtime::Error::NotFound { .. } | runtime::Error::Status { .. }) => Ok(()),
            Err(source) => Err(Error::Runtime {
                name: record.name.clone(),
                source,
            }),
        }
    }
}
