//! One pass over every test, as one user: each test in a process of its own below a supervisor,
//! as many at once as there are processors.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::artifacts::{Artifacts, TestProgram};
use super::supervisor::SUPERVISE;
use super::tally::{Outcome, Tally};

/// An id that no account has: an ordinary user with nothing prepared, not even a line in
/// /etc/passwd. So nothing of the machine's has to be changed to become one.
const ORDINARY_ID: u32 = 61_234;

/// Whom a pass runs as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Whoever started xtask, and is not root.
    Caller,
    Root,
    Ordinary,
}

impl User {
    /// Root runs everything twice; an ordinary user can be nobody else.
    pub(super) fn to_run_as() -> &'static [User] {
        if rustix::process::geteuid().is_root() {
            &[User::Root, User::Ordinary]
        } else {
            &[User::Caller]
        }
    }

    /// The name of this user's directory in the directory of the run.
    pub(super) fn directory(self) -> &'static str {
        match self {
            User::Root => "root",
            User::Caller | User::Ordinary => "user",
        }
    }

    /// The uid and gid to change to, if any.
    pub(super) fn id_to_become(self) -> Option<u32> {
        (self == User::Ordinary).then_some(ORDINARY_ID)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            User::Root => "root",
            User::Caller | User::Ordinary => "an ordinary user",
        })
    }
}

/// What one pass runs, and as whom.
pub(super) struct Pass<'a> {
    pub(super) user: User,
    pub(super) home: &'a Path,
    pub(super) artifacts: &'a Artifacts,
    /// Only tests whose full name contains this.
    pub(super) filter: &'a str,
}

/// One test to run: `number` is unique in the pass.
struct Test<'a> {
    number: usize,
    program: &'a TestProgram,
    name: String,
}

impl Pass<'_> {
    /// Runs every test and adds what became of it to the tally, printing as it goes.
    pub(super) fn run(&self, tally: &mut Tally) -> Result<(), String> {
        let tests = self.list()?;
        let next = Mutex::new(tests.iter());
        let tally = Mutex::new(tally);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(test) = lock(&next).next() {
                        let started = Instant::now();
                        let outcome = self.run_one(test);
                        let name = format!("{} {}", test.program.name, test.name);
                        lock(&tally).add(&name, outcome, started.elapsed());
                    }
                });
            }
        });
        Ok(())
    }

    fn list(&self) -> Result<Vec<Test<'_>>, String> {
        let mut tests = Vec::new();
        for program in &self.artifacts.tests {
            for name in program.tests(self.filter)? {
                let number = tests.len();
                tests.push(Test {
                    number,
                    program,
                    name,
                });
            }
        }
        Ok(tests)
    }

    fn run_one(&self, test: &Test) -> Outcome {
        let directory = self.home.join(test.number.to_string());
        let log = self.home.join(format!("{}.log", test.number));
        match self.supervised(test, &directory, &log) {
            Ok(success) => Outcome::new(success, &fs::read_to_string(&log).unwrap_or_default()),
            Err(error) => Outcome::Failed(format!("cannot run the test: {error}")),
        }
    }

    /// Runs the test below a supervisor, in a temporary directory of its own.
    fn supervised(&self, test: &Test, directory: &Path, log: &Path) -> std::io::Result<bool> {
        fs::create_dir(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
        let log = File::create(log)?;
        let mut command = Command::new(&self.artifacts.xtask);
        command
            .arg(SUPERVISE)
            .args([directory, &test.program.program])
            .args([&*test.name, "--exact", "--nocapture", "--test-threads=1"])
            .current_dir(self.working_directory(test))
            .env("HOME", self.home)
            .env("TMPDIR", directory)
            .env("WHARF_TEST_BINARY", &self.artifacts.wharf)
            .env("CARGO_MANIFEST_DIR", &test.program.package)
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("XDG_DATA_HOME")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(id) = self.user.id_to_become() {
            std::os::unix::fs::chown(directory, Some(id), Some(id))?;
            command.uid(id).gid(id).env("USER", "ordinary");
        }
        Ok(command.status()?.success())
    }

    /// The package's directory, or this pass's own when an ordinary user cannot enter that one.
    fn working_directory(&self, test: &Test) -> PathBuf {
        match self.user {
            User::Ordinary => self.home.to_path_buf(),
            User::Root | User::Caller => test.program.package.clone(),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Seconds with two digits, for the list of tests.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
