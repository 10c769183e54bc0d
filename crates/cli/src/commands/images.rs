//! `wharf images`: list images.

use engine::ImageSummary;
use serde_json::json;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::human;
use crate::output::{self, Table};

/// List images
#[derive(Debug, clap::Parser)]
#[command(name = "images")]
pub(crate) struct Args {
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = crate::output::format)]
    format: crate::output::Format,
}

/// Runs the verb.
pub(crate) fn images(args: Args, context: &Context) -> Result<i32, Failure> {
    let images = context.engine()?.images()?;
    let text: String = match (args.quiet, args.format) {
        (true, _) => images.iter().map(|image| id(image, &args) + "\n").collect(),
        (_, crate::output::Format::Json) => {
            images.iter().map(|image| as_json(image, &args)).collect()
        }
        (_, crate::output::Format::Table) => table(&images, &args).to_string(),
    };
    output::print(&text);
    Ok(0)
}

/// An image's id: the digest's first digits, or all of it.
fn id(image: &ImageSummary, args: &Args) -> String {
    let digits = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
    match args.no_trunc {
        true => image.id.clone(),
        false => digits.get(..12).unwrap_or(digits).to_owned(),
    }
}

fn created(image: &ImageSummary) -> String {
    image
        .created
        .as_deref()
        .map_or_else(|| "N/A".to_owned(), human::ago)
}

fn table(images: &[ImageSummary], args: &Args) -> Table {
    let mut table = Table::new(&["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]);
    for image in images {
        table.row([
            image.repository.clone(),
            image.tag.clone(),
            id(image, args),
            created(image),
            human::size(image.size),
        ]);
    }
    table
}

fn as_json(image: &ImageSummary, args: &Args) -> String {
    let value = json!({
        "Repository": image.repository,
        "Tag": image.tag,
        "ID": id(image, args),
        "CreatedAt": image.created,
        "CreatedSince": created(image),
        "Size": human::size(image.size),
    });
    format!("{value}\n")
}
