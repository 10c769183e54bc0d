//! What is measured: the cases, who takes part in each, and the budget.

use std::time::Duration;

use super::engines::{self, Engine};
use super::floor;
use super::report::Table;
use super::stage::Stage;
use super::subject::{CommandLine, ID, Subject, container_name};
use super::timing::{Plan, interleave};

/// The subject that the others' ratios are taken to.
pub(super) const FLOOR: &str = "floor";
const WHARF_OCI: &str = "wharf oci";

/// One table of times.
pub(super) struct Case {
    /// For `--case`.
    pub(super) name: &'static str,
    title: &'static str,
    /// What every subject does, and how.
    about: &'static str,
    plan: Plan,
    /// Measured with each version of cgroups that the machine has, not with the first alone.
    pub(super) in_every_view: bool,
    pub(super) subjects: fn(&Stage) -> Vec<Subject>,
    budgets: &'static [Budget],
}

/// A promise: `subject` takes at most `limit`.
pub(super) struct Budget {
    pub(super) subject: &'static str,
    pub(super) limit: Limit,
}

/// What a time is held against.
pub(super) enum Limit {
    /// So many times another subject's.
    Times(f64, &'static str),
    Milliseconds(f64),
}

const fn at_most(subject: &'static str, factor: f64, other: &'static str) -> Budget {
    Budget {
        subject,
        limit: Limit::Times(factor, other),
    }
}

const IN_A_ROW: Plan = Plan {
    runs: 100,
    in_a_row: 10,
    pause: Duration::ZERO,
};

const SPACED: Plan = Plan {
    runs: 20,
    in_a_row: 1,
    pause: Duration::from_millis(300),
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "oci-run",
        title: "OCI runtime: run /bin/true, in a row",
        about: "`run` of one bundle (six namespaces, cgroups, `runc spec`'s mounts, no seccomp \
                filter), ten runs in a row before the next subject's turn.",
        plan: IN_A_ROW,
        in_every_view: true,
        subjects: oci_run,
        budgets: &[
            at_most(WHARF_OCI, 1.5, FLOOR),
            at_most(WHARF_OCI, 0.6, "crun"),
        ],
    },
    Case {
        name: "oci-run-spaced",
        title: "OCI runtime: run /bin/true, now and then",
        about: "The same with 300 ms of rest before each run: on cgroup v1 the first move of a \
                process after a rest waits for an RCU grace period, which a tight loop hides.",
        plan: SPACED,
        in_every_view: true,
        subjects: oci_run,
        budgets: &[at_most(WHARF_OCI, 1.5, FLOOR)],
    },
    Case {
        name: "oci-exec",
        title: "OCI runtime: exec /bin/true",
        about: "One more program in a running container of the same bundle.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: oci_exec,
        budgets: &[at_most(WHARF_OCI, 0.6, "crun")],
    },
    Case {
        name: "oci-state",
        title: "OCI runtime: state",
        about: "`state` of a running container.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: oci_state,
        budgets: &[Budget {
            subject: WHARF_OCI,
            limit: Limit::Milliseconds(1.0),
        }],
    },
    Case {
        name: "run",
        title: "Engine: run --rm without a network, true",
        about: "wharf with a user namespace, overlay, monitor, log and seccomp filter. `host` is \
                the built-in image, whose `true` is the host's, linked dynamically; all others run \
                the same static busybox. The floor has a user namespace but no overlay; crun runs \
                the bare bundle of the OCI cases.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: run,
        budgets: &[
            at_most("wharf, host", 1.2, "crun"),
            at_most("wharf, --rootfs", 1.2, "crun"),
            at_most("wharf, host", 0.05, "podman"),
            at_most("wharf, host", 0.05, "docker"),
        ],
    },
    Case {
        name: "run-spaced",
        title: "Engine: run --rm without a network, true, now and then",
        about: "The same with 300 ms of rest before each run.",
        plan: SPACED,
        in_every_view: false,
        subjects: run,
        budgets: &[at_most("wharf, host", 1.2, "crun")],
    },
    Case {
        name: "exec",
        title: "Engine: exec true",
        about: "One more program in a running container.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: exec,
        budgets: &[],
    },
];

