//! How registries are reached: tokens, credential helpers, certificates of our own, proxies,
//! mirrors; each with a real registry behind it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Outcome, Wharf};
use crate::http::{Asked, Server};
use crate::layout::{Codec, Layout, archive};
use crate::registry::{Manner, Registry, has, partner};

const NEEDED: &[&str] = &["docker-registry", "skopeo", "openssl", "base64"];

/// A home of a user with files about registries, and variables.
struct Home {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Home {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn run(&self, wharf: &Wharf, words: &[&str]) -> Outcome {
        let mut command = wharf.command();
        command.env("HOME", self.path(""));
        for name in ["XDG_CONFIG_HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"] {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(words).output().unwrap().into()
    }

    fn ok(&self, wharf: &Wharf, words: &[&str]) -> String {
        let outcome = self.run(wharf, words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout
    }

    fn fails(&self, wharf: &Wharf, words: &[&str], why: &str) {
        let outcome = self.run(wharf, words);
        assert_ne!(outcome.code, 0, "{words:?}: {outcome:?}");
        assert!(outcome.stderr.contains(why), "{why}: {outcome:?}");
    }
}

fn image() -> Layout {
    Layout::of(&[(archive(&[("word", b"word")]), Codec::Gzip)])
}

fn load(wharf: &Wharf, name: &str) {
    let loaded = wharf.ok(&["load", "-i", image().path().to_str().unwrap()]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    wharf.ok(&["tag", id, name]);
}

fn shell(directory: &Path, script: &str) -> String {
    let mut shell = Command::new("sh");
    let shell = shell.args(["-ec", script]).current_dir(directory);
    let output: Outcome = shell.output().unwrap().into();
    assert_eq!(output.code, 0, "{output:?}");
    output.stdout
}

/// Signs a token for what was asked for: everybody may pull what is open, `me` may do all.
fn token(directory: &Path, asked: &Asked) -> String {
    let is_me =
        asked.headers.get("authorization").map(String::as_str) == Some("Basic bWU6c2VjcmV0");
    let query = asked.target.split('?').nth(1).unwrap_or_default();
    let scopes = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("scope="));
    let mut access = Vec::new();
    for scope in scopes.flat_map(|scopes| scopes.split("%20")) {
        let scope = scope
            .replace("%3A", ":")
            .replace("%2F", "/")
            .replace("%2C", ",");
        let parts: Vec<&str> = scope.split(':').collect();
        let [kind, name, actions] = parts.as_slice() else {
            continue;
        };
        let mut actions: Vec<&str> = actions.split(',').collect();
        actions.retain(|action| is_me || (*action == "pull" && name.starts_with("open")));
        access.push(json!({"type": kind, "name": name, "actions": actions}));
    }
    let chain = shell(
        directory,
        "openssl x509 -in server.crt -outform DER | base64 -w0",
    );
    let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [chain]});
    let claims = json!({"iss": "test-issuer", "sub": "", "aud": "test", "exp": 4_000_000_000u64,
        "nbf": 0, "iat": 0, "jti": "1", "access": access});
    std::fs::write(directory.join("header"), header.to_string()).unwrap();
    std::fs::write(directory.join("claims"), claims.to_string()).unwrap();
    shell(
        directory,
        "url() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
         printf %s.%s $(url < header) $(url < claims) > signed
         printf %s.%s $(cat signed) $(openssl dgst -sha256 -sign server.key signed | url)",
    )
}

#[test]
fn tokens_are_fetched_for_what_is_wanted() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, home) = (Wharf::new(), Home::new());
    let directory = home.path("");
    shell(
        &directory,
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens \
           -keyout server.key -out server.crt",
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let is_busy = AtomicBool::new(true);
    let server = Server::start(move |request| {
        seen.lock().unwrap().push(request.target.clone());
        if is_busy.swap(false, Ordering::Relaxed) {
            return (503, vec![], vec![]);
        }
        let answer = json!({"token": token(&directory, request), "expires_in": 300});
        (200, vec![], answer.to_string().into_bytes())
    });
    let registry = Registry::start_with(&format!(
        "auth: {{token: {{realm: {}, service: test, issuer: test-issuer, rootcertbundle: {}}}}}\n",
        server.url("/token"),
        home.path("server.crt").display(),
    ));
    let (open, closed) = (registry.image("open/x:1"), registry.image("closed/x:1"));
    load(&wharf, &open);
    wharf.ok(&["tag", &open, &closed]);
    home.fails(&wharf, &["push", &open], "wants a login");
    let login = ["--creds", "me:secret"];
    home.ok(&wharf, &[&["push"], &login[..], &[&open]].concat());
    // Mounted from the neighbour, for which the token must speak, too.
    let pushed = home.ok(&wharf, &[&["push"], &login[..], &[&closed]].concat());
    assert!(pushed.contains(": Mounted"), "{pushed}");
    let scopes = asked.lock().unwrap().join("\n");
    assert!(scopes.contains("service=test"), "{scopes}");
    wharf.ok(&["rmi", &open, &closed]);
    asked.lock().unwrap().clear();
    home.ok(&wharf, &["pull", "-q", &open]);
    // One token serves all requests of a pull.
    assert_eq!(asked.lock().unwrap().len(), 1);
    home.fails(&wharf, &["pull", &closed], "wants a login");
    home.ok(&wharf, &[&["pull", "-q"], &login[..], &[&closed]].concat());
    home.fails(
        &wharf,
        &["pull", "--creds", "me:wrong", &closed],
        "wants a login",
    );
}

