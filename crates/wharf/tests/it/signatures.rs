//! Images that a policy wants signed. The signatures are OpenSSL's, in the form of `cosign sign
//! --key`: Debian has no cosign, and its skopeo signs with GPG only.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Outcome, Wharf};
use crate::layout::{Codec, Layout, archive};
use crate::registry::{Registry, has};

const NEEDED: &[&str] = &["docker-registry", "skopeo", "openssl", "base64"];

/// Keys of several kinds, and a home with a policy.
struct Notary {
    directory: tempfile::TempDir,
}

impl Notary {
    fn new() -> Self {
        let notary = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        notary.shell(
            "mkdir -p .config/containers
             openssl ecparam -name prime256v1 -genkey -noout -out p256
             openssl ecparam -name secp384r1 -genkey -noout -out p384
             openssl ecparam -name prime256v1 -genkey -noout -out other
             openssl genrsa -out rsa 2048
             openssl genpkey -algorithm ed25519 -out ed25519
             for key in p256 p384 other rsa ed25519; do
                 openssl pkey -in $key -pubout -out $key.pub; done",
        );
        notary
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a script in the directory; gives back what it prints.
    fn shell(&self, script: &str) -> String {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-ec", script]).current_dir(self.path(""));
        let output: Outcome = shell.output().unwrap().into();
        assert_eq!(output.code, 0, "{output:?}");
        output.stdout
    }

    fn demand(&self, requirements: Value) {
        let policy = json!({"default": requirements});
        let path = self.path(".config/containers/policy.json");
        std::fs::write(path, policy.to_string()).unwrap();
    }

    /// Wants a signature by a key for a name.
    fn demand_key(&self, key: &str, identity: Value) {
        let path = self.path(&format!("{key}.pub"));
        self.demand(json!([
            {"type": "sigstoreSigned", "keyPath": path, "signedIdentity": identity}
        ]));
    }

    /// A signature of a manifest for a name, as an image for the tag that it is found under.
    fn sign(&self, key: &str, digest: &str, name: &str) -> Layout {
        let payload = json!({"critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        }, "optional": null});
        std::fs::write(self.path("payload"), payload.to_string()).unwrap();
        let signature = self.shell(&match key {
            "ed25519" => {
                format!("openssl pkeyutl -sign -rawin -inkey {key} -in payload | base64 -w0")
            }
            _ => format!("openssl dgst -sha256 -sign {key} payload | base64 -w0"),
        });
        attachment(payload.to_string().as_bytes(), &signature)
    }

    fn pull(&self, wharf: &Wharf, image: &str) -> Outcome {
        let mut pull = wharf.command();
        pull.env("HOME", self.path(""))
            .env_remove("XDG_CONFIG_HOME");
        pull.args(["pull", "-q", image]).output().unwrap().into()
    }

    fn refused(&self, wharf: &Wharf, image: &str, words: &str) {
        let outcome = self.pull(wharf, image);
        assert_ne!(outcome.code, 0, "{words}");
        assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
        assert_eq!(wharf.entries("data/images/blobs/sha256"), [""; 0]);
    }
}

fn attachment(payload: &[u8], signature: &str) -> Layout {
    let layout = Layout::new();
    let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
    let mut layer = layout.put(payload, kind);
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
    let config = json!({"architecture": "", "os": "",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}});
    let config_type = "application/vnd.oci.image.config.v1+json";
    let config = layout.put(config.to_string().as_bytes(), config_type);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config,
        "layers": [layer]});
    let entry = layout.put(manifest.to_string().as_bytes(), kind);
    layout.index(&[entry]);
    layout
}

