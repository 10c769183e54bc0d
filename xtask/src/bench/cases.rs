//! What is measured: the cases, who takes part in each, and the budget.

use std::time::Duration;

use super::engines::{self, Engine};
use super::floor;
use super::life;
use super::network;
use super::report::Table;
use super::stage::Stage;
use super::subject::{CommandLine, ID, Subject, Work, container_name};
use super::timing::{Plan, interleave};

/// The subject that the others' ratios are taken to.
pub(super) const FLOOR: &str = "floor";
const WHARF_OCI: &str = "wharf oci";
const WHARF_FILTERED: &str = "wharf oci, filtered";

/// How many start at the same time where many do.
const MANY: usize = 20;

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
    /// So many more than another subject.
    MillisecondsOver(f64, &'static str),
}

const fn at_most(subject: &'static str, factor: f64, other: &'static str) -> Budget {
    Budget {
        subject,
        limit: Limit::Times(factor, other),
    }
}

const fn within_a_millisecond(subject: &'static str) -> Budget {
    Budget {
        subject,
        limit: Limit::Milliseconds(1.0),
    }
}

const IN_A_ROW: Plan = Plan {
    runs: 100,
    in_a_row: 10,
    pause: Duration::ZERO,
};

const FEW: Plan = Plan {
    runs: 30,
    in_a_row: 3,
    pause: Duration::ZERO,
};

