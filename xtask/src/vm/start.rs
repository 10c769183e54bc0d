//! The machine's first process, `__vm-start`: loads the modules for its disks, mounts the root,
//! tells systemd about the agent, and becomes systemd.

use std::ffi::CStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount, mount_move};

use super::agent::AGENT;
use super::initramfs::MODULE_DIRECTORY;
use super::storage::ROOT_DISK;

/// The hidden task.
pub(crate) const START: &str = "__vm-start";

/// Below the new root's /run, which systemd leaves as it finds it.
const PROGRAM: &str = "/run/wharf-agent";

/// Does not return when all is well.
pub(crate) fn start() -> Result<bool, String> {
    let none = MountFlags::empty();
    mount("devtmpfs", "/dev", "devtmpfs", none, None::<&CStr>)
        .map_err(|error| format!("cannot mount /dev: {error}"))?;
    load_modules()?;
    wait_for(Path::new(ROOT_DISK))?;
    mount(ROOT_DISK, "/root", "ext4", none, None::<&CStr>)
        .map_err(|error| format!("cannot mount the root: {error}"))?;
    mount("tmpfs", "/root/run", "tmpfs", none, c"mode=755")
        .map_err(|error| format!("cannot mount /run: {error}"))?;
    fs::copy("/init", format!("/root{PROGRAM}"))
        .map_err(|error| format!("cannot copy the agent: {error}"))?;
    write_unit().map_err(|error| format!("cannot write the agent's unit: {error}"))?;
    mount_move("/dev", "/root/dev").map_err(|error| format!("cannot move /dev: {error}"))?;
    enter_root().map_err(|error| format!("cannot enter the root: {error}"))?;
    let error = Command::new("/sbin/init").env_clear().exec();
    Err(format!("cannot become systemd: {error}"))
}

fn load_modules() -> Result<(), String> {
    let failed = |error| format!("cannot read {MODULE_DIRECTORY}: {error}");
    let entries = fs::read_dir(MODULE_DIRECTORY).map_err(failed)?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let file = fs::File::open(&path).map_err(failed)?;
        rustix::system::finit_module(file, c"", 0)
            .map_err(|error| format!("cannot load {}: {error}", path.display()))?;
    }
    Ok(())
}

fn wait_for(device: &Path) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !device.exists() {
        if Instant::now() > deadline {
            return Err(format!("there is no {}", device.display()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// The agent is a service, so that what it runs stands outside of every session.
fn write_unit() -> std::io::Result<()> {
    let units = Path::new("/root/run/systemd/system");
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    let unit = format!(
        "[Unit]\nWants=user@1000.service\nAfter=user@1000.service dbus.service\n\
         [Service]\nExecStart={PROGRAM} {AGENT}\nDelegate=yes\nTasksMax=infinity\n"
    );
    fs::write(units.join("wharf-agent.service"), unit)?;
    std::os::unix::fs::symlink("../wharf-agent.service", wants.join("wharf-agent.service"))
}

fn enter_root() -> std::io::Result<()> {
    std::env::set_current_dir("/root")?;
    mount_move(".", "/")?;
    rustix::process::chroot(".")?;
    std::env::set_current_dir("/")
}
