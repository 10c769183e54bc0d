//! Debian's docker-registry on a free port of this machine, with the image that is pulled. What it
//! holds is kept between benchmarks.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use super::super::stage::Stage;
use super::super::subject::CommandLine;
use super::image::{self, CODECS, Codec};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running registry; dropping it ends it.
pub(super) struct Registry {
    process: Child,
    port: u16,
    cache: PathBuf,
    about: String,
}

impl Registry {
    /// Starts it and gives it the image in both forms, if it does not have them.
    pub(super) fn start(stage: &Stage) -> Result<Self, String> {
        let cache = image::cache();
        let plain = image::plain(stage, &cache)?;
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n\
             http:\n  addr: 127.0.0.1:{port}\n",
            cache.join("registry").display()
        );
        let path = stage.state("registry.yml");
        std::fs::create_dir_all(stage.state(""))
            .and_then(|()| std::fs::write(&path, config))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let serve = CommandLine::new(["env", "OTEL_TRACES_EXPORTER=none"]);
        let serve = serve.then(&stage.peer("docker-registry")?).and(["serve"]);
        let (process, _) = serve.and([&path]).spawn()?;
        let mut registry = Registry {
            process,
            port,
            cache,
            about: String::new(),
        };
        registry.wait()?;
        registry.furnish(stage, &plain)?;
        Ok(registry)
    }

    fn wait(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if Instant::now() > deadline {
                return Err("docker-registry does not answer".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn furnish(&mut self, stage: &Stage, plain: &str) -> Result<(), String> {
        let skopeo = stage.peer("skopeo")?;
        for codec in CODECS {
            let to = format!("docker://{}", self.image(codec));
            let look = skopeo.and(["inspect", "--tls-verify=false", &to]);
            if look.time().is_err() {
                println!("pushing the image, {}", codec.name);
                let copy = skopeo.and(["copy", "--quiet", "--dest-tls-verify=false"]);
                let copy = copy.and(["--dest-compress-format", codec.name]);
                copy.and([plain, &to]).time()?;
            }
        }
        let layers = self.layers(stage, &CODECS[0])?.len();
        self.about = format!(
            "`pull` of a Debian image of {} MiB (unpacked) in {layers} layers, {}, from Debian's \
             docker-registry on this machine, onto an empty ext4. The daemons' time and memory \
             are counted in. The floor decompresses, computes both digests and writes the files, \
             in one thread, from the registry's own files.",
            image::unpacked_mib(&self.cache),
            "made with mmdebstrap",
        );
        Ok(())
    }

    /// What the tables say about the work.
    pub(super) fn about(&self) -> String {
        self.about.clone()
    }

    /// The image's name.
    pub(super) fn image(&self, codec: &Codec) -> String {
        format!("127.0.0.1:{}/debian:{}", self.port, codec.name)
    }

    /// The registry's files of the image's layers.
    pub(super) fn layers(&self, stage: &Stage, codec: &Codec) -> Result<Vec<PathBuf>, String> {
        let name = format!("docker://{}", self.image(codec));
        let inspect = stage.peer("skopeo")?.and(["inspect", "--raw"]);
        let text = inspect.and(["--tls-verify=false", &name]).output()?;
        let manifest: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let layers = manifest["layers"].as_array().ok_or("no layers")?;
        let digests = layers.iter().filter_map(|layer| layer["digest"].as_str());
        let blobs = self.cache.join("registry/docker/registry/v2/blobs/sha256");
        let hex = digests.filter_map(|digest| digest.strip_prefix("sha256:"));
        let file = |hex: &str| blobs.join(&hex[..2]).join(hex).join("data");
        Ok(hex.map(file).collect())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
