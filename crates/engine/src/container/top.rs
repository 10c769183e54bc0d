//! The processes of a container, as the host sees them.

use rustix::process::Pid;

use super::live::look;
use super::status::Operation;
use crate::events::{Event, note};
use crate::{Engine, Error};

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its user, in the caller's user namespace.
    pub uid: u32,
    /// Its id, in the caller's pid namespace.
    pub pid: i32,
    /// Its parent.
    pub ppid: i32,
    /// Seconds since the boot at which it began.
    pub started: u64,
    /// Seconds of processor time.
    pub cpu: u64,
    /// Its controlling terminal, as ps(1) shows it.
    pub terminal: String,
    /// Its arguments.
    pub command: String,
}

impl Engine {
    /// The processes of a running container, in the order of their ids.
    ///
    /// # Errors
    /// [`Error::Status`] unless it runs.
    pub fn top(&self, name: &str) -> Result<Vec<Task>, Error> {
        let mut pids = self.processes(name)?;
        pids.sort_unstable();
        Ok(pids.into_iter().filter_map(task).collect())
    }

    /// The ids of the processes of a running container.
    ///
    /// # Errors
    /// [`Error::Status`] unless it runs.
    pub fn processes(&self, name: &str) -> Result<Vec<i32>, Error> {
        let record = self.find(name)?;
        let status = look(&self.paths, &record)?.status;
        status.require(Operation::Top, &record.name)?;
        let root = self.paths.run_containers();
        let pids = runtime::processes(&root, &record.id).map_err(|source| Error::Runtime {
            name: record.name.clone(),
            source,
        })?;
        note(&self.paths, &[Event::of_container(&record, "top")]);
        Ok(pids)
    }
}

/// Clock ticks in a second (`USER_HZ` of proc(5)).
const TICKS: u64 = 100;

/// What /proc says; `None` for one that has just ended.
fn task(pid: i32) -> Option<Task> {
    let fields = sys::proc::stat_fields(Pid::from_raw(pid)?).ok()?;
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let directory = format!("/proc/{pid}");
    let arguments = std::fs::read(format!("{directory}/cmdline")).ok()?;
    let arguments = String::from_utf8_lossy(&arguments);
    let name = std::fs::read_to_string(format!("{directory}/comm")).unwrap_or_default();
    Some(Task {
        uid: rustix::fs::stat(&directory).ok()?.st_uid,
        pid,
        ppid: i32::try_from(number(1)?).ok()?,
        started: number(19)? / TICKS,
        cpu: (number(11)? + number(12)?) / TICKS,
        terminal: terminal(number(4)?),
        command: match arguments.trim_end_matches('\0') {
            "" => format!("[{}]", name.trim_end()),
            words => words.replace('\0', " ").replace(char::is_control, "?"),
        },
    })
}

/// The name of a terminal by its device number: only pseudo terminals have one here.
fn terminal(number: u64) -> String {
    let (major, minor) = (
        number >> 8 & 0xfff,
        (number & 0xff) | (number >> 12 & 0xfff00),
    );
    match major {
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        _ => "?".to_owned(),
    }
}
