//! The user, groups, umask and capabilities that a container's process runs with, taken on in the
//! one order in which each step still has the right to be taken.
//!
//! Source: capabilities(7), "Effect of user ID changes on capabilities".

use std::os::fd::BorrowedFd;

use rustix::fs::{Gid, Mode, Uid};
use rustix::io::Errno;
use rustix::thread::CapabilitySet;
use spec::runtime::User;

use crate::capabilities::Sets;
use crate::error::{Doing, Fault};

/// Gives the standard streams to the user `owner`, so that they can be opened again through
/// /proc/self/fd; other people's files (a /dev/null, a stream that is not ours to give) stay as
/// they are.
pub(crate) fn give_streams(owner: u32, streams: [BorrowedFd<'_>; 3]) {
    for stream in streams {
        let Ok(stat) = rustix::fs::fstat(stream) else {
            continue;
        };
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        let is_pipe = kind == rustix::fs::FileType::Fifo;
        if is_pipe && stat.st_uid != owner {
            // A pipe from outside the user namespace has no owner here; reading and writing it
            // through the fd works all the same.
            let _ = rustix::fs::fchown(stream, Some(Uid::from_raw(owner)), None);
        }
    }
}

/// Drops the bounding set, becomes the user and sets the capability sets; without sets, they are
/// what the kernel makes of them. `kept` stays permitted until `execve`.
pub(crate) fn take_on(user: &User, sets: Option<&Sets>, kept: CapabilitySet) -> Result<(), Fault> {
    if let Some(sets) = sets {
        sets.drop_bounding()
            .doing(|| "dropping capabilities".to_owned())?;
    }
    rustix::thread::set_keep_capabilities(true)
        .doing(|| "keeping capabilities over the change of the user".to_owned())?;
    set_groups(user)?;
    let gid = Gid::from_raw(user.gid);
    rustix::thread::set_thread_res_gid(gid, gid, gid)
        .doing(|| format!("becoming group {}", user.gid))?;
    let uid = Uid::from_raw(user.uid);
    rustix::thread::set_thread_res_uid(uid, uid, uid)
        .doing(|| format!("becoming user {}", user.uid))?;
    rustix::thread::set_keep_capabilities(false)
        .doing(|| "keeping capabilities no longer".to_owned())?;
    if let Some(sets) = sets {
        sets.apply(kept)
            .doing(|| "setting the capabilities".to_owned())?;
    }
    rustix::process::umask(Mode::from_raw_mode(user.umask.unwrap_or(0o022)));
    Ok(())
}

/// In a user namespace whose maker could not be vouched for, `setgroups` is denied; that matters
/// only where groups are asked for.
fn set_groups(user: &User) -> Result<(), Fault> {
    let groups: Vec<Gid> = user
        .additional_gids
        .iter()
        .map(|gid| Gid::from_raw(*gid))
        .collect();
    match rustix::thread::set_thread_groups(&groups) {
        Err(Errno::PERM) if groups.is_empty() => Ok(()),
        other => other.doing(|| format!("setting the groups {:?}", user.additional_gids)),
    }
}
