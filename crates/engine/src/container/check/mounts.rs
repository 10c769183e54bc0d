//! Mounts of a request: their places, their sources and their options.

use std::path::Path;

use super::super::config::{ContainerConfig, Tmpfs, Volume};
use crate::Error;
use crate::volumes;

/// What a tmpfs itself can be told, tmpfs(5), beside the words that every mount knows.
const TMPFS_KEYS: &str = "size=, nr_blocks=, nr_inodes=, mode=, uid=, gid=, huge=, mpol=";

/// Words that make something else of it.
const OTHER_MOUNTS: [&str; 5] = ["bind", "rbind", "remount", "idmap", "ridmap"];

pub(super) fn check(config: &ContainerConfig) -> Result<(), Error> {
    check_targets(config)?;
    config.volumes.iter().try_for_each(check_volume)?;
    config.tmpfs.iter().try_for_each(check_tmpfs)
}

/// Mounts go to absolute paths, each to its own.
fn check_targets(config: &ContainerConfig) -> Result<(), Error> {
    let volumes = config.volumes.iter().map(|volume| &volume.target);
    let mut seen: Vec<&Path> = Vec::new();
    let images = config.image_mounts.iter().map(|mount| &mount.target);
    let tmpfs = config.tmpfs.iter().map(|tmpfs| &tmpfs.target);
    for target in volumes.chain(tmpfs).chain(images) {
        if !target.is_absolute() || target == Path::new("/") {
            return Err(invalid(target, "expected an absolute path other than /"));
        }
        if seen.contains(&target.as_path()) {
            return Err(invalid(target, "there are two mounts at this path"));
        }
        seen.push(target);
    }
    Ok(())
}

/// A volume's name is one, and what of the host must be there is.
fn check_volume(volume: &Volume) -> Result<(), Error> {
    if let Some(name) = &volume.name {
        return volumes::check(name);
    }
    if volume.anonymous || volume.create_source {
        return Ok(());
    }
    let source = &volume.source;
    rustix::fs::stat(source)
        .map(drop)
        .map_err(|errno| Error::io("looking at the source of the mount", source, errno))
}

fn check_tmpfs(tmpfs: &Tmpfs) -> Result<(), Error> {
    for option in &tmpfs.options {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let is_good = match key {
            "mode" => u32::from_str_radix(value, 8).is_ok_and(|mode| mode <= 0o7777),
            "uid" | "gid" => value.parse::<u32>().is_ok(),
            "size" | "nr_blocks" | "nr_inodes" => is_amount(value, key == "size"),
            "mpol" => !value.is_empty(),
            "huge" => ["never", "always", "within_size", "advise"].contains(&value),
            _ => is_word(option),
        };
        if !is_good {
            let why = format!("a tmpfs has no option {option:?}: expected {TMPFS_KEYS} or ro");
            return Err(invalid(&tmpfs.target, &why));
        }
    }
    Ok(())
}

fn is_word(option: &str) -> bool {
    !OTHER_MOUNTS.contains(&option) && runtime::mount_words().iter().any(|word| word == option)
}

/// As the kernel's memparse reads it; a size may also be a part of the memory.
fn is_amount(text: &str, is_size: bool) -> bool {
    let digits = text.strip_suffix(|c: char| {
        c.is_ascii_alphabetic() && "kmgtpe".contains(c.to_ascii_lowercase()) || is_size && c == '%'
    });
    let digits = digits.unwrap_or(text);
    digits.parse::<u64>().is_ok()
}

fn invalid(target: &Path, why: &str) -> Error {
    Error::Invalid {
        what: "mount",
        why: format!("{}: {why}", target.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tmpfs(option: &str) -> Result<(), Error> {
        check_tmpfs(&Tmpfs {
            target: "/t".into(),
            options: vec![option.to_owned()],
        })
    }

    #[test]
    fn a_tmpfs_takes_what_the_kernel_takes() {
        for good in [
            "size=64m",
            "size=50%",
            "mode=1777",
            "uid=5",
            "nr_inodes=10k",
            "noexec",
            "ro",
        ] {
            tmpfs(good).unwrap();
        }
        for bad in [
            "mode=999",
            "mode=",
            "size=x",
            "size=",
            "bogus",
            "bind",
            "huge=x",
            "uid=x",
            "ro=1",
            "nr_inodes=5%",
        ] {
            assert!(tmpfs(bad).unwrap_err().to_string().contains(bad), "{bad}");
        }
    }
}
