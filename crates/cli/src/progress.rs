//! How pulls and pushes are shown: a bar for each layer on a terminal, a line for each change of a
//! layer's state elsewhere, an object a line as JSON, or nothing.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use image::{Digest, Event, LayerState, Progress, Silent};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use crate::output::{self, Format};

/// How progress is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) quiet: bool,
    pub(crate) format: Format,
    /// Beside the output of a program, which is not ours to mix with.
    pub(crate) on_stderr: bool,
}

/// The one who shows it.
pub(crate) fn show(wish: Wish) -> Box<dyn Progress> {
    let is_terminal = match wish.on_stderr {
        true => std::io::stderr().is_terminal(),
        false => std::io::stdout().is_terminal(),
    };
    match (wish.quiet, wish.format, is_terminal) {
        (true, ..) => Box::new(Silent),
        (_, Format::Json, _) => Box::new(Lines { print: json_line }),
        (_, Format::Table, true) => Box::new(Bars::new()),
        (_, Format::Table, false) => Box::new(Lines {
            print: match wish.on_stderr {
                true => |layer, words| output::stderr_bytes(plain_line(layer, words).as_bytes()),
                false => |layer, words| output::print(&plain_line(layer, words)),
            },
        }),
    }
}

/// Docker's words; nothing for what changes too often to be told.
fn words(state: LayerState) -> Option<&'static str> {
    Some(match state {
        LayerState::Waiting => "Waiting",
        LayerState::Downloading(0) => "Pulling fs layer",
        LayerState::Downloading(_) => "Resuming download",
        LayerState::Unpacking => "Extracting",
        LayerState::Compressing => "Compressing",
        LayerState::Compressed => "Compressed",
        LayerState::Uploading => "Preparing",
        LayerState::Exists => "Already exists",
        LayerState::Mounted => "Mounted",
        LayerState::Complete => "Complete",
    })
}

fn plain_line(layer: &str, words: &str) -> String {
    format!("{layer}: {words}\n")
}

fn json_line(layer: &str, words: &str) {
    output::print(&format!("{}\n", json!({"id": layer, "status": words})));
}

/// A line for each change of a state.
struct Lines {
    print: fn(&str, &str),
}

impl Progress for Lines {
    fn tell(&self, event: &Event<'_>) {
        if let Event::Layer(layer, state) = event
            && let Some(words) = words(*state)
        {
            (self.print)(layer.short(), words);
        }
    }
}

/// A bar for each layer.
struct Bars {
    all: MultiProgress,
    bars: Mutex<HashMap<Digest, ProgressBar>>,
}

const WAITING: &str = "{prefix}: {msg}";
const MOVING: &str = "{prefix}: {msg:<12} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";

impl Bars {
    fn new() -> Self {
        Self {
            all: MultiProgress::new(),
            bars: Mutex::default(),
        }
    }

    fn add(&self, layers: &[(Digest, u64)]) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        for (digest, size) in layers {
            let bar = self.all.add(ProgressBar::new(*size));
            bar.set_style(style(WAITING));
            bar.set_prefix(digest.short().to_owned());
            bar.set_message("Waiting");
            bars.insert(digest.clone(), bar);
        }
    }

    fn bar(&self, layer: &Digest) -> Option<ProgressBar> {
        let bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        bars.get(layer).cloned()
    }
}

impl Progress for Bars {
    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Layers(layers) => self.add(layers),
            Event::Bytes(layer, count) => {
                if let Some(bar) = self.bar(layer) {
                    bar.inc(*count);
                }
            }
            Event::Layer(layer, state) => {
                let Some(bar) = self.bar(layer) else { return };
                match state {
                    LayerState::Downloading(have) => {
                        bar.set_style(style(MOVING));
                        bar.set_message("Downloading");
                        bar.set_position(*have);
                        bar.reset_eta();
                    }
                    LayerState::Uploading => {
                        bar.set_style(style(MOVING));
                        bar.set_message("Pushing");
                    }
                    LayerState::Compressing => {
                        bar.set_style(style(MOVING));
                        bar.set_message("Compressing");
                    }
                    LayerState::Waiting | LayerState::Unpacking => {
                        bar.set_message(words(*state).unwrap_or_default());
                    }
                    LayerState::Exists
                    | LayerState::Mounted
                    | LayerState::Compressed
                    | LayerState::Complete => {
                        bar.set_style(style(WAITING));
                        bar.finish_with_message(words(*state).unwrap_or_default());
                    }
                }
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; one that is none would show the default bar.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
