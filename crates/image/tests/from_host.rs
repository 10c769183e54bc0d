//! Images made of this host's own programs: they run alone, they are complete, and what is
//! missing is named.

#![cfg(test)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wharf_image::{Digest, Error, FromHost, Images};

fn store() -> (TempDir, Images) {
    let directory = tempfile::tempdir().unwrap();
    let images = Images::new(&directory.path().join("images"));
    (directory, images)
}

fn request(tag: &str, binaries: &[&Path]) -> FromHost {
    FromHost {
        tag: tag.parse().unwrap(),
        binaries: binaries.iter().map(|path| path.to_path_buf()).collect(),
        with: Vec::new(),
        epoch: None,
    }
}

/// The only layer of an image.
fn layer(images: &Images, name: &str) -> PathBuf {
    let stack = images.share().unwrap().stack(name, None).unwrap();
    let [layer] = stack.root.as_slice() else {
        panic!("{stack:?}");
    };
    layer.clone()
}

fn executable(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// `None`, said aloud, without the right or the program to change the root.
fn in_chroot(root: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return None;
    }
    let Ok(output) = Command::new("chroot")
        .arg(root)
        .arg(program)
        .args(arguments)
        .env_remove("LD_LIBRARY_PATH")
        // How glibc learns $ORIGIN where there is no /proc.
        .env("LD_ORIGIN_PATH", Path::new(program).parent().unwrap())
        .output()
    else {
        println!("skipped: needs chroot");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn programs_run_with_nothing_but_the_image() {
    let (_directory, images) = store();
    let binaries = ["/bin/bash", "/bin/ls", "/usr/bin/env"].map(Path::new);
    images.from_host(&request("tiny", &binaries)).unwrap();
    let root = layer(&images, "tiny");
    let Some(out) = in_chroot(&root, "/bin/bash", &["-c", "/usr/bin/env ls -R /"]) else {
        return;
    };
    assert!(out.contains("bash") && out.contains("env"), "{out}");
    assert!(!out.contains("passwd"), "{out}");
    assert_eq!(
        Path::new("/bin").read_link().ok(),
        root.join("bin").read_link().ok()
    );
}

#[test]
fn the_same_files_make_the_same_image() {
    let make = || {
        let (_directory, images) = store();
        let id = images
            .from_host(&request("tiny", &["/bin/ls".as_ref()]))
            .unwrap();
        (id, images.list().unwrap()[0].manifest.clone())
    };
    assert_eq!(make(), make());
}

#[test]
fn the_configuration_runs_the_first_program() {
    let (_directory, images) = store();
    let binaries = ["/bin/ls", "/usr/bin/env"].map(Path::new);
    let id = images.from_host(&request("tiny", &binaries)).unwrap();
    let stack = images.share().unwrap().stack("tiny:latest", None).unwrap();
    assert_eq!(stack.id, Some(id));
    assert_eq!(stack.name, "tiny:latest");
    assert_eq!(stack.config.cmd, ["/bin/ls"]);
    assert!(stack.config.env[0].starts_with("PATH=/usr/local/sbin:"));
}

/// A copy of `ls` whose C library has another name.
fn needs_what_is_not_there(directory: &Path) -> PathBuf {
    let mut bytes = std::fs::read("/bin/ls").unwrap();
    let name = b"libc.so.6\0";
    let at = bytes
        .windows(name.len())
        .position(|part| part == name)
        .unwrap();
    bytes[at..at + name.len()].copy_from_slice(b"libq.so.6\0");
    let path = directory.join("broken");
    executable(&path, bytes);
    path
}

#[test]
fn a_missing_library_is_named_with_the_binary_and_nothing_is_made() {
    let (directory, images) = store();
    let broken = needs_what_is_not_there(directory.path());
    let binaries = [Path::new("/bin/bash"), &broken];
    let error = images.from_host(&request("tiny", &binaries)).unwrap_err();
    let expected = format!(
        "{} needs the library libq.so.6, which is not on this host",
        broken.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(images.list().unwrap().is_empty());
    assert!(!directory.path().join("images").exists());
}

#[test]
fn a_script_brings_its_interpreter_and_what_env_finds() {
    let (directory, images) = store();
    let script = directory.path().join("script");
    executable(&script, "#!/usr/bin/env bash\necho it runs\n");
    images.from_host(&request("script", &[&script])).unwrap();
    let root = layer(&images, "script");
    let inside = script.to_str().unwrap();
    if let Some(out) = in_chroot(&root, inside, &[]) {
        assert_eq!(out, "it runs\n");
    }
}

#[test]
fn a_missing_interpreter_is_named_with_the_script() {
    let (directory, images) = store();
    let script = directory.path().join("script");
    for (line, interpreter) in [
        ("#!/no/such/shell", "/no/such/shell"),
        ("#!/usr/bin/env no-such-shell", "no-such-shell"),
    ] {
        executable(&script, line);
        let error = images
            .from_host(&request("script", &[&script]))
            .unwrap_err();
        let expected = format!(
            "{} needs the interpreter {interpreter}, which is not on this host",
            script.display()
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_is_no_program_is_refused_by_name() {
    let (directory, images) = store();
    let path = directory.path().join("data");
    let failure = |path: &Path| images.from_host(&request("x", &[path])).unwrap_err();
    assert!(matches!(failure(&path), Error::NoSuchFile(_)));
    std::fs::write(&path, "data").unwrap();
    assert!(matches!(failure(&path), Error::NotExecutable { .. }));
    executable(&path, "data");
    assert!(matches!(failure(&path), Error::NotExecutable { .. }));
    executable(&path, "\x7fELF\x02\x01\x01");
    assert!(matches!(failure(&path), Error::Elf { .. }));
    let nothing = images.from_host(&request("x", &[])).unwrap_err();
    assert!(matches!(nothing, Error::NoBinaries));
    let built_in = images
        .from_host(&request("host", &["/bin/ls".as_ref()]))
        .unwrap_err();
    assert!(matches!(built_in, Error::BuiltIn { .. }));
}

#[test]
fn further_files_and_directories_come_with_their_links() {
    let (directory, images) = store();
    let data = directory.path().join("data");
    std::fs::create_dir_all(data.join("below")).unwrap();
    std::fs::write(data.join("below/file"), "content").unwrap();
    std::os::unix::fs::symlink("below/file", data.join("link")).unwrap();
    let mut request = request("data", &["/bin/ls".as_ref()]);
    request.with = vec![data.clone()];
    images.from_host(&request).unwrap();
    let inside = layer(&images, "data").join(data.strip_prefix("/").unwrap());
    assert_eq!(
        std::fs::read(inside.join("below/file")).unwrap(),
        b"content"
    );
    assert_eq!(
        inside.join("link").read_link().unwrap(),
        Path::new("below/file")
    );
    let mut special = request;
    rustix::fs::mkfifoat(rustix::fs::CWD, data.join("pipe"), 0o600.into()).unwrap();
    special.tag = "special".parse().unwrap();
    let error = images.from_host(&special).unwrap_err();
    assert!(matches!(error, Error::SpecialFile(path) if path == data.join("pipe")));
}

/// A program below `bin` and its library below `lib`; `false`, said aloud, without a compiler.
fn compile(root: &Path, tags: &str) -> bool {
    std::fs::create_dir_all(root.join("bin")).unwrap();
    std::fs::create_dir_all(root.join("lib")).unwrap();
    let source = |name: &str, text: &str| {
        std::fs::write(root.join(name), text).unwrap();
        root.join(name)
    };
    let library = source("a.c", "int answer(void) { return 42; }");
    let program = source(
        "p.c",
        "int answer(void); int main(void) { return answer() - 42; }",
    );
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([root.join("lib/libanswer.so"), library])
        .status();
    let Ok(built) = built else {
        println!("skipped: needs a C compiler");
        return false;
    };
    let linked = Command::new("cc")
        .args([
            Path::new("-o"),
            &root.join("bin/program"),
            &program,
            Path::new("-L"),
        ])
        .arg(root.join("lib"))
        .args(["-lanswer", "-Wl,-rpath,$ORIGIN/../lib", tags])
        .status();
    assert!(built.success() && linked.unwrap().success());
    true
}

#[test]
fn libraries_beside_the_program_are_found() {
    for tags in ["-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"] {
        let (directory, images) = store();
        if !compile(directory.path(), tags) {
            return;
        }
        let program = directory.path().join("bin/program");
        images.from_host(&request("p", &[&program])).unwrap();
        let root = layer(&images, "p");
        in_chroot(&root, program.to_str().unwrap(), &[]);
        let library = directory.path().join("lib/libanswer.so");
        assert!(root.join(library.strip_prefix("/").unwrap()).is_file());
    }
}

#[test]
fn the_blob_is_a_layer_whose_digest_is_its_content() {
    let (directory, images) = store();
    images
        .from_host(&request("tiny", &["/bin/ls".as_ref()]))
        .unwrap();
    let image = &images.list().unwrap()[0];
    let blobs = directory.path().join("images/blobs/sha256");
    for digest in [&image.id, &image.manifest, &image.diff_ids[0]] {
        let bytes = std::fs::read(blobs.join(digest.hex())).unwrap();
        assert_eq!(Digest::of(&bytes), *digest);
    }
}
