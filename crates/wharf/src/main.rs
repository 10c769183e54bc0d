//! The binary: hands its arguments to the command line and exits with its code. Nothing else lives
//! here.

#![no_main]

sys::entry!(run);

#[allow(
    clippy::exit,
    reason = "the end of the program, where buffered output is written"
)]
fn run() -> ! {
    std::process::exit(cli::main(std::env::args_os()))
}
