//! Images for tests: an OCI layout of layers that are made here, byte by byte.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::Digest;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Codec {
    Plain,
    Gzip,
    /// Several members, as pigz and eStargz make.
    GzipMembers,
    Zstd,
}

/// An OCI layout being made.
pub(crate) struct Layout {
    directory: tempfile::TempDir,
}

/// A layer's archive and how it travels.
pub(crate) type Layer = (Vec<u8>, Codec);

pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// An archive with these files; a name that ends with a slash is a directory.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(1_000_000_000);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn compress(bytes: &[u8], codec: Codec) -> (Vec<u8>, &'static str) {
    let gzip = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    match codec {
        Codec::Plain => (bytes.to_vec(), "application/vnd.oci.image.layer.v1.tar"),
        Codec::Gzip => (gzip(bytes), "application/vnd.oci.image.layer.v1.tar+gzip"),
        Codec::GzipMembers => {
            let members = bytes.chunks(5000).flat_map(gzip);
            let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
            (members.collect(), media_type)
        }
        Codec::Zstd => (
            zstd::encode_all(bytes, 3).unwrap(),
            "application/vnd.oci.image.layer.v1.tar+zstd",
        ),
    }
}

impl Layout {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("wharf-layout-")
            .tempdir()
            .unwrap();
        let blobs = directory.path().join("blobs/sha256");
        std::fs::create_dir_all(blobs).unwrap();
        let version = br#"{"imageLayoutVersion":"1.0.0"}"#;
        std::fs::write(directory.path().join("oci-layout"), version).unwrap();
        Self { directory }
    }

    /// One image of these layers.
    pub(crate) fn of(layers: &[Layer]) -> Self {
        let layout = Self::new();
        let entry = layout.image(layers, "amd64", json!({"Cmd": ["/bin/sh"]}));
        layout.index(&[entry]);
        layout
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.path().join("blobs").join(digest.replace(':', "/"))
    }

    /// Puts a blob into it; gives back its descriptor.
    pub(crate) fn put(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = digest(bytes);
        std::fs::write(self.blob(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Puts an image into it; gives back its descriptor for an index.
    pub(crate) fn image(&self, layers: &[Layer], architecture: &str, config: Value) -> Value {
        let mut descriptors = Vec::new();
        let mut diff_ids = Vec::new();
        for (bytes, codec) in layers {
            let (compressed, media_type) = compress(bytes, *codec);
            descriptors.push(self.put(&compressed, media_type));
            diff_ids.push(digest(bytes));
        }
        let history: Vec<Value> = (0..layers.len())
            .map(|number| json!({"created_by": format!("step {number}")}))
            .collect();
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "created": "2024-01-02T03:04:05Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        let config = self.put(
            config.to_string().as_bytes(),
            "application/vnd.oci.image.config.v1+json",
        );
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config,
            "layers": descriptors,
        });
        let mut entry = self.put(manifest.to_string().as_bytes(), media_type);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entry
    }

    /// Puts an index for several platforms into it; gives back its descriptor.
    pub(crate) fn list(&self, entries: &[Value]) -> Value {
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": entries,
        });
        self.put(index.to_string().as_bytes(), media_type)
    }

    /// What the layout holds.
    pub(crate) fn index(&self, entries: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": entries});
        std::fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }
}

/// A root with a shell that needs nothing: Debian's static busybox.
pub(crate) fn shell() -> Layer {
    let busybox = std::fs::read("/bin/busybox").unwrap();
    let files: [(&str, &[u8]); 4] = [
        ("bin/", b""),
        ("bin/busybox", &busybox),
        ("bin/sh", &busybox),
        ("etc/", b""),
    ];
    (archive(&files), Codec::Gzip)
}
