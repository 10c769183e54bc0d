//! The binary: hands its arguments to the command line and returns its exit code. Nothing else
//! lives here.

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = cli::main(std::env::args_os());
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
