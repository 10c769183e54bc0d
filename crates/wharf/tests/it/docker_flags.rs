//! Flags of `docker run` about devices by name, hidden paths and the place of the cgroup.

use std::process::Command;

use crate::harness::{Outcome, Wharf, cgroups_of, is_root};

/// Runs wharf where /etc has one more file of devices.
fn with_devices(wharf: &Wharf, file: &str, content: &str, words: &[&str]) -> Outcome {
    let scratch = wharf.path("etc");
    std::fs::create_dir_all(&scratch).unwrap();
    let script = "set -e; mount -t tmpfs tmpfs \"$1\"; mkdir \"$1\"/u \"$1\"/w
        mount -t overlay -o lowerdir=/etc,upperdir=\"$1\"/u,workdir=\"$1\"/w overlay /etc
        mkdir -p /etc/cdi; printf '%s' \"$3\" > /etc/cdi/\"$2\"; shift 3; exec \"$@\"";
    let ours = wharf.command();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(&scratch).args([file, content]);
    command
        .arg(ours.get_program())
        .args(ours.get_args())
        .args(words);
    command.current_dir("/").output().unwrap().into()
}

const DEVICES: &str = r#"cdiVersion: "0.6.0"
kind: acme.com/gpu
containerEdits:
  env: [ACME=common]
devices:
- name: one
  containerEdits:
    env: [ACME_DEVICE=one]
    deviceNodes:
    - path: /dev/fuse
      permissions: rw
    mounts:
    - hostPath: SOURCE
      containerPath: /acme
      options: [ro, bind]
    additionalGids: [4321]
"#;

#[test]
fn a_device_is_had_by_its_name() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let source = wharf.path("acme");
    std::fs::write(&source, "of the device\n").unwrap();
    let devices = DEVICES.replace("SOURCE", source.to_str().unwrap());
    let look = "echo $ACME $ACME_DEVICE; id -G; ls /dev/fuse; cat /acme; echo x > /acme";
    let words = [
        "run",
        "--rm",
        "--device",
        "acme.com/gpu=one",
        "host",
        "sh",
        "-c",
        look,
    ];
    let outcome = with_devices(&wharf, "acme.yaml", &devices, &words);
    let expected = "common one\n0 4321\n/dev/fuse\nof the device\n";
    assert_eq!(outcome.stdout, expected, "{outcome:?}");
    assert!(outcome.stderr.contains("Read-only"), "{outcome:?}");
    let words = [
        "run",
        "--rm",
        "--device",
        "acme.com/gpu=two",
        "host",
        "true",
    ];
    let outcome = with_devices(&wharf, "acme.yaml", &devices, &words);
    assert!(
        outcome.code == 125 && outcome.stderr.contains("acme.com/gpu=two"),
        "{outcome:?}"
    );
    let document = r#"{"cdiVersion":"0.6.0","kind":"nvidia.com/gpu","devices":[
        {"name":"all","containerEdits":{"env":["GPU=all"]}}]}"#;
    let words = [
        "run",
        "--rm",
        "--gpus",
        "all",
        "host",
        "sh",
        "-c",
        "echo $GPU",
    ];
    let outcome = with_devices(&wharf, "nvidia.json", document, &words);
    assert_eq!(outcome.stdout, "all\n", "{outcome:?}");
    let (code, why) = wharf.fails(&["run", "--rm", "--gpus", "device=none", "host", "true"]);
    assert!(code == 125 && why.contains("nvidia.com/gpu=none"), "{why}");
}

#[test]
fn a_hook_of_a_device_runs() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let mark = wharf.path("mark");
    let document = format!(
        r#"{{"cdiVersion":"0.6.0","kind":"acme.com/gpu","devices":[{{"name":"one","containerEdits":
        {{"hooks":[{{"hookName":"createRuntime","path":"/bin/touch","args":["touch","{}"]}}]}}}}]}}"#,
        mark.display()
    );
    let words = [
        "run",
        "--rm",
        "--device",
        "acme.com/gpu=one",
        "host",
        "true",
    ];
    let outcome = with_devices(&wharf, "acme.json", &document, &words);
    assert!(outcome.code == 0 && mark.exists(), "{outcome:?}");
}

