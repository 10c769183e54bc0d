//! The rules of the specification that a configuration can break without breaking JSON. What only
//! the kernel or the machine can tell is found out by the runtime.

use std::collections::BTreeSet;

use super::config::DOCUMENT;
use super::{Config, Hook, Hooks, NamespaceType, Process, RLIMIT_TYPES};
use crate::Error;

mod linux;
mod resources;

use linux::{check_linux, check_map};

/// The longest host name of Linux.
const LONGEST_NAME: usize = 64;

impl Config {
    /// Checks the rules beyond types.
    ///
    /// # Errors
    /// [`Error::Rule`] with the first key that breaks one.
    pub fn validate(&self) -> Result<(), Error> {
        self.check_version()?;
        self.check_platform()?;
        self.check_mounts()?;
        if let Some(root) = &self.root {
            ensure(
                !root.path.as_os_str().is_empty(),
                "root.path",
                "must not be empty",
            )?;
        }
        self.process.as_ref().map_or(Ok(()), check_process)?;
        self.hooks.as_ref().map_or(Ok(()), check_hooks)?;
        let Some(linux) = &self.linux else {
            return match self.hostname {
                Some(_) => rule("hostname", "needs a UTS namespace of the container's own"),
                None => Ok(()),
            };
        };
        check_linux(linux)?;
        let has_uts = linux.namespace(NamespaceType::Uts).is_some();
        for (key, name) in [
            ("hostname", &self.hostname),
            ("domainname", &self.domainname),
        ] {
            let why = "needs a UTS namespace of the container's own";
            ensure(name.is_none() || has_uts, key, why)?;
            let fits = name.as_ref().is_none_or(|name| name.len() <= LONGEST_NAME);
            ensure(fits, key, "is longer than 64 bytes")?;
        }
        Ok(())
    }

    fn check_mounts(&self) -> Result<(), Error> {
        for (index, mount) in self.mounts.iter().enumerate() {
            let key = format!("mounts[{index}]");
            let destination = !mount.destination.as_os_str().is_empty();
            let why = "must not be empty";
            ensure(destination, &format!("{key}.destination"), why)?;
            let both = mount.uid_mappings.is_empty() == mount.gid_mappings.is_empty();
            let why = "and gidMappings must be given together";
            ensure(both, &format!("{key}.uidMappings"), why)?;
            check_map(&format!("{key}.uidMappings"), &mount.uid_mappings)?;
            check_map(&format!("{key}.gidMappings"), &mount.gid_mappings)?;
        }
        Ok(())
    }

    /// SemVer 2.0 with the major version that this runtime follows.
    fn check_version(&self) -> Result<(), Error> {
        let core = self
            .oci_version
            .split(['-', '+'])
            .next()
            .unwrap_or_default();
        let mut parts = core.split('.').map(str::parse::<u32>);
        let is_known = matches!(
            (parts.next(), parts.next(), parts.next(), parts.next()),
            (Some(Ok(1)), Some(Ok(_)), Some(Ok(_)), None)
        );
        let why = format!("is {:?}; expected a version 1.x.y", self.oci_version);
        ensure(is_known, "ociVersion", &why)
    }

    fn check_platform(&self) -> Result<(), Error> {
        let foreign = [
            ("freebsd", self.freebsd.is_some()),
            ("solaris", self.solaris.is_some()),
            ("windows", self.windows.is_some()),
            ("vm", self.vm.is_some()),
            ("zos", self.zos.is_some()),
        ];
        match foreign.iter().find(|(_, present)| *present) {
            Some((key, _)) => rule(*key, "belongs to a platform that is not Linux"),
            None => Ok(()),
        }
    }
}

fn check_process(process: &Process) -> Result<(), Error> {
    ensure(
        !process.args.is_empty(),
        "process.args",
        "must name a program",
    )?;
    ensure(
        process.cwd.is_absolute(),
        "process.cwd",
        "must be an absolute path",
    )?;
    let umask = process.user.umask.unwrap_or_default();
    ensure(umask <= 0o777, "process.user.umask", "is more than 0777")?;
    let mut seen = BTreeSet::new();
    for (index, limit) in process.rlimits.iter().enumerate() {
        let key = format!("process.rlimits[{index}]");
        let known = RLIMIT_TYPES.contains(&limit.kind.as_str());
        ensure(
            known,
            &format!("{key}.type"),
            &format!("is unknown: {:?}", limit.kind),
        )?;
        ensure(
            limit.soft <= limit.hard,
            &key,
            "has a soft limit above its hard limit",
        )?;
        let why = format!("sets {} a second time", limit.kind);
        ensure(seen.insert(&limit.kind), &key, &why)?;
    }
    if let Some(score) = process.oom_score_adj {
        let why = "must be between -1000 and 1000";
        ensure((-1000..=1000).contains(&score), "process.oomScoreAdj", why)?;
    }
    Ok(())
}

fn check_hooks(hooks: &Hooks) -> Result<(), Error> {
    let lists = [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
        ("createContainer", &hooks.create_container),
        ("startContainer", &hooks.start_container),
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ];
    for (name, list) in lists {
        for (index, hook) in list.iter().enumerate() {
            check_hook(&format!("hooks.{name}[{index}]"), hook)?;
        }
    }
    Ok(())
}

