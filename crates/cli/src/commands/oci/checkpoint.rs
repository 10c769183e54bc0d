//! `oci checkpoint`: a container is written down by CRIU.

use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use runtime::{CgroupsMode, CriuOptions};

use super::global::Global;
use super::main::Failure;

/// Write the processes of a container down, with CRIU.
#[derive(Debug, clap::Parser)]
#[command(name = "checkpoint")]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Earlier images, relative to the directory: only what changed since is written
    #[arg(long, value_name = "DIR")]
    parent_path: Option<PathBuf>,
    /// The container goes on
    #[arg(long)]
    leave_running: bool,
    /// Leave out TCP connections that are being made
    #[arg(long)]
    tcp_skip_in_flight: bool,
    /// Give names to files that have none
    #[arg(long)]
    link_remap: bool,
    /// Descriptor that gets a null byte once memory can be asked for
    #[arg(long, value_name = "FD")]
    status_fd: Option<i32>,
    /// Server that takes the memory
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address_and_port)]
    page_server: Option<(String, u16)>,
    /// Write only memory; the container goes on
    #[arg(long)]
    pre_dump: bool,
    /// The container
    id: String,
}

/// The options that `restore` has too.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Common {
    /// Directory of the images
    #[arg(long, value_name = "DIR", default_value = "checkpoint")]
    image_path: PathBuf,
    /// Directory of CRIU's log
    #[arg(long, value_name = "DIR")]
    work_path: Option<PathBuf>,
    /// Keep TCP connections
    #[arg(long)]
    tcp_established: bool,
    /// Unix sockets may lead out of the container
    #[arg(long)]
    ext_unix_sk: bool,
    /// The session and its terminal may be the caller's
    #[arg(long)]
    shell_job: bool,
    /// Keep locks of files
    #[arg(long)]
    file_locks: bool,
    /// soft, full, strict or ignore
    #[arg(long, value_name = "MODE", default_value = "soft", value_parser = cgroups_mode)]
    manage_cgroups_mode: CgroupsMode,
    /// Make a namespace, but not what is in it: network
    #[arg(long, value_name = "NAMESPACE", value_parser = ["network"])]
    empty_ns: Vec<String>,
    /// Free memory in older images that newer ones have
    #[arg(long)]
    auto_dedup: bool,
    /// Memory is only carried when it is asked for
    #[arg(long)]
    lazy_pages: bool,
}

impl Common {
    /// As CRIU gets them. As with runc, what is in the network namespace is the caller's business.
    pub(super) fn options(&self) -> CriuOptions {
        CriuOptions {
            images: self.image_path.clone(),
            work: self.work_path.clone(),
            tcp_established: self.tcp_established,
            ext_unix_sk: self.ext_unix_sk,
            shell_job: self.shell_job,
            file_locks: self.file_locks,
            cgroups: self.manage_cgroups_mode,
            empty_network: true,
            auto_dedup: self.auto_dedup,
            lazy_pages: self.lazy_pages,
            ..CriuOptions::default()
        }
    }
}

pub(super) fn checkpoint(global: &Global, args: &Args) -> Result<i32, Failure> {
    if let Some(parent) = &args.parent_path {
        check_parent(args, parent)?;
    }
    let status_fd = args.status_fd.map(take_descriptor).transpose()?;
    let options = CriuOptions {
        parent: args.parent_path.clone(),
        leave_running: args.leave_running,
        tcp_skip_in_flight: args.tcp_skip_in_flight,
        link_remap: args.link_remap,
        status_fd,
        page_server: args.page_server.clone(),
        pre_dump: args.pre_dump,
        ..args.common.options()
    };
    runtime::checkpoint(&global.root, &args.id, &options)?;
    if !(args.leave_running || args.pre_dump) {
        super::delete::remove(global, &args.id, true)?;
    }
    Ok(0)
}

fn take_descriptor(number: i32) -> Result<OwnedFd, Failure> {
    sys::fds::inherited(number)
        .map_err(|_| Failure::usage(format!("invalid --status-fd argument {number}: not open")))
}

fn check_parent(args: &Args, parent: &Path) -> Result<(), Failure> {
    if parent.is_absolute() {
        return Err(Failure::usage("--parent-path must be relative".to_owned()));
    }
    let whole = below(&args.common.image_path, parent);
    match std::fs::metadata(&whole) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(invalid_parent(&whole, "not a directory")),
        Err(_) => Err(invalid_parent(&whole, "no such file or directory")),
    }
}

/// Where `parent` will be once the directory of the images is made.
fn below(images: &Path, parent: &Path) -> PathBuf {
    let mut whole = images.to_owned();
    for component in parent.components() {
        match component {
            Component::ParentDir if !images.exists() => drop(whole.pop()),
            other => whole.push(other),
        }
    }
    whole
}

fn invalid_parent(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("invalid --parent-path: {}: {why}", path.display()))
}

fn cgroups_mode(text: &str) -> Result<CgroupsMode, String> {
    match text {
        "soft" => Ok(CgroupsMode::Soft),
        "full" => Ok(CgroupsMode::Full),
        "strict" => Ok(CgroupsMode::Strict),
        "ignore" => Ok(CgroupsMode::Ignore),
        _ => Err("expected soft, full, strict or ignore".to_owned()),
    }
}

fn address_and_port(text: &str) -> Result<(String, u16), String> {
    let wrong = || "Use --page-server ADDRESS:PORT to specify page server".to_owned();
    let (address, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    if address.is_empty() {
        return Err(wrong());
    }
    let port = port.parse().map_err(|_| "Invalid port number".to_owned())?;
    Ok((address.trim_matches(['[', ']']).to_owned(), port))
}
