//! What the figures were measured on.

use std::fs;

use super::subject::CommandLine;

/// Facts of the machine, each with its name.
pub(super) fn describe() -> Vec<(&'static str, String)> {
    let uname = rustix::system::uname();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    vec![
        ("date", today()),
        ("kernel", uname.release().to_string_lossy().into_owned()),
        ("processor", format!("{}, {processors} cores", processor())),
        ("cgroups", cgroups().to_owned()),
        ("load average before", load()),
    ]
}

fn today() -> String {
    let date = CommandLine::new(["date", "--utc", "+%Y-%m-%d"]).output();
    date.unwrap_or_else(|_| "unknown".to_owned())
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let model = lines.find(|(key, _)| key.trim() == "model name");
    model
        .map_or("unknown", |(_, value)| value.trim())
        .to_owned()
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn cgroups() -> &'static str {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    match (table.contains(" - cgroup "), table.contains(" - cgroup2 ")) {
        (true, true) => "hybrid (v1 and v2)",
        (true, false) => "v1",
        (false, true) => "v2",
        (false, false) => "not mounted",
    }
}
