//! What the kernel finds before there is a root: this same program as init, and the modules that
//! it needs to reach its disks. In the format of cpio that the kernel reads ("newc").
//!
//! Source: the kernel's "initramfs buffer format" document.

use std::fs;
use std::path::Path;

use super::kernel::Kernel;
use super::own_program;

/// In the order in which they are loaded.
const MODULES: &[&str] = &[
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "drivers/block/virtio_blk.ko",
    "drivers/char/virtio_console.ko",
];

/// The directory of the modules; their names sort in the order of loading.
pub(super) const MODULE_DIRECTORY: &str = "/modules";

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// Writes the archive for this kernel.
pub(super) fn write(path: &Path, kernel: &Kernel) -> Result<(), String> {
    let mut archive = Archive(Vec::new());
    for directory in ["dev", "root", "modules"] {
        archive.add(directory, DIRECTORY, (0, 0), &[]);
    }
    archive.add("dev/console", CHARACTER_DEVICE, (5, 1), &[]);
    archive.add("init", FILE, (0, 0), &read(&own_program()?)?);
    for (number, module) in MODULES.iter().enumerate() {
        let name = module.rsplit('/').next().unwrap_or(module);
        let content = read(&kernel.module(module))?;
        archive.add(
            &format!("modules/{number:02}-{name}"),
            FILE,
            (0, 0),
            &content,
        );
    }
    archive.add("TRAILER!!!", 0, (0, 0), &[]);
    fs::write(path, archive.0).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

struct Archive(Vec<u8>);

impl Archive {
    fn add(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        // inode, mode, uid, gid, links, time, size, device (2), the node's device (2), name, check
        let (major, minor) = device;
        let fields = [0, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name_size, 0];
        self.0.extend(b"070701");
        for field in fields {
            self.0.extend(format!("{field:08x}").bytes());
        }
        self.0.extend(name.bytes());
        self.0.push(0);
        self.pad();
        self.0.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}
