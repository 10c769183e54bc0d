//! `wharf inspect`: show everything about containers, images, networks and volumes, as JSON in
//! Docker's shape.

use engine::{Engine, Error as EngineError, Kind};
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::inspected::{Format, format, show};

/// Show everything about containers, images, networks and volumes
#[derive(Debug, clap::Parser)]
#[command(name = "inspect")]
pub(crate) struct Args {
    /// json for one line, or a Go template
    #[arg(short, long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// How much a container has written too
    #[arg(short, long)]
    size: bool,
    /// What sort of object is meant; without, the first of a container, an image, a network and a
    /// volume that there is
    #[arg(long, value_name = "TYPE")]
    r#type: Option<Sort>,
    /// Names or ids
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Sorts of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    Container,
    Image,
    Network,
    Volume,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no such object: {0}")]
    NoSuchObject(String),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("writing JSON")]
    Json(#[from] serde_json::Error),
}

/// Runs the verb.
pub(crate) fn inspect(args: &Args, context: &Context) -> Result<i32, Failure> {
    let engine = context.engine()?;
    show(&args.names, args.format.as_ref(), |name| {
        match args.r#type {
            Some(sort) => find(&engine, sort, name, args.size),
            None => find_any(&engine, name, args.size),
        }
    })
}

/// Runs `wharf container inspect`, which knows only containers.
pub(crate) fn inspect_containers(args: Args, context: &Context) -> Result<i32, Failure> {
    let r#type = Some(Sort::Container);
    inspect(&Args { r#type, ..args }, context)
}

fn find(engine: &Engine, sort: Sort, name: &str, size: bool) -> Result<Value, Error> {
    fn value<T: Serialize>(found: Result<T, EngineError>) -> Result<Value, Error> {
        Ok(serde_json::to_value(found?)?)
    }
    match sort {
        Sort::Container => value(engine.inspect(name, size)),
        Sort::Image => value(engine.inspect_image(name, None)),
        Sort::Network => value(engine.inspect_network(name)),
        Sort::Volume => value(engine.volume(name)),
    }
}

fn find_any(engine: &Engine, name: &str, size: bool) -> Result<Value, Error> {
    for sort in [Sort::Container, Sort::Image, Sort::Network, Sort::Volume] {
        match find(engine, sort, name, size) {
            // What cannot be an image's name may be that of something else.
            Err(Error::Engine(error))
                if matches!(error.kind(), Kind::NotFound | Kind::InvalidArgument) => {}
            found => return found,
        }
    }
    Err(Error::NoSuchObject(name.to_owned()))
}
