//! `wharf image referrers`: what in a registry is about an image.

use image::Digest;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::flags::registry::RegistryFlags;
use crate::output::{self, Format, Table};

/// List the artifacts in a registry that are about an image, such as signatures
#[derive(Debug, clap::Parser)]
#[command(name = "referrers")]
pub(crate) struct Args {
    /// Only artifacts of this type
    #[arg(long, value_name = "TYPE")]
    artifact_type: Option<String>,
    /// How registries are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: Format,
    /// The image's name in its registry; a tag means what it leads to, an index as a rule
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// Runs the verb.
pub(crate) fn referrers(args: &Args, context: &Context) -> Result<i32, Failure> {
    let settings = args.registry.settings(context);
    let kind = args.artifact_type.as_deref();
    let found = context.engine()?.referrers(&args.image, kind, &settings)?;
    if args.format == Format::Json {
        for entry in &found {
            let value = serde_json::to_value(entry).unwrap_or_default();
            output::print(&format!("{value}\n"));
        }
        return Ok(0);
    }
    let mut table = Table::new(&["DIGEST", "ARTIFACT TYPE", "SIZE"]);
    for entry in found {
        let digest: Result<Digest, _> = entry.digest.parse();
        table.row([
            digest.map_or(entry.digest, |digest| digest.to_string()),
            entry.artifact_type.unwrap_or(entry.media_type),
            entry.size.to_string(),
        ]);
    }
    output::print(&table.to_string());
    Ok(0)
}
