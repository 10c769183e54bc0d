//! What is wrong with registries, images and layers is told in one sentence, and the store is as
//! it was before.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::bad_registry::{BadRegistry, Reply, Request, Stall};
use crate::harness::{Wharf, is_root};
use crate::layout::{Codec, Layout, archive, compress, digest, shell};
use crate::registry::has;

/// Nothing of an image is there, and `wharf` says that all is well.
fn assert_untouched(wharf: &Wharf) {
    for directory in ["data/images/layers", "data/images/blobs/sha256"] {
        assert_eq!(wharf.entries(directory), [""; 0], "{directory}");
    }
    assert_eq!(
        wharf
            .ok(&["images", "-q"])
            .lines()
            .filter(|id| !id.is_empty())
            .count(),
        0
    );
    wharf.ok(&["system", "check"]);
    wharf.ok(&["image", "prune", "-f"]);
    assert_eq!(wharf.entries("data/images/partial"), [""; 0]);
}

fn one_layer() -> (Layout, String) {
    let noise: Vec<u8> = (0..200_000u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
        .collect();
    let layers = [(archive(&[("noise", &noise)]), Codec::Gzip)];
    let layout = Layout::of(&layers);
    let (bytes, _) = compress(&layers[0].0, Codec::Gzip);
    (layout, digest(&bytes))
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let wharf = Wharf::new();
    let (layout, blob) = one_layer();
    let path = format!("/v2/x/blobs/{blob}");
    let wanted = path.clone();
    let registry = BadRegistry::of(layout, move |request, mut reply| {
        if request.path == path && request.before < 3 {
            reply.cut = Some(100_000);
        }
        reply
    });
    wharf.ok(&["pull", "-q", &registry.image("x:1")]);
    let requests = registry.requests.lock().unwrap();
    let ranges: Vec<_> = requests
        .iter()
        .filter(|r| r.path == wanted)
        .map(|r| r.range)
        .collect();
    assert_eq!(ranges, [None, Some(100_000), Some(200_000), Some(300_000)]);
}

#[test]
fn a_pull_that_was_cut_off_goes_on_in_another_process() {
    let wharf = Wharf::new();
    let (layout, blob) = one_layer();
    let path = format!("/v2/x/blobs/{blob}");
    let wanted = path.clone();
    let registry = BadRegistry::of(layout, move |request, mut reply| {
        if request.path == path && request.before == 0 {
            reply.cut = Some(300_000);
        }
        reply
    });
    let image = registry.image("x:1");
    let (_, error) = wharf.fails(&["pull", "--retry", "1", &image]);
    assert!(error.contains("broke off after 300000 bytes"), "{error}");
    wharf.ok(&["pull", "-q", "--retry", "1", &image]);
    let requests = registry.requests.lock().unwrap();
    let ranges: Vec<_> = requests
        .iter()
        .filter(|r| r.path == wanted)
        .map(|r| r.range)
        .collect();
    assert_eq!(ranges, [None, Some(300_000)]);
}

/// Waits for nothing longer than a moment.
const IMPATIENT: &str = "--idle-timeout=500ms";

#[test]
fn a_registry_that_says_nothing_any_more_is_left_and_asked_again() {
    const CAME: usize = 300_000;
    for stall in [Stall::Head, Stall::Body] {
        let (layout, blob) = one_layer();
        let part = Arc::new(Mutex::new("/manifests/".to_owned()));
        let stalling = Arc::clone(&part);
        let registry = BadRegistry::of(layout, move |request, mut reply| {
            if request.path.contains(&*stalling.lock().unwrap()) {
                let from = usize::try_from(request.range.unwrap_or(0)).unwrap();
                let some = CAME.min(reply.body.len() - 1);
                (reply.stall, reply.cut) = (Some(stall), Some(some.saturating_sub(from)));
            }
            reply
        });
        let image = registry.image("x:1");
        let wharf = Wharf::new();
        // A busy machine may be silent itself: then it was another request that nothing came of.
        let fails_with = |words: &str| {
            for _ in 0..100 {
                let (code, error) = wharf.fails(&["pull", IMPATIENT, "--retry=1", &image]);
                assert_eq!(code, 1, "{error}");
                assert!(error.contains("nothing came for too long"), "{error}");
                if error.contains(words) {
                    return;
                }
            }
            panic!("no pull says {words:?}");
        };
        fails_with("getting the manifest 1 of x");
        assert_untouched(&wharf);
        *part.lock().unwrap() = format!("/blobs/{blob}");
        fails_with(&match stall {
            Stall::Head => format!("getting the blob {blob} of x from"),
            Stall::Body => format!("broke off after {CAME} bytes"),
        });
        // What came is kept; another process goes on with it.
        *part.lock().unwrap() = "nowhere".to_owned();
        wharf.ok(&["pull", "-q", &image]);
        let requests = registry.requests.lock().unwrap();
        let mut of_blob = requests
            .iter()
            .filter(|request| request.path.ends_with(&blob));
        let rest = (stall == Stall::Body).then_some(CAME as u64);
        assert_eq!(of_blob.next_back().unwrap().range, rest);
    }
    // One who tries more than once does not notice.
    let registry = BadRegistry::of(one_layer().0, |request, mut reply| {
        if request.before == 0 {
            (reply.stall, reply.cut) = (Some(Stall::Body), Some(10));
        }
        reply
    });
    let image = registry.image("x:1");
    Wharf::new().ok(&["pull", "-q", IMPATIENT, "--retry=50", &image]);
}

#[test]
fn a_passing_trouble_is_waited_out_and_a_lasting_one_is_told() {
    for status in [429, 500, 502, 503, 504] {
        let wharf = Wharf::new();
        let registry = BadRegistry::of(one_layer().0, move |request, reply| {
            match request.path.contains("/manifests/") && request.before == 0 {
                true => Reply {
                    headers: vec![("retry-after", "0".to_owned())],
                    ..Reply::status(status)
                },
                false => reply,
            }
        });
        wharf.ok(&["pull", "-q", &registry.image("x:1")]);
    }
    for (status, words) in [
        (401, "wants a login"),
        (403, "denied access"),
        (404, "does not have it"),
        (429, "takes no more requests now"),
        (500, "answered with status 500"),
        (503, "answered with status 503"),
    ] {
        let wharf = Wharf::new();
        let registry = BadRegistry::of(one_layer().0, move |_, _| Reply::status(status));
        let (code, error) = wharf.fails(&["pull", "--retry", "1", &registry.image("x:1")]);
        assert_eq!(code, 1);
        assert!(error.contains(words), "{status}: {error}");
        assert_untouched(&wharf);
    }
}

#[test]
fn a_registry_that_lies_is_found_out() {
    type Lie = fn(&Request, Reply) -> Reply;
    let lies: [(&str, Lie); 5] = [
        ("redirects more than 10 times", |_, _| Reply {
            headers: vec![("location", "/v2/again".to_owned())],
            ..Reply::status(307)
        }),
        ("has the digest", |request, mut reply| {
            if request.path.contains("/blobs/") {
                reply.body[20] ^= 1;
            }
            reply
        }),
        ("where the manifest says", |request, mut reply| {
            if request.path.contains("/blobs/") {
                reply.body.truncate(30);
            }
            reply
        }),
        ("is no manifest", |request, mut reply| {
            if request.path.contains("/manifests/") {
                reply.body.truncate(30);
            }
            reply
        }),
        (
            "its type is application/vnd.oci.image.index.v1+json, which it is not",
            |request, mut reply| {
                if request.path.contains("/manifests/") {
                    let kind = "application/vnd.oci.image.index.v1+json".to_owned();
                    reply.headers = vec![("content-type", kind)];
                }
                reply
            },
        ),
    ];
    for (words, lie) in lies {
        let wharf = Wharf::new();
        let registry = BadRegistry::of(one_layer().0, lie);
        let (_, error) = wharf.fails(&["pull", "--retry", "1", &registry.image("x:1")]);
        assert!(error.contains(words), "{words}: {error}");
        assert_untouched(&wharf);
    }
}

/// Loads a layout that must be refused.
fn refused(layout: &Layout, more: &[&str]) -> String {
    let wharf = Wharf::new();
    let path = layout.path().to_str().unwrap();
    let (_, error) = wharf.fails(&[&["load", "-q", "-i", path], more].concat());
    assert_untouched(&wharf);
    error
}

/// An image of one layer whose configuration says that it is another.
fn with_diff_id(blob: &[u8], diff_id: &str) -> Layout {
    let layout = Layout::new();
    let layer = layout.put(blob, "application/vnd.oci.image.layer.v1.tar+gzip");
    let config = json!({"architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
    let config_type = "application/vnd.oci.image.config.v1+json";
    let config = layout.put(config.to_string().as_bytes(), config_type);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config,
        "layers": [layer]});
    let entry = layout.put(manifest.to_string().as_bytes(), kind);
    layout.index(&[entry]);
    layout
}

#[test]
fn a_layer_that_is_cut_off_damaged_or_another_one_is_refused() {
    let plain = archive(&[("file", &[7; 50_000])]);
    let (whole, _) = compress(&plain, Codec::Gzip);
    let cut = &whole[..whole.len() - 20];
    let error = refused(&with_diff_id(cut, &digest(&plain)), &[]);
    assert!(error.contains("decompressing the blob"), "{error}");
    let other = digest(b"other");
    let error = refused(&with_diff_id(&whole, &other), &[]);
    assert!(error.contains(&format!("not {other}")), "{error}");
    let error = refused(
        &with_diff_id(b"no archive at all, and no gzip either", &other),
        &[],
    );
    assert!(error.contains("the layer's archive"), "{error}");
}

#[test]
fn bombs_are_stopped_at_the_limit() {
    let zeros = vec![0; 30 << 20];
    for codec in [Codec::Gzip, Codec::Zstd] {
        let layout = Layout::of(&[(archive(&[("zeros", &zeros)]), codec)]);
        let error = refused(&layout, &["--max-layer-size", "8m"]);
        assert!(error.contains("larger than 8388608 bytes"), "{error}");
    }
    let names: Vec<String> = (0..300).map(|number| format!("file-{number}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let layout = Layout::of(&[(archive(&files), Codec::Gzip)]);
    let error = refused(&layout, &["--max-layer-files", "299"]);
    assert!(error.contains("more than 299 members"), "{error}");
    // What follows the archive's end counts, too.
    let mut long = archive(&[("file", b"x")]);
    long.resize(30 << 20, 0);
    let error = refused(
        &Layout::of(&[(long, Codec::Gzip)]),
        &["--max-layer-size", "8m"],
    );
    assert!(error.contains("larger than 8388608 bytes"), "{error}");
}

/// An archive with one member, made without the checks of a well-meaning library.
fn member(name: &[u8], kind: tar::EntryType, link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[test]
fn layers_that_lead_out_are_refused() {
    use tar::EntryType;
    let end = vec![0; 1024];
    let link = |name: &[u8], target: &[u8]| member(name, EntryType::Symlink, target, b"");
    let hard = |name: &[u8], target: &[u8]| member(name, EntryType::Link, target, b"");
    let file = |name: &[u8]| member(name, EntryType::Regular, b"", b"x");
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    std::fs::write(&victim, "untouched").unwrap();
    let away = outside.path().to_str().unwrap().as_bytes().to_vec();
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("leads out of it", vec![file(b"../evil")]),
        ("leads out of it", vec![file(b"a/../../evil")]),
        ("leads out of it", vec![hard(b"a", b"../../etc/passwd")]),
        ("linking a", vec![hard(b"a", b"/etc/passwd")]),
        // A link that leads out is a link; what goes through it stays in the layer.
        (
            "linking b",
            vec![link(b"out", &away), hard(b"b", b"out/victim")],
        ),
        ("a whiteout of a directory itself", vec![file(b"d/.wh..")]),
        ("which a layer may not have", vec![file(b".wh.")]),
    ];
    for (words, members) in cases {
        let bytes = [members.concat(), end.clone()].concat();
        let error = refused(&Layout::of(&[(bytes, Codec::Gzip)]), &[]);
        assert!(error.contains(words), "{words}: {error}");
    }
    // Through links in a layer nothing outside is reached: the names mean places inside.
    let through = [link(b"out", &away), file(b"out/victim"), end].concat();
    let wharf = Wharf::new();
    let layout = Layout::of(&[(through, Codec::Gzip)]);
    wharf.run(&["load", "-q", "-i", layout.path().to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
}

#[test]
fn a_size_that_readers_understand_differently_is_read_as_docker_does() {
    // The header says 0 bytes, the PAX record 512: what looks like a member is content.
    let mut pax = member(b"pax", tar::EntryType::XHeader, b"", b"12 size=512\n");
    let hidden = member(b"hidden", tar::EntryType::Regular, b"", b"");
    pax.extend(member(b"shown", tar::EntryType::Regular, b"", b""));
    pax.extend(hidden);
    pax.extend(vec![0; 1024]);
    let wharf = Wharf::new();
    let layout = Layout::of(&[(pax, Codec::Plain)]);
    let loaded = wharf.ok(&["load", "-i", layout.path().to_str().unwrap()]);
    let id = loaded.strip_prefix("Loaded image ID: ").unwrap();
    wharf.ok(&["image", "which", id, "/shown"]);
    wharf.fails(&["image", "which", id, "/hidden"]);
}

#[test]
fn manifests_of_another_kind_are_refused_by_name() {
    let artifact = |config_type: &str, layer_type: &str| {
        let layout = Layout::new();
        let config = layout.put(b"{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", config_type);
        let layer = layout.put(b"x", layer_type);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config,
            "layers": [layer]});
        let entry = layout.put(manifest.to_string().as_bytes(), kind);
        layout.index(&[entry]);
        layout
    };
    let image = "application/vnd.oci.image.config.v1+json";
    let layer = "application/vnd.oci.image.layer.v1.tar";
    let error = refused(&artifact("application/vnd.example.config", layer), &[]);
    assert!(
        error.contains("an artifact of type application/vnd.example.config"),
        "{error}"
    );
    let error = refused(&artifact(image, "application/vnd.in-toto+json"), &[]);
    assert!(
        error.contains("application/vnd.in-toto+json, which is not supported"),
        "{error}"
    );
    let error = refused(&artifact(image, layer), &[]);
    assert!(error.contains("names 0 layers, its manifest 1"), "{error}");
    let both = Layout::new();
    let text = json!({"schemaVersion": 2, "manifests": [], "layers": [], "config": Value::Null});
    let entry = both.put(
        text.to_string().as_bytes(),
        "application/vnd.oci.image.index.v1+json",
    );
    both.index(&[entry]);
    let error = refused(&both, &[]);
    assert!(
        error.contains("an index and an image at once") || error.contains("cannot be used"),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_told_and_nothing_of_the_image_stays() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let data = wharf.path("data");
    std::fs::create_dir(&data).unwrap();
    let flags = rustix::mount::MountFlags::empty();
    let options = std::ffi::CString::new("size=6m").unwrap();
    rustix::mount::mount("tmpfs", &data, "tmpfs", flags, Some(options.as_c_str())).unwrap();
    let (layout, _) = one_layer();
    let noise: Vec<u8> = (0..3_000_000u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect();
    let large = Layout::of(&[(archive(&[("a", &noise), ("b", &noise)]), Codec::Gzip)]);
    let outcome = wharf.run(&["load", "-q", "-i", large.path().to_str().unwrap()]);
    let fits = wharf.run(&["load", "-q", "-i", layout.path().to_str().unwrap()]);
    let parts: Vec<_> = ["layers", "partial"]
        .iter()
        .map(|name| wharf.entries(&format!("data/images/{name}")).len())
        .collect();
    rustix::mount::unmount(&data, rustix::mount::UnmountFlags::DETACH).unwrap();
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(
        outcome.stderr.contains("no space left on device"),
        "{outcome:?}"
    );
    assert_eq!(fits.code, 0, "{fits:?}");
    assert_eq!(parts, [1, 0]);
}

/// Pulls into a small file system with ever more room (KiB): what each pull says is printed.
const ON_A_SMALL_DISK: &str = "
set -e
disk=$1; data=$2; image=$3; shift 3
truncate -s 48M $disk
mkfs.ext4 -q -m 0 $disk
mount -o loop $disk $data || { echo no loop devices; exit; }
for room in 100 1000 3000 5000 7000 9000 12000; do
    free=$(($(stat -f -c '%a * %S / 1024' $data)))
    fallocate -l $((free - room))K $data/ballast
    code=0; \"$@\" pull -q $image 2>&1 || code=$?
    echo room $room code $code
    \"$@\" system check
    rm $data/ballast
done
\"$@\" pull -q $image
\"$@\" system check
\"$@\" image verify $image
\"$@\" image mount $image cat word
";

#[test]
fn a_small_disk_that_is_full_takes_the_image_when_there_is_room() {
    if !is_root() || !has(&["docker-registry", "skopeo", "mkfs.ext4", "fallocate"]) {
        return;
    }
    let noise = |seed: u32| -> Vec<u8> {
        let numbers = (0..4_000_000u32).map(|n| n.wrapping_add(seed).wrapping_mul(2_654_435_761));
        numbers.map(|n| n.to_be_bytes()[1]).collect()
    };
    let layers = [
        (archive(&[("a", &noise(1))]), Codec::Gzip),
        (archive(&[("b", &noise(9))]), Codec::Zstd),
        (archive(&[("word", b"whole")]), Codec::Gzip),
    ];
    let registry = crate::registry::Registry::start();
    registry.take(Layout::of(&layers).path(), "x:1");
    let (wharf, image) = (Wharf::new(), registry.image("x:1"));
    std::fs::create_dir(wharf.path("data")).unwrap();
    let ours = wharf.command();
    let output = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"])
        .args([wharf.path("disk"), wharf.path("data")])
        .arg(&image)
        .arg(ours.get_program())
        .args(ours.get_args())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    if text.ends_with("no loop devices\n") {
        println!("skipped: this machine has no loop devices");
        return;
    }
    let whole = (output.status.success(), text.lines().last());
    assert_eq!(whole, (true, Some("whole")), "{text}");
    let full = text.matches("no space left on device").count();
    assert!(full >= 2, "{text}");
    assert_eq!(text.matches(" code 1\n").count(), full, "{text}");
}

#[test]
fn a_pull_that_is_killed_anywhere_is_completed_by_the_next() {
    if !has(&["docker-registry", "skopeo", "busybox", "strace"]) {
        return;
    }
    let registry = crate::registry::Registry::start();
    let layers = [shell(), (archive(&[("word", b"word")]), Codec::Zstd)];
    registry.take(Layout::of(&layers).path(), "x");
    let image = registry.image("x");
    let mut killed = 0;
    for (call, counts) in [
        ("openat", &[4, 8, 12, 16, 20, 24, 30][..]),
        ("mkdir", &[1, 3, 5, 6]),
        ("flock", &[1, 2, 3, 4]),
        ("write", &[1, 2, 4]),
        ("pwrite64", &[1, 2]),
        ("rename", &[1, 2, 3, 4, 5]),
        ("fsync", &[1, 2, 3, 4]),
        ("unlink", &[1]),
    ] {
        for count in counts {
            let wharf = Wharf::new();
            let ours = wharf.command();
            let inject = format!("inject={call}:signal=KILL:when={count}");
            let status = std::process::Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e", &inject])
                .arg(ours.get_program())
                .args(ours.get_args())
                .args(["pull", "-q", &image])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status();
            killed += usize::from(!status.unwrap().success());
            wharf.ok(&["pull", "-q", &image]);
            wharf.ok(&["system", "check"]);
            let word = wharf.ok(&["image", "mount", &image, "cat", "word"]);
            assert_eq!(word, "word", "{call} {count}");
            wharf.ok(&["rmi", &image]);
            wharf.ok(&["image", "prune", "-f"]);
            for part in ["layers", "blobs/sha256", "partial"] {
                let left = wharf.entries(&format!("data/images/{part}"));
                assert_eq!(left, [""; 0], "{call} {count}: {part}");
            }
        }
    }
    assert!(killed > 15, "only {killed} pulls were killed");
}

#[test]
fn a_registry_that_is_down_is_told_and_asked_again() {
    let wharf = Wharf::new();
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let host = listener.local_addr().unwrap();
    drop(listener);
    let (code, error) = wharf.fails(&["pull", "--retry", "1", &format!("{host}/x:1")]);
    assert_eq!(code, 1);
    assert!(error.contains(&format!("from {host}")), "{error}");
    assert!(error.contains("onnection refused"), "{error}");
    let (_, error) = wharf.fails(&["pull", "--retry", "1", "no-such-host.invalid/x:1"]);
    assert!(error.contains("no-such-host.invalid"), "{error}");
    assert_untouched(&wharf);
}