/// The digest of what a layout holds.
fn digest_of(layout: &Path) -> String {
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

fn tag(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

fn image() -> Layout {
    Layout::of(&[(archive(&[("word", b"word")]), Codec::Gzip)])
}

#[test]
fn a_signature_by_a_key_of_the_policy_is_wanted() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, notary, registry) = (Wharf::new(), Notary::new(), Registry::start());
    let layout = image();
    registry.take(layout.path(), "x:1");
    let name = registry.image("x:1");
    let digest = digest_of(layout.path());
    notary.demand_key("p256", json!({"type": "matchRepoDigestOrExact"}));
    notary.refused(&wharf, &name, "nothing has the tag sha256-");
    let sign = |key: &str, digest_signed: &str, signed_name: &str| {
        let signature = notary.sign(key, digest_signed, signed_name);
        registry.take(signature.path(), &format!("x:{}", tag(&digest)));
    };
    sign("other", &digest, &name);
    notary.refused(&wharf, &name, "no signature is by a key of the policy");
    sign("p256", &crate::layout::digest(b"other"), &name);
    notary.refused(&wharf, &name, "the signature is of sha256:");
    sign("p256", &digest, &registry.image("x:2"));
    notary.refused(&wharf, &name, "the signature is for");
    // A signature that was good, on a document that was changed.
    let payload = json!({"critical": {"identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest}, "type": "cosign container image signature"}});
    notary.sign("p256", &digest, &registry.image("x:2"));
    let signature = notary.shell("openssl dgst -sha256 -sign p256 payload | base64 -w0");
    let changed = attachment(payload.to_string().as_bytes(), &signature);
    registry.take(changed.path(), &format!("x:{}", tag(&digest)));
    notary.refused(&wharf, &name, "no signature is by a key of the policy");
    sign("p256", &digest, &name);
    assert_eq!(notary.pull(&wharf, &name).code, 0);
    let by_digest = registry.image(&format!("x@{digest}"));
    assert_eq!(notary.pull(&wharf, &by_digest).code, 0);
}

#[test]
fn keys_of_every_kind_sign() {
    if !has(NEEDED) {
        return;
    }
    let (notary, registry) = (Notary::new(), Registry::start());
    let layout = image();
    registry.take(layout.path(), "x:1");
    let (name, digest) = (registry.image("x:1"), digest_of(layout.path()));
    for key in ["p256", "p384", "rsa", "ed25519"] {
        let wharf = Wharf::new();
        // cosign signs for the repository, without a tag.
        let signature = notary.sign(key, &digest, &registry.image("x"));
        registry.take(signature.path(), &format!("x:{}", tag(&digest)));
        notary.demand_key(key, json!({"type": "matchExact"}));
        notary.refused(&wharf, &name, "the signature is for");
        notary.demand_key(key, json!({"type": "matchRepository"}));
        let outcome = notary.pull(&wharf, &name);
        assert_eq!(outcome.code, 0, "{key}: {outcome:?}");
    }
    let wharf = Wharf::new();
    notary.demand_key("p256", json!({"type": "matchRepository"}));
    notary.refused(&wharf, &name, "no signature is by a key of the policy");
    let keys = ["p256", "ed25519"].map(|key| notary.path(&format!("{key}.pub")));
    notary.demand(json!([{"type": "sigstoreSigned", "keyPaths": keys,
        "signedIdentity": {"type": "matchRepository"}}]));
    assert_eq!(notary.pull(&wharf, &name).code, 0);
    let data = notary.shell("base64 -w0 ed25519.pub");
    notary.demand(json!([{"type": "sigstoreSigned", "keyData": data,
        "signedIdentity": {"type": "exactRepository",
            "dockerRepository": registry.image("x")}}]));
    assert_eq!(notary.pull(&wharf, &name).code, 0);
}

#[test]
fn the_image_or_the_index_that_names_it_is_signed() {
    if !has(NEEDED) {
        return;
    }
    let (notary, registry) = (Notary::new(), Registry::start());
    let layout = Layout::new();
    let layer = (archive(&[("word", b"word")]), Codec::Gzip);
    let entry = layout.image(&[layer], "amd64", json!({}));
    let list = layout.list(std::slice::from_ref(&entry));
    layout.index(std::slice::from_ref(&list));
    notary.demand_key("p256", json!({"type": "matchRepoDigestOrExact"}));
    for (repository, signed) in [("by-index", &list), ("by-image", &entry)] {
        let wharf = Wharf::new();
        registry.take(layout.path(), &format!("{repository}:1"));
        let name = registry.image(&format!("{repository}:1"));
        notary.refused(&wharf, &name, "nothing has the tag");
        let digest = signed["digest"].as_str().unwrap();
        let signature = notary.sign("p256", digest, &name);
        registry.take(signature.path(), &format!("{repository}:{}", tag(digest)));
        let outcome = notary.pull(&wharf, &name);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
}

#[test]
fn what_is_not_verified_here_is_refused_by_name() {
    if !has(NEEDED) {
        return;
    }
    let (wharf, notary, registry) = (Wharf::new(), Notary::new(), Registry::start());
    registry.take(image().path(), "x:1");
    let name = registry.image("x:1");
    let key = notary.path("p256.pub");
    for (requirement, words) in [
        (
            json!({"type": "signedBy", "keyType": "GPGKeys"}),
            "a GPG signature (signedBy)",
        ),
        (json!({"type": "sigstoreSigned", "fulcio": {}}), "`fulcio`"),
        (
            json!({"type": "sigstoreSigned", "keyPath": key, "rekorPublicKeyPath": key}),
            "`rekorPublicKeyPath`",
        ),
        (json!({"type": "sigstoreSigned"}), "names no key"),
        (
            json!({"type": "sigstoreSigned", "keyPath": notary.path("p256")}),
            "no public key",
        ),
        (
            json!({"type": "sigstoreSigned", "keyPath": "/none"}),
            "reading the key /none",
        ),
        (json!({"type": "reject"}), "is blocked by"),
    ] {
        notary.demand(json!([requirement]));
        notary.refused(&wharf, &name, words);
    }
    // All that is listed is wanted.
    notary.demand(json!([{"type": "insecureAcceptAnything"},
        {"type": "sigstoreSigned", "keyPath": key}]));
    notary.refused(&wharf, &name, "nothing has the tag");
    notary.demand(json!([{"type": "insecureAcceptAnything"}]));
    assert_eq!(notary.pull(&wharf, &name).code, 0);
}
