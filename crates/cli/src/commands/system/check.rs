//! `wharf system check`: whether everything that wharf made is whole and belongs to something.

use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::output::{self, Format, Table};

/// Check whether everything that wharf made is whole and belongs to something
#[derive(Debug, clap::Parser)]
#[command(name = "check")]
pub(crate) struct Args {
    /// List everything that is wharf's too, on the disk and in the kernel
    #[arg(short, long)]
    all: bool,
    /// Remove what is forgotten or damaged
    #[arg(short, long)]
    repair: bool,
    /// text or json, an object a line
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = crate::output::text_or_json)]
    format: Format,
}

/// Runs the verb; 1 when something is wrong and stays so.
pub(crate) fn check(args: &Args, context: &Context) -> Result<i32, Failure> {
    let checked = context.engine()?.check_everything(args.repair)?;
    if args.all {
        let mut table = Table::new(&["KIND", "NAME", "OF"]);
        for owned in &checked.owned {
            if args.format == Format::Json {
                let value = json!({ "Kind": owned.kind, "Name": owned.name, "Of": owned.of });
                output::print(&format!("{value}\n"));
            }
            let of = owned.of.clone().unwrap_or_default();
            table.row([owned.kind.to_owned(), owned.name.clone(), of]);
        }
        if args.format == Format::Table {
            output::print(&table.to_string());
        }
    }
    for problem in &checked.problems {
        let text = match args.format {
            Format::Json => {
                let value = json!({
                    "What": problem.what,
                    "Why": problem.why,
                    "Remedy": problem.remedy,
                    "Mended": problem.mended,
                });
                format!("{value}\n")
            }
            Format::Table => {
                let mended = if problem.mended { " (mended)" } else { "" };
                let (what, why, remedy) = (&problem.what, &problem.why, &problem.remedy);
                format!("{what}: {why}{mended}: {remedy}\n")
            }
        };
        output::print(&text);
    }
    if checked.problems.is_empty() && args.format == Format::Table {
        output::print(
            "Every digest and every reference is as it should be, and everything belongs to something\n",
        );
    }
    let problems = checked.problems.iter();
    Ok(i32::from(
        problems.filter(|problem| !problem.mended).count() > 0,
    ))
}