fn check_hook(key: &str, hook: &Hook) -> Result<(), Error> {
    ensure(
        hook.path.is_absolute(),
        &format!("{key}.path"),
        "must be an absolute path",
    )?;
    let in_range = hook.timeout.is_none_or(|seconds| seconds > 0);
    ensure(
        in_range,
        &format!("{key}.timeout"),
        "must be greater than zero",
    )
}

fn ensure(holds: bool, key: &str, why: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { rule(key, why) }
}

fn rule(key: impl Into<String>, why: &str) -> Result<(), Error> {
    Err(Error::Rule {
        document: DOCUMENT,
        key: key.into(),
        problem: why.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{IdMapping, Rlimit, TimeOffset, example};
    use super::*;

    fn broken(change: impl FnOnce(&mut Config)) -> String {
        let mut config = example();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn each_broken_rule_names_its_key() {
        type Change = fn(&mut Config);
        let cases: [(&str, Change); 15] = [
            ("\"ociVersion\" is \"2.0.0\"", |c| {
                c.oci_version = "2.0.0".into()
            }),
            ("\"process.args\" must name", |c| {
                c.process.as_mut().unwrap().args.clear()
            }),
            ("\"process.cwd\" must be", |c| {
                c.process.as_mut().unwrap().cwd = "x".into()
            }),
            ("\"root.path\" must not", |c| {
                c.root.as_mut().unwrap().path = "".into()
            }),
            ("\"linux.namespaces[6]\" names the pid", |c| {
                let linux = c.linux.as_mut().unwrap();
                linux.namespaces.push(linux.namespaces[0].clone());
            }),
            ("\"linux.uidMappings\" needs", |c| {
                let line = IdMapping {
                    container_id: 0,
                    host_id: 1,
                    size: 1,
                };
                c.linux.as_mut().unwrap().uid_mappings.push(line);
            }),
            ("\"linux.timeOffsets.real\" is no clock", |c| {
                let offsets = &mut c.linux.as_mut().unwrap().time_offsets;
                offsets.insert("real".into(), TimeOffset::default());
            }),
            ("\"process.rlimits[1].type\" is unknown", |c| {
                let limit = Rlimit {
                    kind: "RLIMIT_X".into(),
                    hard: 1,
                    soft: 1,
                };
                c.process.as_mut().unwrap().rlimits.push(limit);
            }),
            ("\"hooks.poststop[0].path\" must be", |c| {
                let hook = Hook {
                    path: "x".into(),
                    ..Hook::default()
                };
                c.hooks = Some(Hooks {
                    poststop: vec![hook],
                    ..Hooks::default()
                });
            }),
            ("\"hostname\" is longer", |c| {
                c.hostname = Some("x".repeat(65))
            }),
            ("\"process.user.umask\" is more", |c| {
                c.process.as_mut().unwrap().user.umask = Some(0o1000)
            }),
            ("\"mounts[0].gidMappings[1]\" overlaps", |c| {
                let line = |container_id, host_id| IdMapping {
                    container_id,
                    host_id,
                    size: 10,
                };
                c.mounts[0].uid_mappings = vec![line(0, 0), line(10, 10)];
                c.mounts[0].gid_mappings = vec![line(0, 0), line(20, 9)];
            }),
            ("\"linux.intelRdt.closID\" is \"a/b\"", |c| {
                let rdt = super::super::IntelRdt {
                    clos_id: Some("a/b".into()),
                    ..Default::default()
                };
                c.linux.as_mut().unwrap().intel_rdt = Some(rdt);
            }),
            (
                "\"linux.resources.hugepageLimits[0].pageSize\" is \"2M\"",
                |c| {
                    let limit = super::super::HugepageLimit {
                        page_size: "2M".into(),
                        limit: 0,
                    };
                    let resources = &mut c.linux.as_mut().unwrap().resources;
                    resources.as_mut().unwrap().hugepage_limits = vec![limit];
                },
            ),
            ("\"linux.resources.unified.a/b.max\" is no name", |c| {
                let resources = &mut c.linux.as_mut().unwrap().resources;
                let unified = &mut resources.as_mut().unwrap().unified;
                unified.insert("a/b.max".into(), "1".into());
            }),
        ];
        for (expected, change) in cases {
            let message = broken(change);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_host_name_without_a_uts_namespace_is_refused() {
        let message = broken(|c| {
            let namespaces = &mut c.linux.as_mut().unwrap().namespaces;
            namespaces.retain(|namespace| namespace.kind != NamespaceType::Uts);
        });
        assert!(
            message.contains("\"hostname\" needs a UTS namespace"),
            "{message}"
        );
    }

    #[test]
    fn a_windows_configuration_is_refused() {
        let config = Config::parse(br#"{"ociVersion":"1.0.0","windows":{}}"#).unwrap();
        assert!(
            config
                .validate()
                .unwrap_err()
                .to_string()
                .contains("\"windows\" belongs")
        );
    }
}