#[test]
fn paths_are_hidden_and_shown_as_asked() {
    let wharf = Wharf::new();
    let shown = |options: &[&str], line: &str| {
        let program = ["host", "sh", "-c", line];
        wharf.ok(&[&["run", "--rm"], options, &program[..]].concat())
    };
    let mask = ["--security-opt", "mask=/etc/passwd:/var/lib"];
    assert_eq!(shown(&mask, "cat /etc/passwd; ls /var/lib"), "");
    let keys = "wc -c < /proc/keys; head -c 1 /proc/keys | wc -c";
    assert_eq!(shown(&[], keys).lines().last(), Some("0"));
    let mounts = "grep -c -E ' /proc/(keys|sys|bus) ' /proc/self/mountinfo || true";
    assert_eq!(shown(&[], mounts), "3");
    let one = ["--security-opt", "unmask=/proc/keys:/proc/bus"];
    assert_eq!(shown(&one, mounts), "1");
    assert_eq!(shown(&["--security-opt", "unmask=ALL"], mounts), "0");
    shown(&["--security-opt", "label=disable"], "true");
    let (code, why) = wharf.fails(&["run", "--security-opt", "label=type:x", "host", "true"]);
    assert!(code == 125 && why.contains("label=type:x"), "{why}");
}

#[test]
fn a_profile_in_dockers_form_follows_the_capabilities() {
    let wharf = Wharf::new();
    let profile = wharf.path("docker.json");
    let rule = r#"{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":122,
        "excludes":{"caps":["CAP_SYS_ADMIN"]}}"#;
    let text = format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","archMap":[],"syscalls":[{rule}]}}"#);
    std::fs::write(&profile, text).unwrap();
    let option = format!("seccomp={}", profile.display());
    let words = ["run", "--rm", "--security-opt", &option];
    let program = ["host", "mkdir", "/new"];
    let (_, why) = wharf.fails(&[&words[..], &program[..]].concat());
    assert!(why.contains("quota"), "{why}");
    wharf.ok(&[&words[..], &["--cap-add", "SYS_ADMIN"], &program[..]].concat());
    std::fs::write(
        &profile,
        r#"{"defaultAction":"SCMP_ACT_ALLOW","archMap":[],"new":1}"#,
    )
    .unwrap();
    let (code, why) = wharf.fails(&[&words[..], &program[..]].concat());
    assert!(code == 125 && why.contains("new"), "{why}");
}

#[test]
fn a_cgroup_goes_below_the_one_that_was_named() {
    if !is_root() {
        return;
    }
    let wharf = Wharf::new();
    let name = format!("below-{}", std::process::id());
    let words = [
        "run",
        "-d",
        "--name",
        "web",
        "--cgroup-parent",
        &name,
        "host",
        "sleep",
        "1000",
    ];
    let id = wharf.ok(&words);
    let parents = cgroups_of(&name);
    assert!(!parents.is_empty());
    let own = |parent: &std::path::Path| parent.join(format!("wharf-{id}"));
    assert!(parents.iter().all(|parent| own(parent).is_dir()));
    wharf.ok(&["rm", "-f", "web"]);
    for parent in parents {
        // With something in it this would fail.
        std::fs::remove_dir(parent).unwrap();
    }
    for parent in ["..", "/a/../b", "a:b:c"] {
        let (code, why) = wharf.fails(&["run", "--cgroup-parent", parent, "host", "true"]);
        assert!(
            code == 125 && why.contains("cgroup parent"),
            "{parent}: {why}"
        );
    }
}

#[test]
fn an_image_is_mounted_beside_and_kept_meanwhile() {
    let wharf = Wharf::new();
    wharf.ok(&["image", "from-host", "--tag", "tools", "/bin/sleep"]);
    let mount = "type=image,source=tools,target=/tools";
    let program = [
        "host",
        "sh",
        "-c",
        "ls /tools; echo x > /tools/x; sleep 1000",
    ];
    wharf.ok(&[
        &["run", "-d", "--name", "web", "--mount", mount],
        &program[..],
    ]
    .concat());
    let listed = wharf.ok(&["exec", "web", "ls", "-L", "/tools/bin/sleep"]);
    assert_eq!(listed, "/tools/bin/sleep");
    let (_, why) = wharf.fails(&["exec", "web", "touch", "/tools/new"]);
    assert!(why.contains("Read-only file system"), "{why}");
    let (_, why) = wharf.fails(&["rmi", "tools"]);
    assert!(why.contains("container"), "{why}");
    wharf.ok(&["rm", "-f", "web"]);
    wharf.ok(&["rmi", "tools"]);
    let (code, why) = wharf.fails(&["run", "--mount", mount, "host", "true"]);
    assert!(
        code == 125 && why.contains("tools: it is not here"),
        "{why}"
    );
}

#[test]
fn a_mistyped_namespace_is_no_program() {
    let wharf = Wharf::new();
    let (code, why) = wharf.fails(&["unshare", "--pidd", "true"]);
    assert!(
        code == 125 && why.contains("'--pidd'") && why.contains("'--pid'"),
        "{why}"
    );
    let (_, why) = wharf.fails(&["unshare", "true"]);
    assert!(why.contains("--mount") && why.contains("--time"), "{why}");
}
