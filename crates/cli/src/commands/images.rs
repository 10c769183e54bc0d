//! `wharf images`: list images.

use std::time::SystemTime;

use engine::{Engine, ImageSummary};
use glob::{MatchOptions, Pattern};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::moment::moment;
use crate::listing::{self, Column, Format, Row};
use crate::{human, output};

/// List images
#[derive(Debug, clap::Parser)]
#[command(name = "images")]
pub(crate) struct Args {
    /// All images; there are none that are hidden without
    #[arg(short = 'a', long = "all")]
    _all: bool,
    /// The digests that registries know them by
    #[arg(long)]
    digests: bool,
    /// Only those that meet a condition: reference=PATTERN, dangling=true|false, label=NAME=VALUE, before=IMAGE, since=IMAGE or until=TIME
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
    /// Cut nothing off
    #[arg(long)]
    no_trunc: bool,
    /// table, json, a Go template, or table and a template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = listing::format)]
    format: Format,
    /// Only those of this name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

const SHOWN: [Column; 5] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("Size", "SIZE"),
];

const OTHERS: [Column; 6] = [
    ("Digest", "DIGEST"),
    ("CreatedAt", "CREATED AT"),
    ("Platform", "PLATFORM"),
    ("Containers", "CONTAINERS"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
];

const KEYS: [&str; 6] = ["reference", "dangling", "label", "before", "since", "until"];

/// Runs the verb.
pub(crate) fn images(args: Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    let conditions = Conditions::of(&args, &engine)?;
    let mut images = engine.images()?;
    images.retain(|image| conditions.meets(image));
    if args.quiet {
        // The built-in image has no id.
        let ids = images.iter().filter(|image| !image.id.is_empty());
        output::print(&ids.map(|image| id(image, &args) + "\n").collect::<String>());
        return Ok(0);
    }
    let rows: Vec<Row> = images.iter().map(|image| row(image, &args)).collect();
    let mut shown = SHOWN.to_vec();
    if args.digests {
        shown.insert(2, ("Digest", "DIGEST"));
    }
    output::print(&listing::render(&args.format, &shown, &OTHERS, &rows)?);
    Ok(0)
}

/// Which images are wanted.
struct Conditions {
    filters: Filters,
    references: Vec<Pattern>,
    dangling: Option<bool>,
    after: Option<SystemTime>,
    before: Option<SystemTime>,
}

impl Conditions {
    fn of(args: &Args, engine: &Engine) -> Result<Self, Failure> {
        let filters = Filters::parse(&args.filter, &KEYS).map_err(Failure::usage)?;
        let references = filters.values("reference").iter().chain(&args.name);
        let pattern = |text: &String| {
            Pattern::new(text).map_err(|error| {
                Failure::usage(format!("invalid pattern {text:?} of images: {error}"))
            })
        };
        let border = |key: &str| -> Result<Option<SystemTime>, Failure> {
            let Some(name) = filters.values(key).first() else {
                return Ok(None);
            };
            Ok(human::parse_rfc3339(
                &engine.inspect_image(name, None)?.created,
            ))
        };
        let until = filters.values("until").first().map(|text| moment(text));
        let until = until.transpose().map_err(Failure::usage)?;
        Ok(Self {
            references: references.map(pattern).collect::<Result<_, _>>()?,
            dangling: dangling(&filters)?,
            after: border("since")?,
            before: border("before")?.into_iter().chain(until).min(),
            filters,
        })
    }

    fn meets(&self, image: &ImageSummary) -> bool {
        let labels = image.labels.iter().cloned().collect();
        let created = image.created.as_deref().and_then(human::parse_rfc3339);
        let is_dangling = image.repository == NONE;
        self.dangling.is_none_or(|wanted| wanted == is_dangling)
            && (self.references.is_empty() || self.references.iter().any(|p| is_called(image, p)))
            && self.filters.meets_labels(&labels)
            && self
                .before
                .is_none_or(|border| created.is_some_and(|created| created < border))
            && self
                .after
                .is_none_or(|border| created.is_some_and(|created| created > border))
    }
}

/// What stands for a name where there is none.
const NONE: &str = "<none>";

/// The value of the condition `dangling`.
pub(crate) fn dangling(filters: &Filters) -> Result<Option<bool>, Failure> {
    let value = filters.values("dangling").first().map(String::as_str);
    match value {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(other) => Err(Failure::usage(format!(
            "invalid filter dangling={other}: expected true or false"
        ))),
    }
}

/// Whether a pattern means an image, by its repository or with its tag, as Docker's.
fn is_called(image: &ImageSummary, pattern: &Pattern) -> bool {
    let options = MatchOptions {
        require_literal_separator: true,
        ..MatchOptions::new()
    };
    let whole = format!("{}:{}", image.repository, image.tag);
    let mut names = [image.repository.as_str(), &whole].into_iter();
    image.repository != NONE && names.any(|name| pattern.matches_with(name, options))
}

/// An image's id: the digest's first digits, or all of it.
fn id(image: &ImageSummary, args: &Args) -> String {
    let digits = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
    match args.no_trunc {
        true => image.id.clone(),
        false => digits.get(..12).unwrap_or(digits).to_owned(),
    }
}

fn row(image: &ImageSummary, args: &Args) -> Row {
    let created = image.created.as_deref();
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "N/A".to_owned());
    let digest = match image.digest.as_str() {
        "" => NONE,
        digest => digest,
    };
    let fields: [(&str, Value); 11] = [
        ("Containers", json!("N/A")),
        ("CreatedAt", json!(or_unknown(created.map(human::utc)))),
        ("CreatedSince", json!(or_unknown(created.map(human::ago)))),
        ("Digest", json!(digest)),
        ("ID", json!(id(image, args))),
        ("Platform", json!(image.platform)),
        ("Repository", json!(image.repository)),
        ("SharedSize", json!("N/A")),
        ("Size", json!(human::size(image.size))),
        ("Tag", json!(image.tag)),
        ("UniqueSize", json!("N/A")),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Row::new(Value::Object(Map::from_iter(fields)))
}
