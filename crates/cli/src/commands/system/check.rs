//! `wharf system check`: whether the store of images is whole.

use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output::{self, Format};

/// Check every digest and reference of the store of images
#[derive(Debug, clap::Parser)]
#[command(name = "check")]
pub(crate) struct Args {
    /// Remove what is damaged, so that the next pull brings it again
    #[arg(short, long)]
    repair: bool,
    /// text or json, an object a line
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = crate::output::text_or_json)]
    format: Format,
}

/// Runs the verb; 1 when something is damaged and stays so.
pub(crate) fn check(args: &Args, context: &Context) -> Result<i32, Failure> {
    let found = context.engine()?.check_store(args.repair)?;
    for damage in &found {
        let text = match args.format {
            Format::Json => {
                let value = json!({
                    "What": damage.what,
                    "Why": damage.why,
                    "Remedy": damage.remedy,
                    "Mended": damage.mended,
                });
                format!("{value}\n")
            }
            Format::Table => {
                let mended = if damage.mended { " (mended)" } else { "" };
                format!(
                    "{}: {}{mended}: {}\n",
                    damage.what, damage.why, damage.remedy
                )
            }
        };
        output::print(&text);
    }
    if found.is_empty() && args.format == Format::Table {
        output::print("Every digest and every reference is as it should be\n");
    }
    Ok(i32::from(found.iter().any(|damage| !damage.mended)))
}
