//! What `config.json` can ask for and wharf does not do yet: each is an error that names the key,
//! never ignored in silence. Whatever gets built leaves this list.

use spec::runtime::{Config, Linux, Process};

use crate::error::Error;

/// Refuses a configuration with anything in it that would be ignored.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    let linux = config.linux.as_ref();
    let process = config.process.as_ref();
    let asked = linux
        .into_iter()
        .flat_map(of_linux)
        .chain(process.into_iter().flat_map(of_process));
    match asked.into_iter().find(|(_, is_asked)| *is_asked) {
        Some((key, _)) => Err(Error::Unsupported {
            what: key.to_owned(),
        }),
        None => Ok(()),
    }
}

/// The same for a process that joins a container.
pub(crate) fn check_process(process: &Process) -> Result<(), Error> {
    match of_process(process).iter().find(|(_, is_asked)| *is_asked) {
        Some((key, _)) => Err(Error::Unsupported {
            what: (*key).to_owned(),
        }),
        None => Ok(()),
    }
}

fn of_linux(linux: &Linux) -> [(&'static str, bool); 5] {
    [
        ("linux.intelRdt", linux.intel_rdt.is_some()),
        ("linux.netDevices", !linux.net_devices.is_empty()),
        ("linux.memoryPolicy", linux.memory_policy.is_some()),
        (
            "linux.mountLabel",
            linux.mount_label.as_ref().is_some_and(|l| !l.is_empty()),
        ),
        ("linux.personality", linux.personality.is_some()),
    ]
}

fn of_process(process: &Process) -> [(&'static str, bool); 5] {
    let is_set = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
    [
        ("process.apparmorProfile", is_set(&process.apparmor_profile)),
        ("process.selinuxLabel", is_set(&process.selinux_label)),
        ("process.scheduler", process.scheduler.is_some()),
        ("process.ioPriority", process.io_priority.is_some()),
        (
            "process.execCPUAffinity",
            process.exec_cpu_affinity.is_some(),
        ),
    ]
}
