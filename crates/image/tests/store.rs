//! Images in the store: how they are found, listed, renamed and removed.

#![cfg(test)]

use std::path::Path;

use tempfile::TempDir;
use wharf_image::{Error, FromHost, Images};

fn store() -> (TempDir, Images) {
    let directory = tempfile::tempdir().unwrap();
    let images = Images::new(directory.path());
    (directory, images)
}

fn make(images: &Images, tag: &str, binary: &str) -> String {
    let request = FromHost {
        tag: tag.parse().unwrap(),
        binaries: vec![binary.into()],
        with: Vec::new(),
        epoch: None,
    };
    images.from_host(&request).unwrap().to_string()
}

fn count(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn names(images: &Images) -> Vec<Vec<String>> {
    let familiar = |image: wharf_image::Image| {
        let names = image.references.iter().map(|name| name.familiar());
        names.collect()
    };
    images.list().unwrap().into_iter().map(familiar).collect()
}

#[test]
fn an_image_is_found_by_its_name_and_by_its_id() {
    let (_directory, images) = store();
    let id = make(&images, "tiny", "/bin/ls");
    let hex = id.strip_prefix("sha256:").unwrap();
    for name in [
        "tiny",
        "tiny:latest",
        "docker.io/library/tiny",
        &id,
        hex,
        &hex[..12],
    ] {
        assert_eq!(
            images.find(name).unwrap().image.id.to_string(),
            id,
            "{name}"
        );
    }
    for name in ["tiny:other", "other", "sha256:0000"] {
        assert!(
            matches!(images.find(name), Err(Error::NotFound { .. })),
            "{name}"
        );
    }
    assert!(matches!(images.find("Tiny"), Err(Error::Reference { .. })));
    assert!(matches!(images.find("host"), Err(Error::BuiltIn { .. })));
}

#[test]
fn a_new_image_takes_the_name_from_the_old_one() {
    let (_directory, images) = store();
    make(&images, "a", "/bin/ls");
    make(&images, "b", "/bin/ls");
    make(&images, "a", "/usr/bin/env");
    let expected = [vec!["b:latest".to_owned()], vec!["a:latest".to_owned()]];
    assert_eq!(names(&images), expected);
    make(&images, "b", "/usr/bin/env");
    assert_eq!(names(&images)[0], Vec::<String>::new());
}

#[test]
fn an_image_goes_with_its_last_name_and_leaves_nothing() {
    let (directory, images) = store();
    make(&images, "a", "/bin/ls");
    make(&images, "b", "/bin/ls");
    let store = images.exclude().unwrap();
    let first = store.remove(&images.find("a").unwrap(), &[]).unwrap();
    assert_eq!((first.untagged.len(), first.deleted.len()), (1, 0));
    let second = store.remove(&images.find("b").unwrap(), &[]).unwrap();
    assert_eq!(second.untagged[0].familiar(), "b:latest");
    assert_eq!(second.deleted.len(), 2);
    for below in ["layers", "blobs/sha256"] {
        assert_eq!(count(&directory.path().join(below)), 0, "{below}");
    }
}

#[test]
fn by_its_id_an_image_loses_all_names() {
    let (_directory, images) = store();
    let id = make(&images, "a", "/bin/ls");
    make(&images, "b", "/bin/ls");
    let store = images.exclude().unwrap();
    let removal = store.remove(&images.find(&id).unwrap(), &[]).unwrap();
    assert_eq!(removal.untagged.len(), 2);
    assert!(images.list().unwrap().is_empty());
}

#[test]
fn a_layer_in_use_stays_until_it_is_not() {
    let (directory, images) = store();
    make(&images, "a", "/bin/ls");
    let layers = images.share().unwrap().stack("a", None).unwrap().root;
    let store = images.exclude().unwrap();
    let removal = store.remove(&images.find("a").unwrap(), &layers).unwrap();
    assert_eq!(removal.deleted.len(), 1);
    assert!(layers[0].is_dir());
    store.sweep(&layers).unwrap();
    assert!(layers[0].is_dir());
    store.sweep(&[]).unwrap();
    assert_eq!(count(&directory.path().join("layers")), 0);
}

#[test]
fn a_layer_that_is_lost_is_unpacked_again_while_its_blob_is_there() {
    let (directory, images) = store();
    make(&images, "a", "/bin/ls");
    let root = images.share().unwrap().stack("a", None).unwrap().root;
    std::fs::remove_dir_all(&root[0]).unwrap();
    let again = images.share().unwrap().stack("a", None).unwrap().root;
    assert_eq!(again, root);
    assert!(root[0].join("usr/bin/ls").exists() || root[0].join("bin/ls").exists());
    std::fs::remove_dir_all(&root[0]).unwrap();
    std::fs::remove_file(
        directory
            .path()
            .join("blobs/sha256")
            .join(root[0].file_name().unwrap()),
    )
    .unwrap();
    let error = images.share().unwrap().stack("a", None).unwrap_err();
    assert!(matches!(error, Error::MissingLayer { .. }), "{error}");
}

#[test]
fn a_damaged_index_is_named() {
    let (directory, images) = store();
    std::fs::write(directory.path().join("index.json"), "{").unwrap();
    let error = images.list().unwrap_err().to_string();
    assert!(error.ends_with("index.json is damaged"), "{error}");
}
