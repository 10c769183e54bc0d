//! `wharf system df`: what takes room on the disk.

use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Format, Table};

/// Show what takes room on the disk: all of the data root, to the byte
#[derive(Debug, clap::Parser)]
#[command(name = "df")]
pub(crate) struct Args {
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
}

/// Runs the verb.
pub(crate) fn df(args: &Args, context: &Context) -> Result<i32, Failure> {
    let lines = context.engine()?.disk_usage()?;
    let mut table = Table::new(&["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]);
    for line in &lines {
        let share = (line.reclaimable * 100).checked_div(line.size).unwrap_or(0);
        let reclaimable = match line.size {
            0 => human::size(line.reclaimable),
            _ => format!("{} ({share}%)", human::size(line.reclaimable)),
        };
        if args.format == Format::Json {
            let value = json!({
                "Type": line.kind,
                "TotalCount": line.total,
                "Active": line.active,
                "Size": line.size,
                "Reclaimable": line.reclaimable,
            });
            output::print(&format!("{value}\n"));
        }
        table.row([
            line.kind.to_owned(),
            line.total.to_string(),
            line.active.to_string(),
            human::size(line.size),
            reclaimable,
        ]);
    }
    if args.format == Format::Table {
        output::print(&table.to_string());
    }
    Ok(0)
}
