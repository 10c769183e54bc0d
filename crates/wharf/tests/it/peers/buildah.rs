//! `buildah --runtime`: a container for every step of a build.

use super::stage::{Stage, command, on_a_terminal};
use crate::harness::Outcome;

struct Buildah<'a> {
    stage: &'a Stage,
}

impl Buildah<'_> {
    fn words(&self, words: &[&str]) -> Vec<String> {
        let (verb, rest) = words.split_first().unwrap();
        let mut all = vec![
            "buildah".to_owned(),
            "--root".to_owned(),
            self.stage.text("storage"),
            "--runroot".to_owned(),
            self.stage.text("run"),
            (*verb).to_owned(),
        ];
        if matches!(*verb, "run" | "bud") {
            all.push(format!("--runtime={}", self.stage.text("runc")));
            all.extend(["--isolation=oci", "--network=none"].map(str::to_owned));
            if *verb == "bud" {
                all.push(format!("--cgroup-parent={}", self.stage.cgroup()));
            }
        }
        all.extend(rest.iter().map(|word| (*word).to_owned()));
        all
    }

    fn run(&self, words: &[&str]) -> Outcome {
        command(&self.words(words)).output().unwrap().into()
    }

    fn ok(&self, words: &[&str]) -> String {
        let outcome = self.run(words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        outcome.stdout.trim_end().to_owned()
    }
}

#[test]
fn buildah_runs_programs_and_builds_images() {
    let Some(stage) = Stage::new(&["buildah"]) else {
        return;
    };
    let buildah = Buildah { stage: &stage };
    let container = buildah.ok(&["from", "scratch"]);
    let archive = stage.archive();
    buildah.ok(&["add", &container, archive.to_str().unwrap(), "/"]);
    let run = |script: &str| buildah.run(&["run", &container, "sh", "-c", script]);
    assert_eq!(run("echo kept > /kept; id -u").stdout, "0\n");
    let outcome = run("cat /kept; exit 5");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (5, "kept\n"));
    let words = buildah.words(&["run", "--tty", &container, "tty"]);
    let said: Outcome = on_a_terminal(&words).output().unwrap().into();
    assert!(said.stdout.contains("/dev/pts/0"), "{said:?}");
    let context = stage.path("context");
    std::fs::create_dir(&context).unwrap();
    std::fs::rename(&archive, context.join("rootfs.tar")).unwrap();
    let file = "FROM scratch\nADD rootfs.tar /\nRUN echo built > /built\nUSER 1000\n\
                RUN cat /built && id -u\n";
    std::fs::write(context.join("Dockerfile"), file).unwrap();
    let said = buildah.ok(&["bud", "--tag", "built", context.to_str().unwrap()]);
    assert!(said.contains("built\n1000\n"), "{said}");
    buildah.ok(&["rm", "--all"]);
    buildah.ok(&["rmi", "--all", "--force"]);
}