#[test]
fn a_credential_helper_keeps_the_password() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, mut home) = (Wharf::new(), Home::new());
    let manner = Manner {
        tls: false,
        password: true,
        ..Manner::default()
    };
    let registry = Registry::start_as(manner);
    let host = registry.host();
    // Keeps what it is told in a file, as docker-credential-pass keeps it in a store.
    let helper = "#!/bin/sh\n\
        case $1 in\n\
        get) cat >/dev/null; cat \"$HOME/kept\" 2>/dev/null || \
            { echo 'credentials not found in native keychain'; exit 1; };;\n\
        store) cat > \"$HOME/kept\";;\n\
        erase) cat >/dev/null; rm \"$HOME/kept\";;\n\
        esac\n";
    home.write("bin/docker-credential-test", helper);
    let program = home.path("bin/docker-credential-test");
    std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", home.path("bin").display());
    home.variables.push(("PATH", path));
    for config in [
        json!({"credHelpers": {&host: "test"}}),
        json!({"credsStore": "test"}),
    ] {
        home.write(".docker/config.json", &config.to_string());
        let image = registry.image("x");
        load(&wharf, &image);
        home.fails(&wharf, &["push", &image], "wants a login");
        home.ok(&wharf, &["login", "-u", "me", "-p", "secret", &host]);
        let kept: Value =
            serde_json::from_slice(&std::fs::read(home.path("kept")).unwrap()).unwrap();
        assert_eq!(
            (&kept["Username"], &kept["Secret"]),
            (&json!("me"), &json!("secret"))
        );
        let text = std::fs::read_to_string(home.path(".docker/config.json")).unwrap();
        assert!(!text.contains("bWU6c2VjcmV0"), "{text}");
        home.ok(&wharf, &["push", "-q", &image]);
        home.ok(&wharf, &["pull", "-q", &image]);
        home.ok(&wharf, &["logout", &host]);
        assert!(!home.path("kept").exists());
        home.fails(&wharf, &["pull", &image], "wants a login");
    }
    home.write(
        "bin/docker-credential-test",
        "#!/bin/sh\necho 'locked up'; exit 1\n",
    );
    home.fails(&wharf, &["pull", &registry.image("x")], "locked up");
}

#[test]
fn a_certificate_says_who_we_are() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, home) = (Wharf::new(), Home::new());
    let registry = Registry::start_as(Manner {
        tls: true,
        clients: true,
        ..Manner::default()
    });
    let image = registry.image("x");
    load(&wharf, &image);
    let certs = home.path("certs");
    let own = certs.join(registry.host());
    std::fs::create_dir_all(&own).unwrap();
    let certs = format!("--certs-dir={}", certs.display());
    let copy = |from: &str, to: &str| std::fs::copy(registry.path(from), own.join(to)).unwrap();
    copy("ca.crt", "ca.crt");
    let outcome = home.run(&wharf, &["push", "--retry=1", &certs, &image]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    copy("server.crt", "client.cert");
    copy("server.key", "client.key");
    home.ok(&wharf, &["push", "-q", &certs, &image]);
    home.ok(&wharf, &["pull", "-q", &certs, &image]);
}

