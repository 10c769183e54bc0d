//! The relay with real processes, pipes and pseudo terminals. A monitor is played by the test,
//! word by word of its protocol.
//!
//! Signals go to a process, of which the test harness has another thread that would take them.
//! Tests about signals therefore run themselves again in a process that begins with them blocked.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitStatus, Stdio};

use monitor::protocol::{FRAME_MAX, FromClient, FromMonitor};
use runtime::Process;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::pipe;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use sys::signals::{SignalSet, unblock_all};

use super::*;

const FLAGS: OpenptFlags = OpenptFlags::RDWR
    .union(OpenptFlags::NOCTTY)
    .union(OpenptFlags::CLOEXEC);

/// Both sides of a new terminal.
fn terminal() -> (File, OwnedFd) {
    let master = openpt(FLAGS).unwrap();
    unlockpt(&master).unwrap();
    let slave = ioctl_tiocgptpeer(&master, FLAGS).unwrap();
    (File::from(master), slave)
}

fn set_size(terminal: impl AsFd, rows: u16, cols: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).unwrap();
}

fn is_raw(terminal: impl AsFd) -> bool {
    !tcgetattr(terminal)
        .unwrap()
        .local_modes
        .contains(LocalModes::ICANON)
}

fn process(mut command: Command, terminal: Option<OwnedFd>) -> Process {
    let pid = Pid::from_child(&command.spawn().unwrap());
    Process {
        pid,
        pidfd: pidfd_open(pid, PidfdFlags::empty()).unwrap(),
        terminal,
        sources: Vec::new(),
    }
}

/// A shell with pipes.
fn shell(script: &str) -> Child {
    shell_and_pidfd(script).0
}

fn shell_and_pidfd(script: &str) -> (Child, OwnedFd) {
    let (stdin, our_stdin) = pipe().unwrap();
    let (our_stdout, stdout) = pipe().unwrap();
    let (our_stderr, stderr) = pipe().unwrap();
    for ours in [&our_stdin, &our_stdout, &our_stderr] {
        rustix::io::fcntl_setfd(ours, rustix::io::FdFlags::CLOEXEC).unwrap();
    }
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    let process = process(command, None);
    let pidfd = process.pidfd.try_clone().unwrap();
    (
        Child::with_pipes(process, Some(our_stdin), our_stdout, our_stderr).unwrap(),
        pidfd,
    )
}

/// A shell that leads a session with a terminal.
fn shell_with_terminal(script: &str) -> Child {
    let (master, slave) = terminal();
    let mut command = Command::new("setsid");
    command.args(["--ctty", "sh", "-c", script]);
    command
        .stdin(slave.try_clone().unwrap())
        .stdout(slave.try_clone().unwrap())
        .stderr(slave);
    Child::with_terminal(process(command, Some(master.into()))).unwrap()
}

/// The user's side as files: what goes in, and where it comes out.
struct User {
    stdin: File,
    stdout: File,
    stderr: File,
}

impl User {
    fn new(input: &[u8]) -> User {
        let mut stdin = tempfile::tempfile().unwrap();
        stdin.write_all(input).unwrap();
        rewind(&mut stdin);
        let stdout = tempfile::tempfile().unwrap();
        User {
            stdin,
            stdout,
            stderr: tempfile::tempfile().unwrap(),
        }
    }

    fn options(&self) -> Options<'_> {
        Options {
            stdin: Some(self.stdin.as_fd()),
            stdout: self.stdout.as_fd(),
            stderr: self.stderr.as_fd(),
            terminal: false,
            makes_lines: false,
            detach_keys: None,
            proxy: None,
        }
    }

    fn output(mut self) -> (String, String) {
        (text(&mut self.stdout), text(&mut self.stderr))
    }
}

fn rewind(file: &mut File) {
    std::io::Seek::rewind(file).unwrap();
}

