//! cgroups that systemd makes: a scope for each container, asked for over D-Bus. systemd owns the
//! tree and hands the scope over (`Delegate`); what is in it is limited, joined and frozen as any
//! other cgroup. What the scope is called is in `systemd/scope.rs`, which of its properties say
//! what is limited in `systemd/properties.rs`.
//!
//! Source: systemd's "Control Group APIs and Delegation" and org.freedesktop.systemd1(5).

mod devices;
mod properties;
mod scope;

use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use spec::runtime::{Config, LinuxResources};

pub(super) use scope::Scope;

use super::{Bus, Cgroup, Error, is_only_v2};
use crate::dbus::{self, Address, Call, Connection, Value};

const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";
const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT_EXISTS: &str = "org.freedesktop.systemd1.UnitExists";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
/// As `cpu.max` has it where nothing is limited.
const NO_QUOTA: &str = "max 100000";
const JOBS: &str = "type='signal',sender='org.freedesktop.systemd1',\
    interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";

/// A unit of systemd: what has to be remembered of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name, with the `.scope` at the end.
    pub name: String,
    /// Which systemd has it.
    pub bus: Bus,
}

impl Bus {
    fn connect(&self) -> Result<Connection, dbus::Error> {
        let address = match self {
            Self::System => SYSTEM_BUS.to_owned(),
            Self::User { address } => address.clone(),
        };
        Connection::open(&Address(address))
    }

    /// The slice of containers for which none is named.
    fn default_slice(&self) -> &'static str {
        match self {
            Self::System => "system.slice",
            Self::User { .. } => "user.slice",
        }
    }
}

impl Unit {
    /// Starts the scope with `process` in it, which keeps it from ending at once; gives back the
    /// path of its cgroup below the mount of a hierarchy.
    pub(super) fn start(
        config: &Config,
        scope: &Scope,
        bus: &Bus,
        process: Pid,
        only_v2: bool,
    ) -> Result<(Self, PathBuf), Error> {
        let unit = Self {
            name: scope.unit.clone(),
            bus: bus.clone(),
        };
        let failed = |source| Error::Systemd {
            operation: "starting",
            unit: scope.unit.clone(),
            source,
        };
        let mut connection = bus.connect().map_err(failed)?;
        let version = version(&mut connection).map_err(failed)?;
        let none = LinuxResources::default();
        let resources = config
            .linux
            .as_ref()
            .and_then(|linux| linux.resources.as_ref());
        let mut properties = scope.properties(process);
        properties.extend(properties::of_resources(
            resources.unwrap_or(&none),
            version,
            only_v2,
            NO_QUOTA,
        )?);
        properties.extend(properties::of_annotations(&config.annotations)?);
        let arguments = vec![
            Value::from(scope.unit.as_str()),
            Value::from("replace"),
            properties::list(properties),
            Value::Array("(sa(sv))".to_owned(), Vec::new()),
        ];
        let started = job(&mut connection, "StartTransientUnit", arguments.clone());
        let started = match started {
            // What is left of one that failed; a living one refuses again.
            Err(error) if error.is(UNIT_EXISTS) => {
                let reset = manager("ResetFailedUnit", vec![Value::from(scope.unit.as_str())]);
                let _ = connection.call(&reset);
                job(&mut connection, "StartTransientUnit", arguments)
            }
            started => started,
        };
        started.map_err(failed)?;
        Ok((unit, path_of(process)?))
    }

    /// Changes the limits that systemd knows of, so that it does not put old ones back.
    pub(super) fn limit(&self, resources: &LinuxResources, cgroup: &Cgroup) -> Result<(), Error> {
        let failed = |source| Error::Systemd {
            operation: "changing",
            unit: self.name.clone(),
            source,
        };
        let mut connection = self.bus.connect().map_err(failed)?;
        let version = version(&mut connection).map_err(failed)?;
        let quota = cgroup.quota();
        let quota = quota.as_deref().unwrap_or(NO_QUOTA);
        let properties = properties::of_resources(resources, version, is_only_v2(), quota)?;
        let arguments = vec![
            Value::from(self.name.as_str()),
            // Until the next boot, like the unit.
            Value::Bool(true),
            properties::list(properties),
        ];
        let call = manager("SetUnitProperties", arguments);
        connection.call(&call).map(|_| ()).map_err(failed)
    }