#[test]
fn proxies_lead_to_registries() {
    if !has(NEEDED) {
        return;
    }
    for tls in [false, true] {
        let (wharf, mut home) = (Wharf::new(), Home::new());
        let manner = Manner {
            tls,
            password: false,
            ..Manner::default()
        };
        let registry = Registry::start_as(manner);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let port = registry.host().rsplit(':').next().unwrap().parse().unwrap();
        let proxy = Server::proxy(port, Arc::clone(&seen));
        // A name that nobody but the proxy knows.
        let scheme = if tls { "https" } else { "http" };
        let server = format!("server = \"{scheme}://registry.test\"\n");
        let ca = format!("ca = \"{}\"\n", registry.path("ca.crt").display());
        home.write(
            "hosts/registry.test/hosts.toml",
            &match tls {
                true => server + &ca,
                false => server,
            },
        );
        let hosts = format!("--hosts-dir={}", home.path("hosts").display());
        load(&wharf, "registry.test/x:1");
        let push = ["push", "-q", "--retry=1", &hosts, "registry.test/x:1"];
        assert_ne!(home.run(&wharf, &push).code, 0, "there is no way");
        let variable = if tls { "HTTPS_PROXY" } else { "http_proxy" };
        home.variables.push((variable, proxy.url("")));
        home.ok(&wharf, &push);
        wharf.ok(&["rmi", "registry.test/x:1"]);
        home.ok(&wharf, &["pull", "-q", &hosts, "registry.test/x:1"]);
        let seen = seen.lock().unwrap().join("\n");
        assert!(seen.contains("registry.test"), "{seen}");
        assert_eq!(seen.contains("CONNECT registry.test:443"), tls, "{seen}");
        home.variables
            .push(("NO_PROXY", "registry.test".to_owned()));
        let pull = ["pull", "-q", "--retry=1", &hosts, "registry.test/x:1"];
        assert_ne!(home.run(&wharf, &pull).code, 0, "nobody asked the proxy");
    }
}

#[test]
fn mirrors_are_asked_first_and_what_is_blocked_never() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, home) = (Wharf::new(), Home::new());
    let (origin, mirror) = (Registry::start(), Registry::start());
    let layout = image();
    origin.take(layout.path(), "x:1");
    mirror.take(layout.path(), "copies/x:1");
    let requests = |registry: &Registry| registry.log().matches("\"GET /v2/").count();
    // As Podman's file says it: the first mirror is down, the second has the image.
    home.write(
        ".config/containers/registries.conf",
        &format!(
            "unqualified-search-registries = [\"{0}\"]\n\
             [[registry]]\nprefix = \"{0}\"\nlocation = \"{0}\"\ninsecure = true\n\
             [[registry.mirror]]\nlocation = \"127.0.0.1:1\"\ninsecure = true\n\
             [[registry.mirror]]\nlocation = \"{1}/copies\"\ninsecure = true\n\
             [[registry]]\nprefix = \"{0}/evil\"\nblocked = true\n",
            origin.host(),
            mirror.host()
        ),
    );
    let name = origin.image("x:1");
    let before = requests(&origin);
    home.ok(&wharf, &["pull", "-q", "--retry=1", &name]);
    assert_eq!(
        requests(&origin),
        before,
        "nobody asked the registry itself"
    );
    assert!(requests(&mirror) > 0);
    home.fails(&wharf, &["pull", &origin.image("evil/x")], "is blocked by");
    // A short name stands for the one that the file says.
    wharf.ok(&["rmi", &name]);
    let pulled = home.ok(&wharf, &["pull", "-q", "--retry=1", "x:1"]);
    assert!(pulled.contains(&name), "{pulled}");
    // What the mirror does not have comes from the registry.
    origin.take(layout.path(), "only-here:1");
    home.ok(
        &wharf,
        &["pull", "-q", "--retry=1", &origin.image("only-here:1")],
    );
    // As containerd's file says it.
    let other = Home::new();
    other.write(
        &format!("hosts/{}/hosts.toml", origin.host()),
        &format!(
            "server = \"http://{}\"\n[host.\"http://{}/v2/copies\"]\n\
             capabilities = [\"pull\", \"resolve\"]\noverride_path = true\n",
            origin.host(),
            mirror.host()
        ),
    );
    let hosts = format!("--hosts-dir={}", other.path("hosts").display());
    let (before, of_mirror) = (requests(&origin), requests(&mirror));
    wharf.ok(&["rmi", &name]);
    other.ok(&wharf, &["pull", "-q", &hosts, &name]);
    assert_eq!(requests(&origin), before);
    assert!(requests(&mirror) > of_mirror);
}

