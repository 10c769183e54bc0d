//! `wharf image mount`: a program that sees an image as a directory. The mount is in a namespace
//! of its own, so that nothing of it stays, whatever ends the program.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::mount::MountFlags;

use crate::context::Context;
use crate::exit_code::Failure;

/// Run a program, or a shell, in a directory with an image's files, read-only
#[derive(Debug, clap::Parser)]
#[command(name = "mount")]
pub(crate) struct Args {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The program and its arguments; the directory is its working directory and WHARF_MOUNT
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

/// Runs the verb. The caller must have a single thread.
pub(crate) fn mount(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let mut layers = engine.image_directories(&args.image)?;
    layers.reverse();
    // Each has the mount in a namespace of its own, so that the place may be the same.
    let place = context.run_root.join("mnt");
    let failed = |what: &str, errno: Errno| {
        let error = std::io::Error::from(errno);
        Failure::usage(format!("{what} {}: {error}", args.image))
    };
    match rustix::fs::mkdir(&place, rustix::fs::Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(failed("making a place for", errno)),
    }
    runtime::isolate().map_err(Failure::of_run)?;
    stack(&layers, &place).map_err(|errno| failed("mounting", errno))?;
    let shell = context.variable("SHELL").unwrap_or("/bin/sh").to_owned();
    let (program, arguments) = match args.command.split_first() {
        Some((program, arguments)) => (program.clone(), arguments),
        None => (shell, &[][..]),
    };
    let status = Command::new(&program)
        .args(arguments)
        .current_dir(&place)
        .env("WHARF_MOUNT", &place)
        .status();
    let status = status.map_err(|error| Failure {
        message: format!("running {program}: {error}"),
        code: Some(match error.kind() {
            std::io::ErrorKind::NotFound => 127,
            _ => 126,
        }),
    })?;
    let by_signal = status.signal().map(|signal| 128 + signal);
    Ok(status.code().or(by_signal).unwrap_or(125))
}

/// Mounts layers, the topmost first, on each other.
fn stack(layers: &[PathBuf], place: &Path) -> Result<(), Errno> {
    let [first, rest @ ..] = layers else {
        return Err(Errno::NOENT);
    };
    if rest.is_empty() {
        rustix::mount::mount_bind(first, place)?;
        return rustix::mount::mount_remount(
            place,
            MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV,
            "",
        );
    }
    // Names below the directory of all layers: the options of a mount are one page.
    let above = first.parent().ok_or(Errno::NOENT)?;
    rustix::process::chdir(above)?;
    let names = layers
        .iter()
        .filter_map(|layer| layer.file_name()?.to_str());
    let names: Vec<&str> = names.collect();
    let own = if rustix::process::geteuid().is_root() && in_first_namespace() {
        ""
    } else {
        ",userxattr"
    };
    let options = format!("lowerdir={}{own}", names.join(":"));
    let options = std::ffi::CString::new(options).map_err(|_| Errno::INVAL)?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("overlay", place, "overlay", flags, Some(options.as_c_str()))
}

fn in_first_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().nth(2) == Some("4294967295")
}
