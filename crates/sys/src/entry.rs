//! The way into a program that is started often and lives shortly: `main` as the C library calls
//! it, without what Rust's standard library prepares for longer lives (it reads /proc/self/maps
//! and sets up a second stack to say that the first one overflowed). What it does for safety is
//! done here.

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, FdFlags, fcntl_getfd};
use rustix::stdio::{stderr, stdin, stdout};

/// Defines the program's `main`, which calls `$main`, a `fn() -> !`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[allow(unsafe_code, reason = "the one symbol that the C library calls")]
        // SAFETY: nothing else defines `main`, and it has the type that C expects.
        #[unsafe(no_mangle)]
        extern "C" fn main(_: i32, _: *const *const std::ffi::c_char) -> i32 {
            $crate::entry::prepare();
            $main()
        }
    };
}

/// Opens /dev/null on standard streams that are closed, so that no file of ours is taken for one,
/// and ignores SIGPIPE, so that who stops reading is an error and not a death.
pub fn prepare() {
    let streams: [Result<FdFlags, Errno>; 3] = [
        fcntl_getfd(stdin()),
        fcntl_getfd(stdout()),
        fcntl_getfd(stderr()),
    ];
    for stream in streams {
        if stream == Err(Errno::BADF) {
            // The lowest free fd is the one that is missing. It stays open for good.
            let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty());
            match null {
                Ok(null) => std::mem::forget(null),
                // Without it, the next file that is opened would be a standard stream.
                Err(_) => std::process::abort(),
            }
        }
    }
    // It is a signal that can be ignored.
    let _ = crate::signals::ignore(libc::SIGPIPE);
}
