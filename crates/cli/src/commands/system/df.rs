//! `wharf system df`: what takes room on the disk.

use engine::Engine;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::listing::{self, Column, Format, Row};
use crate::{human, output};

/// Show what takes room on the disk: all of the data root, to the byte
#[derive(Debug, clap::Parser)]
#[command(name = "df")]
pub(crate) struct Args {
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// Each image, container and volume by itself
    #[arg(short, long)]
    verbose: bool,
}

const KINDS: [Column; 5] = [
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
];

const IMAGES: [Column; 8] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("Size", "SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
    ("Containers", "CONTAINERS"),
];

const CONTAINERS: [Column; 7] = [
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("Size", "SIZE"),
    ("RunningFor", "CREATED"),
    ("Status", "STATUS"),
    ("Names", "NAMES"),
];

const VOLUMES: [Column; 3] = [
    ("Name", "VOLUME NAME"),
    ("Links", "LINKS"),
    ("Size", "SIZE"),
];

/// Runs the verb.
pub(crate) fn df(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let text = match args.verbose {
        true => verbose(&engine, &args.format)?,
        false => listing::render(&args.format, &KINDS, &[], &kinds(&engine)?)?,
    };
    output::print(&text);
    Ok(0)
}

/// A row for each kind of things. Beside Docker's words there are numbers, which add up.
fn kinds(engine: &Engine) -> Result<Vec<Row>, Failure> {
    let lines = engine.disk_usage()?.into_iter();
    let row = |line: engine::DiskLine| {
        let share = (line.reclaimable * 100).checked_div(line.size).unwrap_or(0);
        let reclaimable = match line.size {
            0 => human::size(line.reclaimable),
            _ => format!("{} ({share}%)", human::size(line.reclaimable)),
        };
        Row::new(json!({
            "Type": line.kind,
            "TotalCount": line.total.to_string(),
            "Active": line.active.to_string(),
            "Size": human::size(line.size),
            "Reclaimable": reclaimable,
            "Bytes": line.size,
            "ReclaimableBytes": line.reclaimable,
        }))
    };
    Ok(lines.map(row).collect())
}

/// Docker's three tables, or one object with three lists.
fn verbose(engine: &Engine, format: &Format) -> Result<String, Failure> {
    let (images, containers, volumes) = (images(engine)?, containers(engine)?, volumes(engine)?);
    let list = |rows: &[Row]| Value::from_iter(rows.iter().map(|row| row.fields.clone()));
    let all = json!({
        "Images": list(&images),
        "Containers": list(&containers),
        "Volumes": list(&volumes),
    });
    match format {
        Format::Table => {
            let table = |columns, rows: &[Row]| listing::render(format, columns, &[], rows);
            Ok(format!(
                "Images space usage:\n\n{}\nContainers space usage:\n\n{}\n\
                 Local Volumes space usage:\n\n{}",
                table(&IMAGES, &images)?,
                table(&CONTAINERS, &containers)?,
                table(&VOLUMES, &volumes)?,
            ))
        }
        _ => listing::render(format, &[], &[], &[Row::new(all)]),
    }
}

fn images(engine: &Engine) -> Result<Vec<Row>, Failure> {
    let disk = engine.image_disk_usage()?;
    let mut rows = Vec::new();
    for image in engine.images()? {
        // The built-in image takes nothing.
        let Some(line) = disk.iter().find(|line| line.id == image.id) else {
            continue;
        };
        let digits = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        let created = image.created.as_deref();
        rows.push(Row::new(json!({
            "Repository": image.repository,
            "Tag": image.tag,
            "ID": digits.get(..12),
            "CreatedSince": created.map_or_else(|| "N/A".to_owned(), human::ago),
            "Size": human::size(line.size),
            "SharedSize": human::size(line.shared),
            "UniqueSize": human::size(line.size - line.shared),
            "Containers": line.containers.to_string(),
        })));
    }
    Ok(rows)
}

fn containers(engine: &Engine) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (record, live) in engine.list(true)? {
        rows.push(Row::new(json!({
            "ID": record.short_id(),
            "Image": record.origin(),
            "Command": format!("\"{}\"", record.process.args.join(" ")),
            "Size": human::size(engine.container_disk_usage(&record)?),
            "RunningFor": human::ago(&record.created),
            "Status": super::super::ps::status(&live),
            "Names": record.name,
        })));
    }
    Ok(rows)
}

fn volumes(engine: &Engine) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (volume, users) in engine.volumes()? {
        rows.push(Row::new(json!({
            "Name": volume.name,
            "Links": users.len().to_string(),
            "Size": human::size(engine.volume_disk_usage(&volume.name)?),
        })));
    }
    Ok(rows)
}
