//! The image of a new container: pulled when it is wanted or missing. Shared by `run` and
//! `create`.

use engine::{ContainerConfig, Engine, PullRequest, Root};
use image::{Progress, Tools};

use super::pull::PullFlags;
use super::registry::RegistryFlags;
use crate::context::Context;
use crate::exit_code::Failure;
use crate::output::{self, Format};
use crate::progress::{self, Wish};
use crate::threads::Threads;

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Policy {
    /// Before each use.
    Always,
    /// When it is not here.
    Missing,
    /// Not at all.
    Never,
}

/// Where the image of a container comes from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ImageFlags {
    /// When the image is pulled
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: Policy,
    /// Do not show how a pull goes on
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    which: PullFlags,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl ImageFlags {
    /// Has `make` make a container, and gets its image first if need be. All threads that helped
    /// with it are gone by then.
    pub(crate) fn make<T>(
        &self,
        engine: &Engine,
        mut config: ContainerConfig,
        context: &Context,
        make: impl Fn(ContainerConfig) -> Result<T, engine::Error>,
    ) -> Result<T, Failure> {
        config.platform = self.which.platform.as_ref().map(ToString::to_string);
        let Root::Image(name) = config.root.clone() else {
            return make(config).map_err(Failure::of_run);
        };
        if name.starts_with(['.', '/']) {
            engine.check(config.clone()).map_err(Failure::of_run)?;
            config.root = self.local(engine, &name)?;
            return make(config).map_err(Failure::of_run);
        }
        if image::host::is_built_in(&name) || self.pull == Policy::Never {
            return make(config).map_err(Failure::of_run);
        }
        if self.pull == Policy::Always {
            // What is wrong with the rest is told before anything is pulled.
            engine.check(config.clone()).map_err(Failure::of_run)?;
        } else {
            // A present image costs nothing but this.
            match make(config.clone()) {
                Err(engine::Error::Image(image::Error::NotFound { .. })) => {}
                made => return made.map_err(Failure::of_run),
            }
            let settings = self.registry.settings(context);
            for candidate in settings.candidates(&name).map_err(Failure::of_run)? {
                config.root = Root::Image(candidate.to_string());
                match make(config.clone()) {
                    Err(engine::Error::Image(image::Error::NotFound { .. })) => {}
                    made => return made.map_err(Failure::of_run),
                }
            }
            if !self.quiet {
                let text = format!("Unable to find image '{name}' locally\n");
                output::stderr_bytes(text.as_bytes());
            }
        }
        config.root = Root::Image(self.get(engine, &name, context)?);
        make(config).map_err(Failure::of_run)
    }

    /// The root that a file or directory is.
    fn local(&self, engine: &Engine, path: &str) -> Result<Root, Failure> {
        let show = self.show();
        let tools = Tools {
            workers: &Threads,
            progress: show.as_ref(),
        };
        let root = engine.local_root(path.as_ref(), &self.request(path), tools);
        root.map_err(Failure::of_run)
    }

    fn show(&self) -> Box<dyn Progress> {
        progress::show(Wish {
            quiet: self.quiet,
            format: Format::Table,
            on_stderr: true,
        })
    }

    fn request(&self, image: &str) -> PullRequest {
        PullRequest {
            image: image.to_owned(),
            wanted: self.which.wanted(),
            limits: self.which.limits(),
        }
    }

    /// Pulls the image; gives back what it is called.
    fn get(&self, engine: &Engine, name: &str, context: &Context) -> Result<String, Failure> {
        let show = self.show();
        let tools = Tools {
            workers: &Threads,
            progress: show.as_ref(),
        };
        let pulled = engine.pull(&self.request(name), &self.registry.settings(context), tools);
        pulled.map(|pulled| pulled.name).map_err(Failure::of_run)
    }
}