#[test]
fn a_large_blob_goes_in_pieces() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, home, registry) = (Wharf::new(), Home::new(), Registry::start());
    // Nothing that could be compressed, and more than a piece has.
    let mut noise = vec![0; 70 << 20];
    let random = std::fs::File::open("/dev/urandom").unwrap();
    std::io::Read::read_exact(&mut &random, &mut noise).unwrap();
    let layout = Layout::of(&[(archive(&[("noise", &noise)]), Codec::Plain)]);
    let loaded = wharf.ok(&["load", "-i", layout.path().to_str().unwrap()]);
    let name = registry.image("x:1");
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    wharf.ok(&["tag", id, &name]);
    home.ok(&wharf, &["push", "-q", "--compression=none", &name]);
    let pieces = registry.log().matches("\"PATCH /v2/").count();
    assert!(pieces > 1, "{pieces} pieces");
    wharf.ok(&["rmi", &name]);
    home.ok(&wharf, &["pull", "-q", &name]);
    wharf.ok(&["image", "verify", &name]);
}

#[test]
fn a_registry_is_searched() {
    let (wharf, home) = (Wharf::new(), Home::new());
    let server = Server::start(|request| {
        let is_search = request.target.starts_with("/v1/search?q=web&n=5");
        let found = json!({"results": [
            {"name": "web/one", "description": "first", "star_count": 7, "is_official": true},
            {"name": "web/two"}]});
        match is_search {
            true => (200, vec![], found.to_string().into_bytes()),
            false => (404, vec![], b"{}".to_vec()),
        }
    });
    let term = format!("{}/web", server.host());
    let found = home.ok(&wharf, &["search", "--limit=5", &term]);
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines[0].starts_with("NAME"), "{found}");
    assert!(
        lines[1].contains("web/one") && lines[1].contains("[OK]"),
        "{found}"
    );
    let found = home.ok(&wharf, &["search", "--limit=5", "--format=json", &term]);
    let first: Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["Name"], &first["StarCount"]),
        (&json!("web/one"), &json!("7"))
    );
    home.fails(&wharf, &["search", "--limit=6", &term], "does not have it");
}

#[test]
fn a_terminal_shows_bars_and_a_file_lines() {
    if !has(&["docker-registry", "skopeo", "script"]) {
        return;
    }
    let registry = Registry::start();
    registry.take(image().path(), "x");
    let wharf = Wharf::new();
    let ours = wharf.command();
    let words = ours.get_args().map(|word| word.to_str().unwrap());
    let line = format!(
        "{} {} pull {}",
        ours.get_program().display(),
        words.collect::<Vec<_>>().join(" "),
        registry.image("x")
    );
    let output = partner("script", &["-qec", &line, "/dev/null"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\u{1b}["), "nothing moves: {text:?}");
    assert!(text.contains(": Complete"), "{text:?}");
    assert!(text.contains("Status: Downloaded newer image"), "{text:?}");
    wharf.ok(&["rmi", &registry.image("x")]);
    let lines = wharf.ok(&["pull", &registry.image("x")]);
    assert!(!lines.contains('\u{1b}'), "{lines:?}");
}
