//! The image that is pulled: a Debian with a compiler, made with mmdebstrap, its packages dealt out
//! to layers. It is made once and kept outside of the checkout.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::stage::Stage;
use super::super::subject::CommandLine;

/// Something that a layer can be compressed with, as skopeo calls it.
pub(super) struct Codec {
    pub(super) name: &'static str,
}

pub(super) const CODECS: &[Codec] = &[Codec { name: "gzip" }, Codec { name: "zstd" }];

/// What makes it large.
const PACKAGES: &str = "g++,make,python3,git,vim,curl";

/// Layers beside the first, which has what every Debian has.
const LAYERS: usize = 5;

/// Where it is kept. Another image is another directory.
pub(super) fn cache() -> PathBuf {
    PathBuf::from("/var/cache/wharf-bench/bookworm-3")
}

/// The image with layers that are not compressed, as skopeo calls it; made if it is not there.
pub(super) fn plain(stage: &Stage, cache: &Path) -> Result<String, String> {
    let plain = format!("dir:{}", cache.join("plain").display());
    if cache.join("complete").exists() {
        return Ok(plain);
    }
    println!("making a Debian image with mmdebstrap; this takes minutes");
    fs::remove_dir_all(cache).ok();
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let root = cache.join("root");
    let debian = stage.peer("mmdebstrap")?;
    let debian = debian.and(["--quiet", "--variant=minbase", "--format=directory"]);
    let debian = debian.and(["--include", PACKAGES, "bookworm"]);
    debian.and([&root]).time()?;
    let umoci = stage.peer("umoci")?;
    let layout = cache.join("layout");
    let image = format!("{}:latest", layout.display());
    umoci.and(["init", "--layout"]).and([&layout]).time()?;
    umoci.and(["new", "--image", &image]).time()?;
    for members in layers(&root)? {
        let (list, archive) = (cache.join("members"), cache.join("layer.tar"));
        fs::write(&list, members.join("\n")).map_err(|error| error.to_string())?;
        let tar = CommandLine::new(["tar", "--numeric-owner", "--no-recursion", "--directory"]);
        let tar = tar.and([&root]).and(["--create", "--file"]).and([&archive]);
        tar.and(["--files-from"]).and([&list]).time()?;
        let add = umoci.and(["raw", "add-layer", "--image", &image]);
        add.and([&archive]).time()?;
        fs::remove_file(archive).map_err(|error| error.to_string())?;
    }
    let copy = stage
        .peer("skopeo")?
        .and(["copy", "--quiet", "--dest-decompress"]);
    copy.and([&format!("oci:{image}"), &plain]).time()?;
    let size = CommandLine::new(["du", "-sm"]).and([&root]).output()?;
    for directory in [&root, &layout] {
        fs::remove_dir_all(directory).map_err(|error| error.to_string())?;
    }
    fs::write(cache.join("complete"), size).map_err(|error| error.to_string())?;
    Ok(plain)
}

/// How large it is when it is unpacked.
pub(super) fn unpacked_mib(cache: &Path) -> String {
    let said = fs::read_to_string(cache.join("complete")).unwrap_or_default();
    said.split_whitespace().next().unwrap_or("?").to_owned()
}

/// The members of each layer: what no package of the later layers owns comes first.
fn layers(root: &Path) -> Result<Vec<Vec<String>>, String> {
    let query = CommandLine::new(["dpkg-query", "--show", "--admindir"]);
    let query = query.and([root.join("var/lib/dpkg")]);
    let format = "--showformat=${Package} ${Priority} ${Installed-Size}\\n";
    let packages = query.and([format]).output()?;
    let chosen: Vec<(&str, u64)> = packages.lines().filter_map(optional).collect();
    let total: u64 = chosen.iter().map(|(_, size)| size).sum();
    let mut layers = vec![Vec::new(); LAYERS + 1];
    let mut taken = BTreeSet::new();
    let mut before = 0;
    for (package, size) in chosen {
        let number = usize::try_from(before * LAYERS as u64 / total.max(1)).unwrap_or(0);
        before += size;
        for name in files_of(root, package) {
            let path = root.join(&name);
            let is_content = path.symlink_metadata().is_ok_and(|there| !there.is_dir());
            if is_content && taken.insert(name.clone()) {
                layers[number + 1].push(name);
            }
        }
    }
    let all = CommandLine::new(["find"]).and([root]);
    let all = all.and(["-mindepth", "1", "-printf", "%P\\n"]).output()?;
    let rest = all.lines().filter(|name| !taken.contains(*name));
    layers[0] = rest.map(str::to_owned).collect();
    Ok(layers)
}

/// A package that not every Debian has, and its size.
fn optional(line: &str) -> Option<(&str, u64)> {
    let mut words = line.split(' ');
    let (name, priority) = (words.next()?, words.next()?);
    let size = words.next()?.parse().ok()?;
    (!matches!(priority, "required" | "important")).then_some((name, size))
}

fn files_of(root: &Path, package: &str) -> Vec<String> {
    let lists = root.join("var/lib/dpkg/info");
    let names = [format!("{package}.list"), format!("{package}:amd64.list")];
    let list = names
        .iter()
        .find_map(|name| fs::read_to_string(lists.join(name)).ok());
    let list = list.unwrap_or_default();
    let names = list.lines().filter_map(|line| line.strip_prefix('/'));
    names.filter_map(|name| canonical(root, name)).collect()
}

/// A member's name without links on the way: packages still say `lib` for `usr/lib`.
fn canonical(root: &Path, name: &str) -> Option<String> {
    let path = root.join(name);
    let parent = path.parent()?.canonicalize().ok()?;
    let found = parent.join(path.file_name()?);
    let inside = found.strip_prefix(root.canonicalize().ok()?).ok()?;
    Some(inside.to_str()?.to_owned())
}
