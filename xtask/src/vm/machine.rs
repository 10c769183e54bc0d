//! The machine as a process: qemu without KVM, its console in a file, and the conversation with
//! the agent over its standard streams. Every wait has a deadline; when one passes, the end of the
//! console is told.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::agent::PORT;
use super::protocol::{Run, Said};
use super::start::START;

/// Ten seconds where nothing else runs.
const BOOT_TIME: Duration = Duration::from_secs(180);
/// Enough for a container to be pushed out of 64 MiB of memory.
const SWAP_BYTES: u64 = 256 << 20;
const CONSOLE_LINES: usize = 40;

/// A temporary directory of one machine.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
}

impl Scratch {
    pub(super) fn make() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("wharf-vm-{}", std::process::id()));
        fs::create_dir(&path)
            .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Scratch { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Something to run as root in the machine.
pub(crate) struct Job {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) deadline: Duration,
}

/// A machine that has booted. It is gone with the value.
pub(crate) struct Machine {
    qemu: Child,
    scratch: Scratch,
    /// To the agent.
    writer: Mutex<ChildStdin>,
    listeners: Arc<Listeners>,
    next: AtomicU64,
}

/// Who waits for news of which program; the agent's own are number 0.
#[derive(Default)]
struct Listeners(Mutex<BTreeMap<u64, Sender<Said>>>);

impl Machine {
    /// Boots and waits for the agent's greeting.
    pub(super) fn start(
        scratch: Scratch,
        kernel: &Path,
        root: &Path,
        cgroups: Cgroups,
    ) -> Result<Self, String> {
        let began = Instant::now();
        let mut qemu = command(&scratch, kernel, root, cgroups)?
            .spawn()
            .map_err(|error| format!("cannot run qemu-system-x86_64: {error}"))?;
        let streams = qemu.stdin.take().zip(qemu.stdout.take());
        let (writer, reader) = streams.ok_or("qemu has no streams")?;
        let machine = Machine {
            qemu,
            scratch,
            writer: Mutex::new(writer),
            listeners: Arc::default(),
            next: AtomicU64::new(1),
        };
        let greeting = machine.listeners.listen(0);
        let listeners = Arc::clone(&machine.listeners);
        std::thread::spawn(move || listeners.hear_all(reader));
        match greeting.recv_timeout(BOOT_TIME) {
            Ok(Said::Hello) => {
                println!("vm: booted in {:.1} s", began.elapsed().as_secs_f64());
                Ok(machine)
            }
            Ok(Said::Broken(why)) => Err(why),
            Err(RecvTimeoutError::Timeout) => {
                let what = format!("the machine did not boot within {} s", BOOT_TIME.as_secs());
                Err(machine.complain(&what))
            }
            Ok(_) | Err(_) => Err(machine.complain("the machine did not boot")),
        }
    }

    /// Runs a program to its end, its output to `output` as it comes; gives back its exit code.
    pub(crate) fn run(&self, job: &Job, output: &mut dyn FnMut(&str)) -> Result<i32, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let news = self.listeners.listen(id);
        let run = Run {
            id,
            argv: job.argv.clone(),
            env: job.env.clone(),
        };
        let line = run.to_line();
        lock(&self.writer)
            .write_all(line.as_bytes())
            .map_err(|error| format!("cannot talk to the machine: {error}"))?;
        let deadline = Instant::now() + job.deadline;
        loop {
            match news.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Said::Output { text, .. }) => output(&text),
                Ok(Said::Ended { code, .. }) => return Ok(code),
                Ok(Said::Hello | Said::Broken(_)) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = job.deadline.as_secs();
                    let what = format!("{:?} did not end within {seconds} s", job.argv);
                    return Err(self.complain(&what));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.complain("the machine died"));
                }
            }
        }
    }

    /// What is wrong, with the end of the console.
    fn complain(&self, what: &str) -> String {
        let console = fs::read(self.scratch.path.join("console")).unwrap_or_default();
        let console = String::from_utf8_lossy(&console).replace('\r', "");
        let lines: Vec<&str> = console.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(CONSOLE_LINES)..)
            .unwrap_or_default();
        format!("{what}; its console ends:\n{}", tail.join("\n"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Nothing in it is kept, so nothing has to be shut down.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Listeners {
    fn listen(&self, id: u64) -> Receiver<Said> {
        let (sender, receiver) = channel();
        lock(&self.0).insert(id, sender);
        receiver
    }

    /// Hands out what the agent says until the machine is gone; then nobody hears anything more.
    fn hear_all(&self, reader: ChildStdout) {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            let Some(said) = Said::parse(&line) else {
                continue;
            };
            let (id, is_last) = match &said {
                Said::Hello | Said::Broken(_) => (0, true),
                Said::Output { id, .. } => (*id, false),
                Said::Ended { id, .. } => (*id, true),
            };
            let mut listeners = lock(&self.0);
            if let Some(listener) = listeners.get(&id) {
                // Who stopped listening does not want to know.
                let _ = listener.send(said);
            }
            if is_last {
                listeners.remove(&id);
            }
        }
        lock(&self.0).clear();
    }
}

fn command(
    scratch: &Scratch,
    kernel: &Path,
    root: &Path,
    cgroups: Cgroups,
) -> Result<Command, String> {
    let swap = scratch.path.join("swap");
    File::create(&swap)
        .and_then(|file| file.set_len(SWAP_BYTES))
        .map_err(|error| format!("cannot make {}: {error}", swap.display()))?;
    let drive = |path: &Path, options: &str| {
        format!("file={},if=virtio,format=raw,{options}", path.display())
    };
    let log = File::create(scratch.path.join("qemu"))
        .map_err(|error| format!("cannot make a log: {error}"))?;
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args([
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-machine",
        "q35",
    ])
    .args(["-smp", "2", "-m", "3072", "-nodefaults", "-no-reboot"])
    .args(["-display", "none", "-kernel"])
    .arg(kernel)
    .arg("-initrd")
    .arg(scratch.path.join("initramfs"))
    .args(["-append", &kernel_arguments(cgroups)])
    .args(["-drive", &drive(root, "snapshot=on")])
    .args([
        "-drive",
        &drive(&scratch.path.join("files.tar"), "readonly=on"),
    ])
    .args(["-drive", &drive(&swap, "cache=unsafe")])
    .arg("-serial")
    .arg(format!("file:{}", scratch.path.join("console").display()))
    .args(["-device", "virtio-serial-pci"])
    .args(["-chardev", "stdio,id=agent,signal=off", "-device"])
    .arg(format!("virtserialport,chardev=agent,name={PORT}"))
    // The snapshot of the root goes where the rest of this machine is.
    .env("TMPDIR", &scratch.path)
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(log);
    Ok(qemu)
}

fn kernel_arguments(cgroups: Cgroups) -> String {
    let unified = u8::from(cgroups == Cgroups::V2);
    let systemd =
        format!("systemd.unified_cgroup_hierarchy={unified} systemd.show_status=0 -- {START}");
    format!("console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 {systemd}")
}

/// How the machine's systemd mounts cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cgroups {
    /// v2 alone.
    V2,
    /// v1 with every controller, and v2 without any beside it.
    Hybrid,
}

impl Cgroups {
    /// The word by which tests know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::Hybrid => "hybrid",
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