/// What takes seconds.
const HEAVY: Plan = Plan {
    runs: 5,
    in_a_row: 1,
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
        name: "oci-run-filtered",
        title: "OCI runtime: run /bin/true behind Docker's filter of system calls",
        about: "`run` of the same bundle with and without Docker's default seccomp profile.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: oci_run_filtered,
        budgets: &[
            at_most(WHARF_FILTERED, 1.15, WHARF_OCI),
            at_most(WHARF_FILTERED, 0.6, "crun, filtered"),
        ],
    },
    Case {
        name: "oci-run-at-once",
        title: "OCI runtime: run /bin/true, twenty at once",
        about: "Twenty `run`s started together, until the last of them has ended; a run that fails \
                fails the subject.",
        plan: FEW,
        in_every_view: true,
        subjects: oci_run_at_once,
        budgets: &[at_most(WHARF_OCI, 1.5, FLOOR)],
    },
    Case {
        name: "oci-create",
        title: "OCI runtime: create",
        about: "`create` of the bundle; the container is deleted unmeasured.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: oci_create,
        budgets: &[at_most(WHARF_OCI, 0.6, "crun")],
    },
    Case {
        name: "oci-start",
        title: "OCI runtime: start",
        about: "`start` of a created container.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: oci_start,
        budgets: &[within_a_millisecond(WHARF_OCI)],
    },
    Case {
        name: "oci-kill",
        title: "OCI runtime: kill",
        about: "`kill` of a running container with SIGKILL.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: oci_kill,
        budgets: &[within_a_millisecond(WHARF_OCI)],
    },
    Case {
        name: "oci-delete",
        title: "OCI runtime: delete",
        about: "`delete` of a container that has stopped.",
        plan: IN_A_ROW,
        in_every_view: false,
        subjects: oci_delete,
        budgets: &[at_most(WHARF_OCI, 0.6, "crun")],
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
        budgets: &[within_a_millisecond(WHARF_OCI)],
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
        name: "run-bridged",
        title: "Engine: run --rm on a bridge, true",
        about: "A veth pair, an address, the firewall's elements and names are made and gone again \
                for each run, with 300 ms of rest before it: what was made for the run before is \
                still being taken down by the kernel when its command is over.",
        plan: SPACED,
        in_every_view: false,
        subjects: network::bridged,
        budgets: &[Budget {
            subject: "wharf",
            limit: Limit::MillisecondsOver(2.0, "wharf, no network"),
        }],
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
    Case {
        name: "run-detached",
        title: "Engine: run -d",
        about: "A container in the background, of a shell that waits; removed unmeasured.",
        plan: FEW,
        in_every_view: false,
        subjects: life::run_detached,
        budgets: &[],
    },
    Case {
        name: "stop",
        title: "Engine: stop",
        about: "`stop` of a shell that ends when it is asked to.",
        plan: FEW,
        in_every_view: false,
        subjects: life::stop,
        budgets: &[],
    },
    Case {
        name: "rm",
        title: "Engine: rm -f",
        about: "`rm --force` of a running container.",
        plan: FEW,
        in_every_view: false,
        subjects: life::rm,
        budgets: &[],
    },
    Case {
        name: "ps",
        title: "Engine: ps of a hundred containers",
        about: "`ps` beside a hundred running containers of the same engine.",
        plan: FEW,
        in_every_view: false,
        subjects: life::ps,
        budgets: &[],
    },
    Case {
        name: "logs",
        title: "Engine: logs of 100 MB",
        about: "`logs` of a container that wrote 100 MB in lines of 64 bytes, to /dev/null.",
        plan: HEAVY,
        in_every_view: false,
        subjects: life::logs,
        budgets: &[],
    },
    Case {
        name: "log-throughput",
        title: "Engine: a container that writes 1 GB",
        about: "`run --rm` of a program that writes 1 GB in lines of 64 bytes, logged with a limit \
                of 10 MiB a file, and attached to /dev/null.",
        plan: HEAVY,
        in_every_view: false,
        subjects: life::log_throughput,
        budgets: &[],
    },
    Case {
        name: "cp",
        title: "Engine: cp of 10,000 files",
        about: "`cp` of a directory with 10,000 files of 1 KiB into a running container.",
        plan: HEAVY,
        in_every_view: false,
        subjects: life::cp,
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

/// A piece of work of every runtime, under the runtime's name.
fn of_each(stage: &Stage, work: impl Fn(CommandLine) -> Work) -> Vec<Subject> {
    let peer = |name| Subject::of_work(name, engines::oci_runtime(stage, name).map(&work));
    let own = Subject::of_work(WHARF_OCI, Ok(work(engines::wharf_oci(stage))));
    vec![own, peer("crun"), peer("runc")]
}

fn oci_run_filtered(stage: &Stage) -> Vec<Subject> {
    let filtered = |runtime: Result<CommandLine, String>| {
        let run = runtime?.and(["run", "--bundle"]);
        Ok(run.and([stage.filtered_bundle()?]).and([ID]))
    };
    let run = |runtime: CommandLine| bundle_run(stage, &runtime);
    let own = engines::wharf_oci(stage);
    let crun = engines::oci_runtime(stage, "crun");
    let runc = engines::oci_runtime(stage, "runc");
    vec![
        Subject::new(WHARF_OCI, Ok(run(own.clone()))),
        Subject::new(WHARF_FILTERED, filtered(Ok(own))),
        Subject::new("crun", crun.clone().map(run)),
        Subject::new("crun, filtered", filtered(crun)),
        Subject::new("runc, filtered", filtered(runc)),
    ]
}

fn oci_run_at_once(stage: &Stage) -> Vec<Subject> {
    let floor = Work::of(floor::run(stage, &[])).at_once(MANY);
    let many = |runtime: CommandLine| Work::of(bundle_run(stage, &runtime)).at_once(MANY);
    let mut subjects = vec![Subject::of_work(FLOOR, Ok(floor))];
    subjects.extend(of_each(stage, many));
    subjects
}

fn create(stage: &Stage, runtime: &CommandLine) -> CommandLine {
    let create = runtime.and(["create", "--bundle"]);
    create.and([stage.bundle()]).and([ID])
}

fn delete(runtime: &CommandLine) -> CommandLine {
    runtime.and(["delete", "--force", ID])
}

fn oci_create(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |runtime| {
        Work::of(create(stage, &runtime)).after(delete(&runtime))
    })
}

fn oci_start(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |runtime| {
        let start = Work::of(runtime.and(["start", ID]));
        start
            .before(create(stage, &runtime))
            .after(delete(&runtime))
    })
}

fn oci_kill(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |runtime| {
        let run = runtime.and(["run", "--detach", "--bundle"]);
        let run = run.and([stage.sleeper()]).and([ID]);
        let kill = Work::of(runtime.and(["kill", ID, "KILL"]));
        kill.before(run).after(delete(&runtime))
    })
}

/// Brings a container to its end, for a bundle, an id and a runtime.
const UNTIL_STOPPED: &str = "bundle=$1 id=$2; shift 2; \
    \"$@\" create --bundle \"$bundle\" \"$id\" && \"$@\" start \"$id\" && \
    until \"$@\" state \"$id\" | grep -q stopped; do :; done";

fn oci_delete(stage: &Stage) -> Vec<Subject> {
    of_each(stage, |runtime| {
        let before = CommandLine::new(["sh", "-c", UNTIL_STOPPED, "sh"]);
        let before = before.and([stage.bundle()]).and([ID]).then(&runtime);
        Work::of(runtime.and(["delete", ID])).before(before)
    })
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
