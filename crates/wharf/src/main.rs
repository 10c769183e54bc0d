//! The binary: hands its arguments to the command line and returns its exit code. Nothing else
//! lives here.

fn main() {}
