//! What is pulled and how much it may be: flags of `pull` and of the verbs that pull on their way.

use image::unpack::Limits;
use image::{Platform, Wanted};

use super::{number, size};

/// Which image of several, and how large.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PullFlags {
    /// Take the image for this platform, OS/CPU[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_parser = platform)]
    pub(crate) platform: Option<Platform>,
    /// Refuse layers that are larger than this unpacked [default: 64g]
    #[arg(long, value_name = "BYTES", value_parser = size::bytes)]
    max_layer_size: Option<i64>,
    /// Refuse layers with more files than this [default: 1000000]
    #[arg(long, value_name = "NUMBER", value_parser = number::count::<u64>)]
    max_layer_files: Option<u64>,
}

pub(crate) fn platform(text: &str) -> Result<Platform, String> {
    text.parse()
        .map_err(|error: image::NoPlatform| error.to_string())
}

impl PullFlags {
    /// Which images.
    pub(crate) fn wanted(&self) -> Wanted {
        self.platform.clone().map_or(Wanted::Any, Wanted::Platform)
    }

    /// How large layers may be.
    pub(crate) fn limits(&self) -> Limits {
        let default = Limits::default();
        let bytes = self
            .max_layer_size
            .and_then(|size| u64::try_from(size).ok());
        Limits {
            entries: self.max_layer_files.unwrap_or(default.entries),
            bytes: bytes.unwrap_or(default.bytes),
        }
    }
}
