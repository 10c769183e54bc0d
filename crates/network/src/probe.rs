//! Whether the caller may change the network that it is in.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use rustix::io::Errno;

use crate::netlink::Route;

/// Asks the kernel, which looks at the rights before it looks at the request: one that removes
/// nothing. A capability alone says little, since it may be over another namespace.
pub fn may_configure() -> bool {
    let Ok(mut route) = Route::open() else {
        return false;
    };
    let nothing = RouteNetlinkMessage::DelLink(LinkMessage::default());
    route.add(0, &nothing, String::new());
    let refused = route.send().err().and_then(|error| error.errno());
    !matches!(
        refused,
        Some(Errno::PERM | Errno::ACCESS | Errno::AFNOSUPPORT)
    )
}