    /// Whether a process of ours can enter `cgroup` by itself. Out of a user's session only the
    /// system's systemd has the right, and does it for that of the user.
    pub(crate) fn is_open(&self, cgroup: &Cgroup) -> bool {
        self.bus == Bus::System || cgroup.can_be_entered()
    }

    /// Moves a process into it.
    pub(crate) fn attach(&self, process: Pid) -> Result<(), Error> {
        let pid = Value::U32(process.as_raw_pid().cast_unsigned());
        let arguments = vec![
            Value::from(self.name.as_str()),
            Value::from("/"),
            Value::Array("u".to_owned(), vec![pid]),
        ];
        let attach = || {
            let mut connection = self.bus.connect()?;
            connection.call(&manager("AttachProcessesToUnit", arguments))
        };
        attach().map(|_| ()).map_err(|source| Error::Systemd {
            operation: "moving a process into",
            unit: self.name.clone(),
            source,
        })
    }

    /// Ends it; one that is gone is fine.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        let stop = || {
            let mut connection = self.bus.connect()?;
            let name = || Value::from(self.name.as_str());
            let stopped = job(
                &mut connection,
                "StopUnit",
                vec![name(), Value::from("replace")],
            );
            let reset = connection.call(&manager("ResetFailedUnit", vec![name()]));
            for outcome in [stopped, reset.map(|_| ())] {
                match outcome {
                    Err(error) if error.is(NO_SUCH_UNIT) => {}
                    outcome => outcome?,
                }
            }
            Ok(())
        };
        stop().map_err(|source| Error::Systemd {
            operation: "stopping",
            unit: self.name.clone(),
            source,
        })
    }
}

/// Calls a method that starts a job, and waits for its end.
fn job(
    connection: &mut Connection,
    method: &'static str,
    arguments: Vec<Value>,
) -> Result<(), dbus::Error> {
    connection.listen(JOBS)?;
    connection.send(&manager("Subscribe", Vec::new()))?;
    let answer = connection.call(&manager(method, arguments))?;
    let job = answer.first().and_then(Value::as_text).unwrap_or_default();
    let is_it = |body: &[Value]| body.get(1).and_then(Value::as_text) == Some(job);
    let removed = connection.signal(MANAGER, "JobRemoved", is_it)?;
    match removed.get(3).and_then(Value::as_text) {
        Some("done") | None => Ok(()),
        Some(result) => Err(dbus::Error::Refused {
            name: "JobRemoved".to_owned(),
            message: format!("the job ended as {result:?}"),
        }),
    }
}

/// systemd's version: 252 for `252.39-1~deb12u2`.
fn version(connection: &mut Connection) -> Result<u32, dbus::Error> {
    let answer = connection.call(&Call {
        destination: SYSTEMD,
        path: MANAGER_PATH,
        interface: "org.freedesktop.DBus.Properties",
        method: "Get",
        arguments: vec![Value::from(MANAGER), Value::from("Version")],
    })?;
    let text = answer.first().and_then(Value::as_text).unwrap_or_default();
    let digits = text.trim_start_matches('v').chars();
    let digits: String = digits.take_while(char::is_ascii_digit).collect();
    Ok(digits.parse().unwrap_or(0))
}

fn manager(method: &'static str, arguments: Vec<Value>) -> Call<'static> {
    Call {
        destination: SYSTEMD,
        path: MANAGER_PATH,
        interface: MANAGER,
        method,
        arguments,
    }
}

/// Where systemd put the process: in its own hierarchy on hosts with v1, else in the only one.
fn path_of(process: Pid) -> Result<PathBuf, Error> {
    let file = format!("/proc/{}/cgroup", process.as_raw_pid());
    let text = std::fs::read_to_string(&file).map_err(|source| Error::Io {
        operation: "reading",
        path: PathBuf::from(&file),
        source,
    })?;
    let of = |controllers: &str| {
        text.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.strip_prefix(controllers)?.strip_prefix(":/")
        })
    };
    let path = of("name=systemd").or_else(|| of("")).unwrap_or_default();
    Ok(Path::new(path).to_owned())
}
