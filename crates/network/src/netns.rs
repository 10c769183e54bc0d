//! Sockets in another network namespace. A socket acts where it was opened, so the calling thread
//! steps over for a moment and comes back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{Doing, Error};
use crate::netlink::Route;

/// A route socket in the namespace.
pub(crate) fn route_in(namespace: BorrowedFd<'_>) -> Result<Route, Error> {
    let own = own()?;
    enter(namespace)?;
    let route = Route::open();
    // Coming back cannot fail for lack of rights: we came from there.
    enter(own.as_fd())?;
    route
}

fn own() -> Result<OwnedFd, Error> {
    open(
        "/proc/thread-self/ns/net",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .doing(|| "opening the own network namespace".to_owned())
}

fn enter(namespace: BorrowedFd<'_>) -> Result<(), Error> {
    move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))
        .doing(|| "entering a network namespace".to_owned())
}
