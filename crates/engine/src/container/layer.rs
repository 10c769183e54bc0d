//! The writable layer of a container: a pair of directories for each overlay of its root, and the
//! files of `/etc` that name the host, written into it before the container first runs.
//!
//! Everything in it has the container's own ids (root is 0), whatever range the container runs
//! with: the kernel maps them.

use std::fs::{DirBuilder, Permissions};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, open, openat, unlinkat};
use rustix::io::Errno;

use super::networking::Connection;
use super::record::{Overlay, Record};
use super::resolver;
use crate::Error;

/// Makes the directories of all overlays.
pub(super) fn make(overlays: &[Overlay]) -> Result<(), Error> {
    for overlay in overlays {
        make_dir(&overlay.writable, 0o700)?;
        make_dir(&overlay.writable.join("upper"), 0o755)?;
        make_dir(&overlay.writable.join("work"), 0o700)?;
    }
    Ok(())
}

fn make_dir(path: &Path, mode: u32) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder
        .mode(mode)
        .create(path)
        .map_err(|error| Error::io("making", path, error))
}

/// Where an overlay's writable pair of directories is, in the directory of the whole layer.
pub(super) fn place(layer: &Path, target: &Path) -> PathBuf {
    match target.strip_prefix("/") {
        Ok(inside) if !inside.as_os_str().is_empty() => layer.join(inside),
        _ => layer.to_owned(),
    }
}

/// What the files of `/etc` that name the host say.
pub(super) struct Names<'a> {
    pub(super) hostname: &'a str,
    pub(super) domainname: Option<&'a str>,
    /// `NAME:ADDRESS`.
    /// Its addresses, as far as they are known.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) hosts: &'a [String],
    /// The host's addresses in its networks, for those of `hosts` that ask for them.
    pub(super) gateways: Vec<IpAddr>,
    /// The text of resolv.conf.
    pub(super) resolv: &'a str,
}

/// Writes `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf` into the layer, unless `/etc` is
/// no plain directory in the image.
pub(super) fn write_host_files(root: &Overlay, names: &Names<'_>) -> Result<(), Error> {
    let below = root
        .lower
        .iter()
        .find_map(|layer| layer.join("etc").symlink_metadata().ok());
    if below.is_some_and(|etc| !etc.is_dir()) {
        return Ok(());
    }
    let etc = root.writable.join("upper/etc");
    make_dir(&etc, 0o755)?;
    for (name, text) in [
        ("hostname", format!("{}\n", names.hostname)),
        ("hosts", hosts(names)),
        ("resolv.conf", names.resolv.to_owned()),
    ] {
        let path = etc.join(name);
        std::fs::write(&path, text)
            .and_then(|()| std::fs::set_permissions(&path, Permissions::from_mode(0o644)))
            .map_err(|error| Error::io("writing", &path, error))?;
    }
    Ok(())
}

/// Writes `/etc/hosts` and `/etc/resolv.conf` of a container again that is about to run with other
/// addresses. What it made of its `/etc` meanwhile is its own affair: no link is followed.
pub(super) fn rewrite_host_files(record: &Record, connections: &[Connection]) -> Result<(), Error> {
    let mut roots = record.overlays.iter();
    let Some(root) = roots.find(|overlay| overlay.target == Path::new("/")) else {
        return Ok(());
    };
    let hostname = record.config.hostname.as_deref();
    let addresses = connections
        .iter()
        .flat_map(|connection| &connection.endpoint.addresses);
    let names = Names {
        hostname: hostname.unwrap_or(record.short_id()),
        domainname: record.config.domainname.as_deref(),
        addresses: addresses.map(ipnet::IpNet::addr).collect(),
        hosts: &record.config.add_hosts,
        gateways: connections
            .iter()
            .flat_map(|connection| connection.endpoint.gateways.iter().copied())
            .collect(),
        resolv: "",
    };
    let upper = root.writable.join("upper");
    let resolver = resolver::of(&record.config, connections);
    for (name, text) in [("hosts", hosts(&names)), ("resolv.conf", resolver)] {
        match replace_in_etc(&upper, name, &text) {
            // There is no such file here, or it is no file any more.
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ISDIR) => {}
            Err(errno) => return Err(Error::io("writing in etc of", &upper, errno)),
        }
    }
    Ok(())
}

