//! The targets, each a function that panics when something is wrong with what it tries.

use std::io::Read;

use arbitrary::Unstructured;
use image::Reference;
use image::tar::{Reader, Writer};
use spec::image::{ImageConfig, Index, Manifest};
use spec::runtime::{Config, IdMapping};

use crate::{bpf, profile, seccomp as cases};

/// One target.
#[derive(Debug)]
pub struct Target {
    /// What `cargo xtask fuzz` and `cargo fuzz run` call it, and its directory of the corpus.
    pub name: &'static str,
    /// Tries one input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const ALL: &[Target] = &[
    Target {
        name: "config",
        run: config,
    },
    Target {
        name: "cgroup_files",
        run: cgroup_files,
    },
    Target {
        name: "seccomp",
        run: seccomp,
    },
    Target {
        name: "id_map",
        run: id_map,
    },
    Target {
        name: "tar",
        run: tar,
    },
    Target {
        name: "reference",
        run: reference,
    },
    Target {
        name: "documents",
        run: documents,
    },
    Target {
        name: "names",
        run: names,
    },
];

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// `config.json`: what is read can be judged, and is the same when it is written and read again.
pub fn config(input: &[u8]) {
    let Ok(config) = Config::parse(input) else {
        return;
    };
    let _ = config.validate();
    let written = written(&config);
    assert_eq!(Config::parse(&written).ok().as_ref(), Some(&config));
    if let Some(profile) = config.linux.as_ref().and_then(|l| l.seccomp.as_ref()) {
        let _ = runtime::seccomp::compile(profile);
    }
}

/// What the kernel says of mounts and cgroups, with names in it that others chose.
pub fn cgroup_files(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    runtime::fuzz::mountinfo(&text);
    if let Some(path) = runtime::fuzz::cgroup_path(&text) {
        let normal = |part| matches!(part, std::path::Component::Normal(_));
        assert!(path.components().all(normal), "{text:?} leads to {path:?}");
    }
}

/// A compiled filter decides as its profile does.
pub fn seccomp(input: &[u8]) {
    let Ok(case) = cases::case(&mut Unstructured::new(input)) else {
        return;
    };
    let program = match runtime::seccomp::compile(&case.profile) {
        Ok(program) => program,
        Err(error) => panic!("{error}: {:#?}", case.profile),
    };
    for (architecture, call) in case.calls {
        let (found, _) = bpf::run(program.instructions(), &call);
        let expected = profile::decide(&case.profile, &architecture, call.number, call.arguments);
        assert_eq!(
            found, expected,
            "{found:#x} instead of {expected:#x} for {call:?} on {}: {:#?}",
            architecture.name, case.profile
        );
    }
}

/// Id maps as the kernel writes them: an id that is found lies in its range.
pub fn id_map(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let map: Vec<IdMapping> = runtime::fuzz::id_map(&text);
    for range in &map {
        for id in [
            range.container_id,
            range.container_id.saturating_add(range.size),
        ] {
            let Some(host) = runtime::fuzz::host_id(&map, id) else {
                continue;
            };
            let is_inside = |range: &IdMapping| {
                let offset = u64::from(host).checked_sub(u64::from(range.host_id));
                offset.is_some_and(|offset| offset < u64::from(range.size))
            };
            assert!(map.iter().any(is_inside), "{id} became {host} by {map:?}");
        }
    }
}

/// Archives: whatever they hold, reading ends; and what was read can be written and read again.
pub fn tar(input: &[u8]) {
    let mut reader = Reader::new(input);
    let mut written = Writer::new(Vec::new());
    let mut entries = Vec::new();
    while let Ok(Some(mut entry)) = reader.next_entry() {
        if entry.path.as_os_str().is_empty() {
            // The layer's root, which is written in another way.
            break;
        }
        let mut content = Vec::new();
        let read = reader.by_ref().take(1 << 16).read_to_end(&mut content);
        if read.is_err() || content.len() as u64 != entry.size {
            break;
        }
        entry.size = content.len() as u64;
        if written.append(&entry, content.as_slice()).is_err() {
            return;
        }
        entries.push(entry);
    }
    let Ok(archive) = written.finish() else {
        return;
    };
    let mut again = Reader::new(archive.as_slice());
    for entry in entries {
        assert_eq!(again.next_entry().ok().flatten(), Some(entry));
    }
}

/// Names of images: what is understood is understood the same once it is written out.
pub fn reference(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(reference) = text.parse::<Reference>() else {
        return;
    };
    for form in [reference.to_string(), reference.familiar()] {
        assert_eq!(
            form.parse::<Reference>().ok().as_ref(),
            Some(&reference),
            "{form}"
        );
    }
}

/// The documents of images.
pub fn documents(input: &[u8]) {
    if let Ok(index) = Index::parse(input) {
        let written = written(&index);
        assert_eq!(Index::parse(&written).ok(), Some(index));
    }
    if let Ok(manifest) = Manifest::parse(input) {
        let written = written(&manifest);
        assert_eq!(Manifest::parse(&written).ok(), Some(manifest));
    }
    if let Ok(config) = ImageConfig::parse(input) {
        let written = written(&config);
        assert_eq!(ImageConfig::parse(&written).ok(), Some(config));
    }
}

/// Messages of DNS: what is answered is an answer to what was asked, and has room where it goes. The
/// input is a question with its length before it, and what another server says to it.
pub fn names(input: &[u8]) {
    let Some((length, rest)) = input.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    let (question, other) = rest.split_at(length.min(rest.len()));
    let mut view = dns::View::default();
    let addresses = (0..100).map(|last| [10, 0, 0, last].into());
    view.add(&["web".into()], &addresses.collect::<Vec<_>>());
    view.add(
        &["web".into()],
        &["fd00::1".parse().unwrap_or_else(|_| [0; 16].into())],
    );
    for (is_datagram, most) in [(true, 1232), (false, 65535)] {
        let Some(answer) = dns::fuzz::answer(question, &view, is_datagram) else {
            continue;
        };
        assert!(answer.len() <= most, "{} bytes: {answer:?}", answer.len());
        assert_eq!(answer.get(..2), question.get(..2), "another id");
        assert!(
            answer.get(2).is_some_and(|flags| flags & 0x80 != 0),
            "{answer:?} is none"
        );
    }
    let id = u16::from_be_bytes(*question.first_chunk().unwrap_or(&[0; 2]));
    let asked = id.wrapping_add(1);
    if let Some(back) = dns::fuzz::hand_back(question, other, asked) {
        assert_eq!(
            other.get(..2),
            Some(asked.to_be_bytes().as_slice()),
            "whose answer?"
        );
        assert_eq!(back.get(..2), question.get(..2), "another id");
    }
}

fn written(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_else(|error| panic!("{error}"))
}
