//! How registries are reached: flags that all verbs with a registry share, and what the caller's
//! environment and files say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::registry::{Credentials, Proxies, Settings};

use super::duration::duration;
use crate::context::Context;

/// How a registry is reached.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RegistryFlags {
    /// Want a valid certificate; with false, plain HTTP is tried too
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    tls_verify: bool,
    /// Name and password for this command
    #[arg(long, value_name = "USER:PASSWORD", value_parser = credentials)]
    creds: Option<Credentials>,
    /// File with credentials, instead of Docker's and Podman's
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// Directory of certificates of registries, beside those of Docker and Podman
    #[arg(long, value_name = "DIR")]
    certs_dir: Option<PathBuf>,
    /// Directory of hosts.toml files, instead of containerd's
    #[arg(long, value_name = "DIR")]
    hosts_dir: Option<PathBuf>,
    /// How long a registry may say nothing, as 90s, before a connection is given up
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    idle_timeout: Duration,
    /// How often a request is tried
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    retry: u32,
}

fn credentials(text: &str) -> Result<Credentials, String> {
    let (user, password) = text.split_once(':').ok_or("expected USER:PASSWORD")?;
    Ok(Credentials::Password {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

impl Default for RegistryFlags {
    fn default() -> Self {
        Self {
            tls_verify: true,
            creds: None,
            authfile: None,
            certs_dir: None,
            hosts_dir: None,
            idle_timeout: Duration::from_secs(60),
            retry: 5,
        }
    }
}

impl RegistryFlags {
    /// The flags with what the environment says.
    pub(crate) fn settings(&self, context: &Context) -> Settings {
        let places = Places::of(context);
        let mut settings = places.settings();
        settings.proxies = proxies(context);
        settings.insecure = !self.tls_verify;
        settings.credentials = self.creds.clone();
        settings.attempts = self.retry;
        settings.idle = self.idle_timeout;
        if let Some(file) = &self.authfile {
            settings.auth_files = vec![file.clone()];
            settings.login_file = file.clone();
        }
        settings.certs.extend(self.certs_dir.clone());
        if let Some(directory) = &self.hosts_dir {
            settings.hosts = vec![directory.clone()];
        }
        settings
    }
}

/// Where the caller's files are.
struct Places<'a> {
    context: &'a Context,
    home: PathBuf,
    config: PathBuf,
}

impl<'a> Places<'a> {
    fn of(context: &'a Context) -> Self {
        let home = PathBuf::from(context.variable("HOME").unwrap_or("/"));
        let config = context.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        Self {
            context,
            config: config.unwrap_or_else(|| home.join(".config")),
            home,
        }
    }

    fn settings(&self) -> Settings {
        let docker = self.path("DOCKER_CONFIG");
        let docker = docker.unwrap_or_else(|| self.home.join(".docker"));
        let login_file = docker.join("config.json");
        let runtime = self.path("XDG_RUNTIME_DIR");
        let runtime = runtime.map(|directory| directory.join("containers/auth.json"));
        let (auth_files, login_file) = match self.path("REGISTRY_AUTH_FILE") {
            Some(file) => (vec![file.clone()], file),
            None => {
                let mut files = vec![login_file.clone()];
                files.extend(runtime);
                files.push("/run/containers/0/auth.json".into());
                files.push(self.config.join("containers/auth.json"));
                (files, login_file)
            }
        };
        Settings {
            auth_files,
            login_file,
            certs: vec![
                "/etc/docker/certs.d".into(),
                "/etc/containers/certs.d".into(),
                self.config.join("docker/certs.d"),
                self.config.join("containers/certs.d"),
            ],
            hosts: vec!["/etc/containerd/certs.d".into()],
            registries_conf: self.registries_conf(),
            policies: vec![
                self.config.join("containers/policy.json"),
                "/etc/containers/policy.json".into(),
            ],
            ..Default::default()
        }
    }

    /// As containers-registries.conf(5): the user's file takes the place of the system's, and the
    /// drop-in files of both come after.
    fn registries_conf(&self) -> Vec<PathBuf> {
        if let Some(file) = self.path("CONTAINERS_REGISTRIES_CONF") {
            return vec![file];
        }
        let own = self.config.join("containers/registries.conf");
        let system = PathBuf::from("/etc/containers/registries.conf");
        let mut files = vec![if own.exists() { own } else { system }];
        files.extend(drop_ins(Path::new("/etc/containers/registries.conf.d")));
        files.extend(drop_ins(&self.config.join("containers/registries.conf.d")));
        files
    }

    fn path(&self, variable: &str) -> Option<PathBuf> {
        let value = self.context.variable(variable);
        value.filter(|value| !value.is_empty()).map(PathBuf::from)
    }
}

/// The `.conf` files of a directory, in the order of their names.
fn drop_ins(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    files.sort();
    files
}

/// Lower case goes before upper case, as in curl; `HTTP_PROXY` in upper case counts too.
fn proxies(context: &Context) -> Proxies {
    let of = |lower: &str| {
        let upper = lower.to_ascii_uppercase();
        let value = context.variable(lower).or_else(|| context.variable(&upper));
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let all = of("all_proxy");
    Proxies {
        http: of("http_proxy").or_else(|| all.clone()),
        https: of("https_proxy").or(all),
        no_proxy: of("no_proxy").unwrap_or_default(),
    }
}
