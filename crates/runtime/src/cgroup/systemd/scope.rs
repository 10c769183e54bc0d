//! What a container's scope is called and which slice it is in: `linux.cgroupsPath` as
//! `slice:prefix:name`, the form that all runtimes have.

use rustix::process::Pid;
use spec::runtime::Config;

use super::super::Error;
use super::Bus;
use super::properties::Property;
use crate::dbus::Value;

/// The names of a scope.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cgroup) struct Scope {
    /// `wharf-ID.scope`.
    pub(super) unit: String,
    slice: String,
    /// The container's id, for whoever lists units.
    id: String,
}

impl Scope {
    /// From `slice:prefix:name`; by default `wharf-ID.scope` in the slice of the system or of the
    /// user.
    pub(in crate::cgroup) fn of_container(
        config: &Config,
        id: &str,
        bus: &Bus,
    ) -> Result<Self, Error> {
        let path = config
            .linux
            .as_ref()
            .and_then(|linux| linux.cgroups_path.as_deref())
            .filter(|path| !path.is_empty());
        let Some(path) = path else {
            return Ok(Self::new(bus.default_slice(), "wharf", id, id));
        };
        let wrong = |why| Error::Path {
            path: path.to_owned(),
            why,
        };
        let parts: Vec<&str> = path.split(':').collect();
        let [slice, prefix, name] = parts.as_slice() else {
            return Err(wrong(
                "is not of the form slice:prefix:name, as systemd needs",
            ));
        };
        if name.is_empty() {
            return Err(wrong("has no name for the scope"));
        }
        if name.ends_with(".slice") {
            return Err(wrong("names a slice, and a container is a scope"));
        }
        if path.contains('/') {
            return Err(wrong("has a slash, which no unit's name has"));
        }
        let slice = match *slice {
            "" => bus.default_slice(),
            slice => slice,
        };
        if !is_slice(slice) {
            return Err(wrong(
                "names no slice: expected a-b.slice, with no part empty",
            ));
        }
        Ok(Self::new(slice, prefix, name, id))
    }

    fn new(slice: &str, prefix: &str, name: &str, id: &str) -> Self {
        let unit = match prefix {
            "" => format!("{name}.scope"),
            prefix => format!("{prefix}-{name}.scope"),
        };
        Self {
            unit,
            slice: slice.to_owned(),
            id: id.to_owned(),
        }
    }

    /// The properties that make it a container's. Accounting is on for what can be limited later.
    pub(super) fn properties(&self, process: Pid) -> Vec<Property> {
        let pid = process.as_raw_pid().cast_unsigned();
        let text = |text: &str| Value::from(text);
        let on = Value::Bool(true);
        vec![
            ("Description", text(&format!("wharf container {}", self.id))),
            ("Slice", text(&self.slice)),
            ("PIDs", Value::Array("u".to_owned(), vec![Value::U32(pid)])),
            ("Delegate", on.clone()),
            ("DefaultDependencies", Value::Bool(false)),
            ("CollectMode", text("inactive-or-failed")),
            ("CPUAccounting", on.clone()),
            ("MemoryAccounting", on.clone()),
            ("IOAccounting", on.clone()),
            ("TasksAccounting", on),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// Slices tell by their names where they are (`a-b.slice` in `a.slice`), so no part may be empty.
fn is_slice(name: &str) -> bool {
    let parts = name.strip_suffix(".slice");
    name == "-.slice" || parts.is_some_and(|name| name.split('-').all(|part| !part.is_empty()))
}

#[cfg(test)]
mod tests {
    use spec::runtime::Linux;

    use super::*;

    fn scope(path: &str) -> Result<Scope, Error> {
        let linux = Linux {
            cgroups_path: Some(path.to_owned()),
            ..Linux::default()
        };
        let config = Config {
            linux: Some(linux),
            ..Config::default()
        };
        Scope::of_container(&config, "c1", &Bus::System)
    }

    #[test]
    fn a_path_names_slice_prefix_and_name() {
        let names = |path| scope(path).map(|scope| (scope.slice, scope.unit));
        let names = |path| names(path).unwrap();
        let pair = |slice: &str, unit: &str| (slice.to_owned(), unit.to_owned());
        assert_eq!(names("a-b.slice:crio:x"), pair("a-b.slice", "crio-x.scope"));
        assert_eq!(names(":libpod:x"), pair("system.slice", "libpod-x.scope"));
        assert_eq!(names("-.slice::x"), pair("-.slice", "x.scope"));
        assert_eq!(names(""), pair("system.slice", "wharf-c1.scope"));
    }

    #[test]
    fn a_path_of_another_form_is_refused() {
        for path in [
            "/wharf/x",
            "a.slice:b",
            "a.slice:b:",
            "a--b.slice:p:x",
            "a:p:x",
            "a.slice:p:x.slice",
            ".slice:p:x",
            "a.slice:../p:x",
        ] {
            assert!(matches!(scope(path), Err(Error::Path { .. })), "{path}");
        }
    }
}
