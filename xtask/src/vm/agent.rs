//! The agent in the machine, `__vm-agent`: runs what the host asks for over a virtio port, each
//! program in a thread, and says what became of it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::protocol::{Run, Said};
use super::storage;

/// The hidden task.
pub(crate) const AGENT: &str = "__vm-agent";

/// The port's name, given to qemu.
pub(super) const PORT: &str = "wharf.agent";

/// Serves until the host hangs up, and then switches the machine off.
pub(crate) fn agent() -> Result<bool, String> {
    let port = open_port()?;
    let copy = port.try_clone();
    let writer = Mutex::new(copy.map_err(|error| format!("cannot use the port: {error}"))?);
    let ready = storage::set_up().map_or_else(Said::Broken, |()| Said::Hello);
    say(&writer, &ready);
    std::thread::scope(|scope| {
        for line in BufReader::new(port).lines().map_while(Result::ok) {
            if let Some(run) = Run::parse(&line) {
                let writer = &writer;
                scope.spawn(move || serve(&run, writer));
            }
        }
        // Nobody listens any more, so nobody misses what still runs.
        let off = rustix::system::RebootCommand::PowerOff;
        rustix::system::reboot(off).map_err(|error| format!("cannot switch off: {error}"))
    })?;
    Ok(true)
}

/// The device is there once its module is loaded; its name appears a little later.
fn open_port() -> Result<File, String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(device) = find_port() {
            let opened = File::options().read(true).write(true).open(&device);
            return opened.map_err(|error| format!("cannot open {}: {error}", device.display()));
        }
        if Instant::now() > deadline {
            return Err(format!("there is no port {PORT}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn find_port() -> Option<PathBuf> {
    let mut ports = fs::read_dir("/sys/class/virtio-ports").ok()?.flatten();
    let is_ours = |port: &fs::DirEntry| {
        fs::read_to_string(port.path().join("name")).is_ok_and(|name| name.trim() == PORT)
    };
    let port = ports.find(is_ours)?;
    Some(PathBuf::from("/dev").join(port.file_name()))
}

fn serve(run: &Run, writer: &Mutex<File>) {
    let id = run.id;
    let ended = execute(run, &mut |text| say(writer, &Said::Output { id, text }));
    let code = ended.unwrap_or_else(|error| {
        let text = format!("cannot run {:?}: {error}\n", run.argv);
        say(writer, &Said::Output { id, text });
        127
    });
    say(writer, &Said::Ended { id, code });
}

/// Runs it with both outputs in one stream, in the order of writing.
fn execute(run: &Run, output: &mut dyn FnMut(String)) -> std::io::Result<i32> {
    let (mut reader, out) = std::io::pipe()?;
    let program = run.argv.first().map_or("", String::as_str);
    let mut command = Command::new(program);
    command
        .args(run.argv.iter().skip(1))
        .env_clear()
        .envs(run.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(out.try_clone()?)
        .stdout(out);
    let mut child = command.spawn()?;
    // It holds the pipe's other end, which would never end.
    drop(command);
    let mut buffer = [0; 8192];
    loop {
        let length = reader.read(&mut buffer)?;
        let Some(text) = buffer.get(..length).filter(|text| !text.is_empty()) else {
            break;
        };
        output(String::from_utf8_lossy(text).into_owned());
    }
    let status = child.wait()?;
    Ok(status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

fn say(writer: &Mutex<File>, said: &Said) {
    let mut writer = writer
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    // A host that hung up is noticed by whoever reads.
    let _ = writer.write_all(said.to_line().as_bytes());
}
