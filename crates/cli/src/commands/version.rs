//! `wharf version`.

use crate::exit_code::Failure;
use crate::output;

/// Show the version
#[derive(Debug, clap::Parser)]
#[command(name = "version")]
pub(crate) struct Args {
    /// json
    #[arg(short, long, value_name = "FORMAT", value_parser = crate::output::format)]
    format: Option<crate::output::Format>,
}

/// Runs the verb.
pub(crate) fn version(args: Args) -> Result<i32, Failure> {
    let (version, spec) = (env!("CARGO_PKG_VERSION"), spec::VERSION);
    let text = match args.format {
        Some(crate::output::Format::Json) => {
            serde_json::json!({ "Version": version, "OCIRuntimeSpec": spec }).to_string()
        }
        _ => format!("wharf version {version}\nOCI runtime specification {spec}"),
    };
    output::print(&format!("{text}\n"));
    Ok(0)
}

/// `wharf --version`, in the form of Docker's.
pub(crate) fn short() -> Result<i32, Failure> {
    output::print(&format!("wharf version {}\n", env!("CARGO_PKG_VERSION")));
    Ok(0)
}