/// The directory `/etc` of a layer, if it is one.
pub(super) fn etc(upper: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let upper = open(upper, flags, Mode::empty())?;
    openat(&upper, "etc", flags, Mode::empty())
}

fn replace_in_etc(upper: &Path, name: &str, text: &str) -> Result<(), Errno> {
    let etc = etc(upper)?;
    match unlinkat(&etc, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(&etc, name, flags, Mode::from_raw_mode(0o644))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))?;
    let written = std::io::Write::write_all(&mut std::fs::File::from(file), text.as_bytes());
    written.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// Docker's word, in the place of an address, for the host as its container reaches it.
pub(super) const HOST_GATEWAY: &str = "host-gateway";

/// Docker's hosts file; the container's own name is that of its addresses.
fn hosts(names: &Names<'_>) -> String {
    let hostname = names.hostname;
    let own = match names.domainname {
        Some(domain) => format!("{hostname}.{domain} {hostname}"),
        None => hostname.to_owned(),
    };
    // An address may have colons itself, a name has none.
    let added = names
        .hosts
        .iter()
        .filter_map(|line| line.split_once([':', '=']));
    let added: String = added
        .map(|(name, address)| match address {
            HOST_GATEWAY => {
                let gateways = names.gateways.iter();
                gateways
                    .map(|gateway| format!("{gateway}\t{name}\n"))
                    .collect()
            }
            address => format!("{address}\t{name}\n"),
        })
        .collect();
    let addresses = match names.addresses.as_slice() {
        [] => vec![IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1))],
        addresses => addresses.to_vec(),
    };
    let own: String = addresses
        .iter()
        .map(|address| format!("{address}\t{own}\n"))
        .collect();
    format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
         ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n\
         {own}{added}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(directory: &Path) -> Overlay {
        Overlay {
            target: "/".into(),
            lower: vec![directory.join("lower")],
            writable: directory.join("layer"),
        }
    }

    #[test]
    fn overlays_below_the_root_have_their_directories_in_its_layer() {
        assert_eq!(place(Path::new("/l"), Path::new("/")), Path::new("/l"));
        assert_eq!(
            place(Path::new("/l"), Path::new("/usr")),
            Path::new("/l/usr")
        );
    }

    #[test]
    fn a_host_file_is_written_unless_etc_leads_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let overlay = overlay(directory.path());
        make(std::slice::from_ref(&overlay)).unwrap();
        std::fs::create_dir(&overlay.lower[0]).unwrap();
        std::os::unix::fs::symlink("/etc", overlay.lower[0].join("etc")).unwrap();
        let names = Names {
            hostname: "web",
            domainname: None,
            addresses: Vec::new(),
            hosts: &["db:10.0.0.2".to_owned(), "six:::1".to_owned()],
            gateways: Vec::new(),
            resolv: "",
        };
        write_host_files(&overlay, &names).unwrap();
        let hostname = overlay.writable.join("upper/etc/hostname");
        assert!(!hostname.exists());
        std::fs::remove_file(overlay.lower[0].join("etc")).unwrap();
        write_host_files(&overlay, &names).unwrap();
        assert_eq!(std::fs::read_to_string(hostname).unwrap(), "web\n");
        let hosts = overlay.writable.join("upper/etc/hosts");
        let hosts = std::fs::read_to_string(hosts).unwrap();
        assert!(hosts.ends_with("web\n10.0.0.2\tdb\n::1\tsix\n"), "{hosts}");
    }
}
