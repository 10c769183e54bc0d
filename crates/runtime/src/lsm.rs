//! AppArmor profiles and SELinux labels of the container's process, set for the program that it
//! will execute. How mounts are labelled is in `rootfs`.
//!
//! The file of /proc is opened before any namespace of the container is entered, so that it is the
//! host's procfs that is written to, whatever a container shows as /proc (CVE-2019-19921).

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use spec::runtime::Process;
use sys::procfs::Procfs;

use crate::error::{Doing, Error, Fault};

const SELINUX_MAGIC: u32 = 0xf97c_ff8c;

/// What shall be written for a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels {
    apparmor: Option<String>,
    selinux: Option<String>,
}

/// The files, open in the host's procfs.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    apparmor: Option<OwnedFd>,
    selinux: Option<OwnedFd>,
}

impl Labels {
    /// Resolves what is asked for; a module that this kernel does not run is an error.
    pub(crate) fn resolve(process: &Process) -> Result<Self, Error> {
        if process.apparmor_profile.is_some() && !apparmor_is_enabled() {
            let what = "process.apparmorProfile without AppArmor in this kernel".to_owned();
            return Err(Error::Unsupported { what });
        }
        if process.selinux_label.is_some() && !selinux_is_enabled() {
            let what = "process.selinuxLabel without SELinux in this kernel".to_owned();
            return Err(Error::Unsupported { what });
        }
        Ok(Self {
            apparmor: process.apparmor_profile.clone(),
            selinux: process.selinux_label.clone(),
        })
    }

    /// Opens the calling thread's files for what is asked for.
    pub(crate) fn open(&self) -> Result<Attributes, Fault> {
        let apparmor = self.apparmor.as_ref().map(|_| {
            // The older place is shared by all modules.
            open("apparmor/exec").or_else(|_| open("exec"))
        });
        let selinux = self.selinux.as_ref().map(|_| open("exec"));
        Ok(Attributes {
            apparmor: apparmor
                .transpose()
                .doing(|| "opening the AppArmor attribute of the process".to_owned())?,
            selinux: selinux
                .transpose()
                .doing(|| "opening the SELinux attribute of the process".to_owned())?,
        })
    }

    /// Sets what the next `execve` takes on. Must come before no_new_privs, which forbids it.
    pub(crate) fn apply(&self, attributes: &Attributes) -> Result<(), Fault> {
        if let (Some(profile), Some(file)) = (&self.apparmor, &attributes.apparmor) {
            rustix::io::write(file, format!("exec {profile}").as_bytes())
                .doing(|| format!("setting the AppArmor profile {profile:?} (is it loaded?)"))?;
        }
        if let (Some(label), Some(file)) = (&self.selinux, &attributes.selinux) {
            rustix::io::write(file, label.as_bytes())
                .doing(|| format!("setting the SELinux label {label:?}"))?;
        }
        Ok(())
    }
}

/// Whether this kernel runs AppArmor.
pub fn apparmor_is_enabled() -> bool {
    std::fs::read("/sys/module/apparmor/parameters/enabled")
        .is_ok_and(|text| text.first() == Some(&b'Y'))
}

/// Whether this kernel runs SELinux.
pub(crate) fn selinux_is_enabled() -> bool {
    rustix::fs::statfs("/sys/fs/selinux")
        .is_ok_and(|stat| u32::try_from(stat.f_type) == Ok(SELINUX_MAGIC))
}

fn open(name: &str) -> Result<OwnedFd, Errno> {
    Procfs::open()?.open_for_writing(&Path::new("thread-self/attr").join(name))
}