impl Case {
    /// Measures the subjects, `runs` times each if given.
    pub(super) fn measure(&self, subjects: Vec<Subject>, runs: Option<usize>) -> Table {
        let plan = Plan {
            runs: runs.unwrap_or(self.plan.runs),
            ..self.plan
        };
        let timed = interleave(subjects, plan);
        Table::of_times(self.title, self.about, &timed, self.budgets)
    }
}

fn oci_run(stage: &Stage) -> Vec<Subject> {
    let run = |runtime: CommandLine| bundle_run(stage, &runtime);
    let peer = |name| Subject::new(name, engines::oci_runtime(stage, name).map(run));
    let alone = CommandLine::new([stage.rootfs().join("bin/true")]);
    vec![
        Subject::new("the program alone", Ok(alone)),
        Subject::new(FLOOR, Ok(floor::run(stage, &[]))),
        Subject::new(WHARF_OCI, Ok(run(engines::wharf_oci(stage)))),
        peer("crun"),
        peer("runc"),
    ]
}

fn bundle_run(stage: &Stage, runtime: &CommandLine) -> CommandLine {
    runtime
        .and(["run", "--bundle"])
        .and([stage.bundle()])
        .and([ID])
}

fn oci_exec(stage: &Stage) -> Vec<Subject> {
    let mut subjects = vec![floor::exec(stage)];
    subjects.extend(on_a_sleeper(stage, &["exec"], &["/bin/true"]));
    subjects
}

fn oci_state(stage: &Stage) -> Vec<Subject> {
    on_a_sleeper(stage, &["state"], &[])
}

/// A verb of each runtime on a container in the background.
fn on_a_sleeper(stage: &Stage, verb: &[&str], rest: &[&str]) -> Vec<Subject> {
    let subject = |label: &'static str, runtime: Result<CommandLine, String>| {
        let id = container_name(&label.replace(' ', "-"));
        let running = |runtime: CommandLine| {
            let start = runtime.and(["run", "--detach", "--bundle"]);
            let start = start.and([stage.sleeper()]).and([&id]);
            let running = start.start(runtime.and(["delete", "--force", &id]))?;
            Ok((runtime.and(verb).and([&id]).and(rest), running))
        };
        Subject::in_container(label, runtime.and_then(running))
    };
    vec![
        subject(WHARF_OCI, Ok(engines::wharf_oci(stage))),
        subject("crun", engines::oci_runtime(stage, "crun")),
        subject("runc", engines::oci_runtime(stage, "runc")),
    ]
}

fn run(stage: &Stage) -> Vec<Subject> {
    let wharf = engines::wharf(stage);
    let tree = wharf.run().and(["--rm", "--rootfs"]).and([stage.rootfs()]);
    let crun = engines::oci_runtime(stage, "crun").map(|crun| bundle_run(stage, &crun));
    let run = |engine: Engine| engine.run_true();
    vec![
        Subject::new(FLOOR, Ok(floor::run(stage, &["--user"]))),
        Subject::new("wharf, host", Ok(wharf.run_true())),
        Subject::new("wharf, --rootfs", Ok(tree.and(["true"]))),
        Subject::new("crun", crun),
        Subject::new("bwrap", engines::bubblewrap(stage)),
        Subject::new("systemd-nspawn", engines::nspawn(stage)),
        Subject::new("podman", stage.podman().map(run)),
        Subject::new("docker", stage.docker().map(run)),
    ]
}

fn exec(stage: &Stage) -> Vec<Subject> {
    let name = container_name("exec");
    let subject = |label, engine: Result<Engine, String>| {
        let running = |engine: Engine| Ok((engine.exec_true(&name), engine.start(&name)?));
        Subject::in_container(label, engine.and_then(running))
    };
    vec![
        floor::exec(stage),
        subject("wharf, host", Ok(engines::wharf(stage))),
        subject("podman", stage.podman()),
        subject("docker", stage.docker()),
    ]
}
