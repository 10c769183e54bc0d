//! A real registry (Debian's docker-registry) on a free port of this machine, and what is asked
//! of it beside wharf.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A registry with what it holds; ended with this value.
pub(crate) struct Registry {
    directory: tempfile::TempDir,
    process: Child,
    port: u16,
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    pub(crate) tls: bool,
    pub(crate) password: bool,
    /// Clients need a certificate of the registry's own authority.
    pub(crate) clients: bool,
}

/// bcrypt of "secret".
const PASSWORD: &str = "me:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// Whether the programs are there; says so when not.
pub(crate) fn has(programs: &[&str]) -> bool {
    for program in programs {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .stdout(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            println!("skipped: needs {program}");
            return false;
        }
    }
    true
}

/// Runs a partner, which must succeed.
pub(crate) fn partner(program: &str, words: &[&str]) -> Output {
    let output = Command::new(program).args(words).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {text}");
    output
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::start_as(Manner::default())
    }

    /// With something more at the top of its configuration.
    pub(crate) fn start_with(more: &str) -> Self {
        Self::start_configured(Manner::default(), more)
    }

    pub(crate) fn start_as(manner: Manner) -> Self {
        Self::start_configured(manner, "")
    }

    fn start_configured(manner: Manner, more: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("wharf-registry-")
            .tempdir()
            .unwrap();
        let path = directory.path();
        if manner.tls {
            certificates(path);
        }
        if manner.password {
            std::fs::write(path.join("htpasswd"), PASSWORD).unwrap();
        }
        loop {
            let port = free_port();
            std::fs::write(path.join("config.yml"), config(path, port, manner, more)).unwrap();
            // Requests are told on one stream, the rest on the other.
            let log = std::fs::File::create(path.join("log")).unwrap();
            let mut process = Command::new("docker-registry")
                .arg("serve")
                .arg(path.join("config.yml"))
                .env("OTEL_TRACES_EXPORTER", "none")
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            // Another test may have been faster with the port: then the registry ends.
            while process.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self {
                        directory,
                        process,
                        port,
                    };
                }
                std::thread::yield_now();
            }
        }
    }

    /// Its name in references.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A reference to something in it.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Copies an image of an OCI layout into it, with skopeo.
    pub(crate) fn take(&self, layout: &Path, name: &str) {
        let from = format!("oci:{}", layout.display());
        let to = format!("docker://{}", self.image(name));
        partner(
            "skopeo",
            &[
                "copy",
                "--all",
                "--quiet",
                "--dest-tls-verify=false",
                &from,
                &to,
            ],
        );
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn config(path: &Path, port: u16, manner: Manner, more: &str) -> String {
    let place = path.display();
    let clients = match manner.clients {
        true => format!(", clientcas: [{place}/ca.crt]"),
        false => String::new(),
    };
    let tls = match manner.tls {
        true => format!(
            "  tls: {{certificate: {place}/server.crt, key: {place}/server.key{clients}}}\n"
        ),
        false => String::new(),
    };
    let auth = match manner.password {
        true => format!("auth: {{htpasswd: {{realm: test, path: {place}/htpasswd}}}}\n"),
        false => String::new(),
    };
    format!(
        "version: 0.1\nlog: {{level: info}}\n\
         storage:\n  filesystem: {{rootdirectory: {place}/data}}\n  delete: {{enabled: true}}\n\
         http:\n  addr: 127.0.0.1:{port}\n{tls}{auth}{more}"
    )
}

/// An authority, and a certificate from it for this machine.
fn certificates(path: &Path) {
    let script = "\
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
          -subj /CN=test-authority -keyout ca.key -out ca.crt \
          -addext basicConstraints=critical,CA:TRUE && \
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
          -subj /CN=test-registry -keyout server.key -out server.csr && \
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test' > names && \
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
          -days 2 -extfile names -out server.crt";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}