fn text(file: &mut File) -> String {
    rewind(file);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Reads from a terminal's master until `end` was seen.
fn read_until(master: &mut File, end: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(end) {
        let mut buffer = [0; 512];
        let count = master.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(seen).unwrap()
}

#[test]
fn a_process_outputs_are_kept_apart_and_its_code_is_returned() {
    let user = User::new(b"");
    let outcome = relay(&mut shell("echo out; echo err >&2; exit 3"), user.options()).unwrap();
    assert_eq!(outcome, Outcome::Exited(3));
    assert_eq!(user.output(), ("out\n".into(), "err\n".into()));
}

#[test]
fn input_of_any_size_arrives_and_its_end_too() {
    let input = "0123456789abcde\n".repeat(20_000);
    let user = User::new(input.as_bytes());
    assert_eq!(
        relay(&mut shell("cat; echo end"), user.options()).unwrap(),
        Outcome::Exited(0)
    );
    assert!(user.output().0 == input + "end\n");
}

#[test]
fn input_that_nobody_reads_is_no_error() {
    let user = User::new(&[b'x'; 300_000]);
    let outcome = relay(&mut shell("exec 0<&-; echo done"), user.options()).unwrap();
    assert_eq!(
        (outcome, user.output().0),
        (Outcome::Exited(0), "done\n".into())
    );
}

#[test]
fn a_process_left_behind_with_the_pipe_is_not_waited_for() {
    let user = User::new(b"");
    let outcome = relay(&mut shell("sleep 1000 & echo $!"), user.options()).unwrap();
    assert_eq!(outcome, Outcome::Exited(0));
    let left = user.output().0.trim().parse().unwrap();
    kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn when_nobody_reads_our_output_we_end_and_the_process_goes_on() {
    let user = User::new(b"");
    let (read_end, stdout) = pipe().unwrap();
    drop(read_end);
    let mut child = shell("echo out; read never");
    let options = Options {
        stdin: None,
        stdout: stdout.as_fd(),
        ..user.options()
    };
    assert_eq!(
        relay(&mut child, options).unwrap(),
        Outcome::Interrupted(13)
    );
    let rest = Options {
        stdin: Some(user.stdin.as_fd()),
        ..user.options()
    };
    assert_eq!(relay(&mut child, rest).unwrap(), Outcome::Exited(1));
}

/// A session, and the monitor's end of it.
fn session() -> (Session, OwnedFd) {
    let kind = SocketType::SEQPACKET;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
    (Session::new(ours).unwrap(), theirs)
}

#[test]
fn a_session_carries_what_the_monitor_says() {
    let (mut session, monitor) = session();
    let frames = [
        FromMonitor::Started { pid: 1 },
        FromMonitor::Stdout(b"out"),
        FromMonitor::Stderr(b"err"),
        FromMonitor::Exited { code: 5 },
    ];
    frames
        .iter()
        .for_each(|frame| frame.send(monitor.as_fd()).unwrap());
    let user = User::new(b"hello");
    assert_eq!(
        relay(&mut session, user.options()).unwrap(),
        Outcome::Exited(5)
    );
    assert_eq!(user.output(), ("out".into(), "err".into()));
    let mut buffer = vec![0; FRAME_MAX];
    let first = FromClient::receive(monitor.as_fd(), &mut buffer)
        .unwrap()
        .unwrap();
    assert_eq!(first, FromClient::Stdin(b"hello"));
}

#[test]
fn input_waits_for_a_monitor_that_has_no_room() {
    let (mut session, monitor) = session();
    let input = "0123456789abcde\n".repeat(40_000);
    let user = User::new(input.as_bytes());
    let thread = std::thread::spawn(move || {
        let (mut heard, mut buffer) = (Vec::new(), vec![0; FRAME_MAX]);
        loop {
            match FromClient::receive(monitor.as_fd(), &mut buffer)
                .unwrap()
                .unwrap()
            {
                FromClient::Stdin(bytes) => heard.extend_from_slice(bytes),
                FromClient::CloseStdin => break,
                other => panic!("{other:?}"),
            }
        }
        FromMonitor::Exited { code: 0 }
            .send(monitor.as_fd())
            .unwrap();
        heard
    });
    assert_eq!(
        relay(&mut session, user.options()).unwrap(),
        Outcome::Exited(0)
    );
    assert!(thread.join().unwrap() == input.as_bytes());
}

#[test]
fn a_monitor_that_hangs_up_or_fails_is_an_error_of_its_own() {
    let user = User::new(b"");
    let (mut first, monitor) = session();
    drop(monitor);
    assert!(matches!(
        relay(&mut first, user.options()),
        Err(Error::HungUp)
    ));
    let (mut second, monitor) = session();
    let failed = FromMonitor::Failed {
        exit_code: 127,
        message: "no such program".into(),
    };
    failed.send(monitor.as_fd()).unwrap();
    match relay(&mut second, user.options()) {
        Err(Error::NotStarted {
            exit_code: 127,
            message,
        }) => {
            assert_eq!(message, "no such program");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_terminal_is_raw_while_attached_and_put_back_afterwards() {
    let (mut user, slave) = terminal();
    set_size(&user, 31, 97);
    let watched = slave.try_clone().unwrap();
    let relaying = std::thread::spawn(move || {
        let mut child = shell_with_terminal("stty -echo; echo ready; read x; echo $x; stty size");
        let options = Options {
            stdin: Some(slave.as_fd()),
            stdout: slave.as_fd(),
            stderr: slave.as_fd(),
            terminal: true,
            makes_lines: false,
            detach_keys: Some(DetachKeys::default()),
            proxy: None,
        };
        relay(&mut child, options).unwrap()
    });
    read_until(&mut user, "ready\r\n");
    assert!(is_raw(&watched));
    user.write_all(b"typed\r").unwrap();
    assert_eq!(read_until(&mut user, "97\r\n"), "typed\r\n31 97\r\n");
    assert_eq!(relaying.join().unwrap(), Outcome::Exited(0));
    assert!(!is_raw(&watched));
}

#[test]
fn the_detach_keys_leave_the_process_running() {
    let (mut user, slave) = terminal();
    let (mut session, monitor) = session();
    let relaying = std::thread::spawn(move || {
        let options = Options {
            stdin: Some(slave.as_fd()),
            stdout: slave.as_fd(),
            stderr: slave.as_fd(),
            terminal: true,
            makes_lines: false,
            detach_keys: Some(DetachKeys::default()),
            proxy: None,
        };
        let outcome = relay(&mut session, options).unwrap();
        (outcome, is_raw(&slave))
    });
    let mut buffer = vec![0; FRAME_MAX];
    let size = FromClient::receive(monitor.as_fd(), &mut buffer)
        .unwrap()
        .unwrap();
    assert!(matches!(size, FromClient::Resize { .. }), "{size:?}");
    // Ctrl-C is a key like any other.
    user.write_all(b"ls\x03\x10").unwrap();
    let keys = FromClient::receive(monitor.as_fd(), &mut buffer)
        .unwrap()
        .unwrap();
    assert_eq!(keys, FromClient::Stdin(b"ls\x03"));
    user.write_all(b"\x11").unwrap();
    assert_eq!(relaying.join().unwrap(), (Outcome::Detached, false));
    let last = FromClient::receive(monitor.as_fd(), &mut buffer)
        .unwrap()
        .unwrap();
    assert_eq!(last, FromClient::Detach);
}

/// Tells a test that it runs again, alone in its process.
const ALONE: &str = "WHARF_TEST_ALONE";

/// Runs the test `name` again in a process whose other threads take no signals.
fn alone(name: &str, stdin: Stdio, stdout: Stdio) -> std::process::Child {
    SignalSet::all().block().unwrap();
    let name = format!("attach::tests::{name}");
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(ALONE, "1")
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Whether this is that process; this thread takes signals again, as a program does.
fn is_alone() -> bool {
    unblock_all().unwrap();
    std::env::var_os(ALONE).is_some()
}

fn own_options(terminal: bool) -> Options<'static> {
    Options {
        stdin: terminal.then(rustix::stdio::stdin),
        stdout: rustix::stdio::stdout(),
        stderr: rustix::stdio::stderr(),
        terminal,
        makes_lines: false,
        detach_keys: None,
        proxy: None,
    }
}

fn send(child: &std::process::Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn succeeded(mut child: std::process::Child) -> bool {
    child.wait().as_ref().is_ok_and(ExitStatus::success)
}

#[test]
fn without_a_terminal_signals_are_passed_on() {
    if is_alone() {
        let script = "trap 'kill $!; echo got; exit 9' USR1; sleep 1000 & echo ready; wait";
        let (mut child, target) = shell_and_pidfd(script);
        let mut proxy = |signal: i32| {
            pidfd_send_signal(&target, sys::signals::signal(signal).unwrap()).unwrap();
        };
        let options = Options {
            proxy: Some(&mut proxy),
            ..own_options(false)
        };
        assert_eq!(relay(&mut child, options).unwrap(), Outcome::Exited(9));
        return;
    }
    let (output, stdout) = pipe().unwrap();
    let name = "without_a_terminal_signals_are_passed_on";
    let child = alone(name, Stdio::null(), stdout.into());
    let mut output = File::from(output);
    read_until(&mut output, "ready\n");
    send(&child, Signal::USR1);
    read_until(&mut output, "got\n");
    assert!(succeeded(child));
}

#[test]
fn a_window_that_changes_changes_the_terminal() {
    if is_alone() {
        let script = "trap 'stty size; kill $!; exit 5' WINCH; sleep 1000 & echo ready; wait";
        let outcome = relay(&mut shell_with_terminal(script), own_options(true)).unwrap();
        assert_eq!(outcome, Outcome::Exited(5));
        return;
    }
    let (mut user, slave) = terminal();
    let name = "a_window_that_changes_changes_the_terminal";
    // The first size is none, which the process' terminal has anyway: no signal comes of it.
    let child = alone(name, slave.try_clone().unwrap().into(), slave.into());
    read_until(&mut user, "ready\r\n");
    set_size(&user, 23, 45);
    send(&child, Signal::WINCH);
    read_until(&mut user, "23 45\r\n");
    assert!(succeeded(child));
}

#[test]
fn a_signal_that_ends_us_finds_the_terminal_put_back() {
    if is_alone() {
        let mut child = shell_with_terminal("echo ready; read x");
        let outcome = relay(&mut child, own_options(true)).unwrap();
        assert_eq!(outcome, Outcome::Interrupted(15));
        return;
    }
    let (mut user, slave) = terminal();
    let name = "a_signal_that_ends_us_finds_the_terminal_put_back";
    let child = alone(
        name,
        slave.try_clone().unwrap().into(),
        slave.try_clone().unwrap().into(),
    );
    read_until(&mut user, "ready\r\n");
    assert!(is_raw(&slave));
    send(&child, Signal::TERM);
    assert!(succeeded(child));
    assert!(!is_raw(&slave));
}
