//! Which process the kernel killed for want of memory, from the kernel's log.
//!
//! Source: mm/oom_kill.c, `dump_oom_summary` and `__oom_kill_process`; the format of /dev/kmsg in
//! Documentation/ABI/testing/dev-kmsg.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, read};
use serde::{Deserialize, Serialize};

/// A process that was killed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OomKill {
    /// Its name.
    pub process: String,
    /// Its id on the host.
    pub pid: i32,
    /// Bytes of memory that it had.
    pub resident: u64,
    /// The cgroup whose limit was met; empty when the whole machine had no memory left.
    pub limited: String,
}

/// More records than this are not read: the log is a ring of some thousand.
const MOST: usize = 1 << 20;

/// The last process that was killed in a cgroup whose path ends with `cgroup`. `None` as well for
/// who may not read the kernel's log.
pub(crate) fn last_kill(cgroup: &str) -> Option<OomKill> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let log = open("/dev/kmsg", flags, Mode::empty()).ok()?;
    let mut buffer = [0; 8192];
    let mut found = None;
    for _ in 0..MOST {
        match read(&log, &mut buffer) {
            Ok(length) => {
                let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                take(&mut found, &text, cgroup);
            }
            // Overwritten while we read: the next read goes on with what is left.
            Err(Errno::PIPE | Errno::INTR) => {}
            Err(_) => break,
        }
    }
    found
}

/// Takes in one record of the log.
fn take(found: &mut Option<OomKill>, record: &str, cgroup: &str) {
    let text = record.split_once(';').map_or(record, |(_, text)| text);
    if let Some(summary) = text.strip_prefix("oom-kill:") {
        let value = |key: &str| {
            let mut pairs = summary
                .trim_end()
                .split(',')
                .filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        if value("task_memcg").is_some_and(|path| path.contains(cgroup)) {
            *found = Some(OomKill {
                process: value("task").unwrap_or_default().to_owned(),
                pid: value("pid").and_then(|pid| pid.parse().ok()).unwrap_or(0),
                resident: 0,
                limited: value("oom_memcg").unwrap_or_default().to_owned(),
            });
        }
        return;
    }
    let Some(kill) = found else { return };
    if kill.resident == 0 && text.contains(&format!("Killed process {} (", kill.pid)) {
        let kib = |key: &str| {
            let (_, rest) = text.split_once(key)?;
            rest.split_once("kB")?.0.parse::<u64>().ok()
        };
        let kinds = ["anon-rss:", "file-rss:", "shmem-rss:"];
        kill.resident = kinds.iter().filter_map(|kind| kib(kind)).sum::<u64>() * 1024;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_kill_in_the_cgroup_is_found() {
        let mut found = None;
        for record in [
            "4,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=b,mems_allowed=0,\
             oom_memcg=/wharf-b,task_memcg=/wharf-b,task=cat,pid=3,uid=0\n",
            "4,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,\
             oom_memcg=/wharf-a,task_memcg=/wharf-a,task=tail,pid=7,uid=0\n",
            "3,1,2,-;Memory cgroup out of memory: Killed process 7 (tail) total-vm:34384kB, \
             anon-rss:100kB, file-rss:20kB, shmem-rss:3kB, UID:0\n",
        ] {
            take(&mut found, record, "wharf-a");
        }
        let expected = OomKill {
            process: "tail".into(),
            pid: 7,
            resident: 123 * 1024,
            limited: "/wharf-a".into(),
        };
        assert_eq!(found, Some(expected));
    }
}
