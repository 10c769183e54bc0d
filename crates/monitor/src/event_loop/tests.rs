//! The loop with real processes, real pipes and terminals, and clients on real sockets: a shell
//! stands for the container.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use runtime::Stdio;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use sys::signals::{SignalSet, signalfd};
use tempfile::TempDir;

use super::*;
use crate::config::{self, FileFormat, FileLog};
use crate::farewell::Farewell;
use crate::protocol::{FromMonitor, PAYLOAD_MAX};
use crate::{socket, streams};

/// How a shell is run below a monitor's loop.
#[derive(Clone, Copy, Default)]
struct Setting {
    terminal: bool,
    open_stdin: bool,
    stdin_once: bool,
}

/// A loop in a thread of its own, and the starter's end of its socket.
struct Monitored {
    scratch: TempDir,
    starter: Option<Client>,
    /// Hears of the container's end, before clients have taken everything.
    ended: Receiver<Exit>,
    thread: JoinHandle<()>,
}

impl Monitored {
    /// Runs `script`; `first` is what the starter said before.
    fn start(script: &str, setting: Setting, first: &[FromClient<'_>]) -> Monitored {
        let kind = SocketType::SEQPACKET;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        let starter = Client(ours);
        first.iter().for_each(|frame| starter.say(frame));
        let scratch = tempfile::Builder::new()
            .prefix("wharf-monitor-")
            .tempdir()
            .unwrap();
        let listener = socket::bind_in(scratch.path()).unwrap();
        let path = scratch.path().join("log");
        let log = Log::open(&config::Log::File(FileLog {
            path,
            format: FileFormat::Json,
            max_size: None,
            max_files: 1,
        }))
        .unwrap();
        let (process, streams) = spawn(script, setting);
        let (tell, ended) = channel();
        let thread = std::thread::spawn(move || {
            let mut event_loop = EventLoop::new(Setup {
                process: &process,
                streams,
                stdin_once: setting.stdin_once,
                listener,
                starter: Some(theirs),
                signals: signalfd(&SignalSet::of(&[])).unwrap(),
                memory: None,
                log: Some(log),
                health: None,
                witness: &|_| {},
            })
            .unwrap();
            let exit = event_loop.run().unwrap();
            let drained = event_loop.drain();
            assert!(drained.log_error.is_none());
            let mut farewell =
                Farewell::new(drained.clients, Some(drained.listener), drained.rests).unwrap();
            farewell.send_rests().unwrap();
            tell.send(exit).unwrap();
            let last = FromMonitor::Exited { code: exit.code() };
            farewell.tell(&last).unwrap();
            farewell.finish(&last).unwrap();
        });
        Monitored {
            scratch,
            starter: Some(starter),
            ended,
            thread,
        }
    }

    fn starter(&self) -> &Client {
        self.starter.as_ref().unwrap()
    }

    fn connect(&self) -> Client {
        Client(crate::connect(self.scratch.path()).unwrap())
    }

    /// Waits for the loop's end; what the log says then.
    fn end(self) -> String {
        drop(self.starter);
        self.thread.join().unwrap();
        let log = std::fs::read_to_string(self.scratch.path().join("log")).unwrap();
        let values = log.lines().map(|line| serde_json::from_str(line).unwrap());
        let text = values.map(|value: serde_json::Value| value["log"].as_str().unwrap().to_owned());
        text.collect()
    }
}

fn spawn(script: &str, setting: Setting) -> (Process, Streams) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    let (terminal, streams) = if setting.terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
        command.stdin(slave.try_clone().unwrap());
        command.stdout(slave.try_clone().unwrap()).stderr(slave);
        let streams = streams::terminal(&master, setting.open_stdin).unwrap();
        (Some(master), streams)
    } else {
        let (stdio, streams) = streams::pipes(setting.open_stdin).unwrap();
        let Stdio::Fds {
            stdin,
            stdout,
            stderr,
        } = stdio
        else {
            panic!("not pipes")
        };
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        (None, streams)
    };
    let pid = Pid::from_child(&command.spawn().unwrap());
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    (
        Process {
            pid,
            pidfd,
            terminal,
            sources: Vec::new(),
        },
        streams,
    )
}

/// A client as far as the protocol goes.
struct Client(OwnedFd);

/// All that a client was sent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    stdout: String,
    stderr: String,
    exit: Option<i32>,
}

impl Client {
    fn say(&self, frame: &FromClient<'_>) {
        frame.send(self.0.as_fd()).unwrap();
    }

    /// Adds the next frame to `heard`; false at the end.
    fn hear_one(&self, heard: &mut Heard) -> bool {
        let mut buffer = vec![0; FRAME_MAX];
        match FromMonitor::receive(self.0.as_fd(), &mut buffer).unwrap() {
            Some(FromMonitor::Stdout(text)) => heard.stdout += str::from_utf8(text).unwrap(),
            Some(FromMonitor::Stderr(text)) => heard.stderr += str::from_utf8(text).unwrap(),
            Some(FromMonitor::Exited { code }) => {
                heard.exit = Some(code);
                return false;
            }
            Some(other) => panic!("{other:?}"),
            None => return false,
        }
        true
    }

    fn hear_all(&self) -> Heard {
        let mut heard = Heard::default();
        while self.hear_one(&mut heard) {}
        heard
    }

    /// Waits until this much of standard output has come.
    fn hear_until(&self, text: &str) -> Heard {
        let mut heard = Heard::default();
        while !heard.stdout.contains(text) {
            assert!(self.hear_one(&mut heard), "{heard:?}");
        }
        heard
    }
}

const WATCH: FromClient<'_> = FromClient::Attach {
    stdin: false,
    stdout: true,
    stderr: true,
};
const TAKE_PART: FromClient<'_> = FromClient::Attach {
    stdin: true,
    stdout: true,
    stderr: true,
};
const INTERACTIVE: Setting = Setting {
    terminal: false,
    open_stdin: true,
    stdin_once: true,
};

fn heard(stdout: &str, stderr: &str, code: i32) -> Heard {
    Heard {
        stdout: stdout.into(),
        stderr: stderr.into(),
        exit: Some(code),
    }
}

#[test]
fn a_starter_that_attached_misses_nothing() {
    let monitored = Monitored::start(
        "echo out; echo err >&2; exit 7",
        Setting::default(),
        &[WATCH],
    );
    assert_eq!(monitored.starter().hear_all(), heard("out\n", "err\n", 7));
    let log = monitored.end();
    assert!(log == "out\nerr\n" || log == "err\nout\n", "{log}");
}

#[test]
fn who_does_not_attach_hears_of_the_end_alone() {
    let monitored = Monitored::start("read go", INTERACTIVE, &[TAKE_PART]);
    let waiter = monitored.connect();
    monitored.starter().say(&FromClient::Stdin(b"go\n"));
    assert_eq!(waiter.hear_all(), heard("", "", 0));
    assert_eq!(monitored.starter().hear_all(), heard("", "", 0));
    monitored.end();
}

#[test]
fn a_signal_is_reported_as_128_and_its_number() {
    let monitored = Monitored::start("kill -TERM $$", Setting::default(), &[WATCH]);
    assert_eq!(monitored.starter().hear_all().exit, Some(143));
    assert_eq!(monitored.ended.recv().unwrap(), Exit::Signal(15));
    monitored.end();
}

#[test]
fn output_without_clients_is_all_in_the_log() {
    let monitored = Monitored::start("seq 100000; printf last", Setting::default(), &[]);
    monitored.ended.recv().unwrap();
    let log = monitored.end();
    let expected: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(log == expected + "last", "{} bytes", log.len());
}

#[test]
fn a_line_that_an_output_ends_in_is_logged() {
    let script = "printf begun; exec 1>&- 2>&-; read x";
    let setting = Setting {
        open_stdin: true,
        ..Setting::default()
    };
    let attach = FromClient::Attach {
        stdin: true,
        stdout: true,
        stderr: false,
    };
    let monitored = Monitored::start(script, setting, &[attach]);
    monitored.starter().hear_until("begun");
    monitored.starter().say(&FromClient::Stdin(b"\n"));
    assert!(monitored.end().contains("begun"));
}

#[test]
fn input_arrives_and_ends_when_its_client_says_so() {
    let monitored = Monitored::start("cat; echo end", INTERACTIVE, &[TAKE_PART]);
    monitored.starter().say(&FromClient::Stdin(b"hello\n"));
    monitored.starter().say(&FromClient::CloseStdin);
    assert_eq!(monitored.starter().hear_all(), heard("hello\nend\n", "", 0));
    monitored.end();
}

#[test]
fn more_input_than_a_pipe_holds_arrives_in_order() {
    let monitored = Monitored::start("cat", INTERACTIVE, &[TAKE_PART]);
    let text: String = (1..=40_000).map(|number| format!("{number}\n")).collect();
    let socket = &monitored.starter().0;
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            for part in text.as_bytes().chunks(30_000) {
                while FromClient::Stdin(part).send(socket.as_fd()).is_err() {
                    std::thread::yield_now();
                }
            }
            while FromClient::CloseStdin.send(socket.as_fd()).is_err() {
                std::thread::yield_now();
            }
        });
        monitored.starter().hear_all().stdout
    });
    assert!(
        received == text,
        "{} of {} bytes",
        received.len(),
        text.len()
    );
    monitored.end();
}

#[test]
fn more_input_than_a_pipe_holds_may_come_before_the_start() {
    let part = [b'x'; PAYLOAD_MAX];
    let first = [
        TAKE_PART,
        FromClient::Stdin(&part),
        FromClient::Stdin(&part),
        FromClient::Stdin(&part),
        FromClient::Stdin(b"\n"),
    ];
    let monitored = Monitored::start("read x; echo ${#x}", INTERACTIVE, &first);
    let length = 3 * PAYLOAD_MAX;
    assert_eq!(
        monitored.starter().hear_all(),
        heard(&format!("{length}\n"), "", 0)
    );
    monitored.end();
}

#[test]
fn input_that_is_not_once_outlives_its_client() {
    let setting = Setting {
        stdin_once: false,
        ..INTERACTIVE
    };
    let mut monitored = Monitored::start("read a; read b; echo $a $b", setting, &[TAKE_PART]);
    monitored.starter().say(&FromClient::Stdin(b"one\n"));
    monitored.starter().say(&FromClient::CloseStdin);
    drop(monitored.starter.take());
    let second = monitored.connect();
    second.say(&TAKE_PART);
    second.say(&FromClient::Stdin(b"two\n"));
    assert_eq!(second.hear_all(), heard("one two\n", "", 0));
    monitored.end();
}

#[test]
fn input_that_is_once_ends_with_a_client_that_is_gone_but_not_with_one_that_detached() {
    let mut monitored = Monitored::start("cat; echo end", INTERACTIVE, &[TAKE_PART]);
    let witness = monitored.connect();
    witness.say(&TAKE_PART);
    // What the witness says shows that it has attached; two clients are not heard in order.
    witness.say(&FromClient::Stdin(b"here\n"));
    witness.hear_until("here\n");
    monitored.starter().say(&FromClient::Stdin(b"a\n"));
    witness.hear_until("a\n");
    monitored.starter().say(&FromClient::Detach);
    drop(monitored.starter.take());
    witness.say(&FromClient::Stdin(b"b\n"));
    witness.hear_until("b\n");
    drop(witness);
    monitored.ended.recv().unwrap();
    assert!(monitored.end().ends_with("end\n"));
}

#[test]
fn a_client_that_detached_and_is_gone_when_output_comes_leaves_the_input_open() {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (process, streams) = spawn("cat", INTERACTIVE);
    let mut event_loop = EventLoop::new(Setup {
        process: &process,
        streams,
        stdin_once: true,
        listener: socket::bind_in(scratch.path()).unwrap(),
        starter: Some(theirs),
        signals: signalfd(&SignalSet::of(&[])).unwrap(),
        memory: None,
        log: None,
        health: None,
        witness: &|_| {},
    })
    .unwrap();
    let client = Client(ours);
    client.say(&TAKE_PART);
    assert!(event_loop.hear(STARTER).unwrap());
    client.say(&FromClient::Detach);
    drop(client);
    event_loop.send_latest(STARTER, Stream::Stdout);
    event_loop.serve(STARTER).unwrap();
    assert!(event_loop.clients.get(STARTER).is_none());
    assert!(event_loop.stdin.is_open());
    event_loop.end_stdin().unwrap();
    assert!(!event_loop.stdin.is_open());
    assert_eq!(process.wait().unwrap(), Exit::Code(0));
}

#[test]
fn a_slow_client_gets_every_byte() {
    let monitored = Monitored::start("seq 300000", Setting::default(), &[WATCH]);
    let second = monitored.connect();
    second.say(&FromClient::Attach {
        stdin: false,
        stdout: false,
        stderr: true,
    });
    let expected: String = (1..=300_000).map(|number| format!("{number}\n")).collect();
    let slow = monitored.starter().hear_all();
    assert!(slow.stdout == expected, "{} bytes", slow.stdout.len());
    assert_eq!(second.hear_all(), heard("", "", 0));
    assert!(monitored.end() == expected);
}

#[test]
fn a_client_that_stopped_reading_does_not_hold_up_the_end() {
    let monitored = Monitored::start("read go; seq 40000", INTERACTIVE, &[TAKE_PART]);
    monitored.starter().say(&FromClient::Stdin(b"go\n"));
    assert_eq!(monitored.ended.recv().unwrap(), Exit::Code(0));
    let expected: String = (1..=40_000).map(|number| format!("{number}\n")).collect();
    let late = monitored.starter().hear_all();
    assert!(late.stdout == expected, "{} bytes", late.stdout.len());
    assert_eq!(late.exit, Some(0));
    assert!(monitored.end() == expected);
}

#[test]
fn a_client_that_dies_while_it_is_behind_sets_the_container_free() {
    let mut monitored = Monitored::start("seq 300000", Setting::default(), &[WATCH]);
    monitored.starter().hear_until("\n100\n");
    drop(monitored.starter.take());
    assert_eq!(monitored.ended.recv().unwrap(), Exit::Code(0));
    assert!(monitored.end().ends_with("\n300000\n"));
}

#[test]
fn nonsense_costs_its_sender_the_connection_and_nobody_else() {
    let monitored = Monitored::start("read go; echo $go", INTERACTIVE, &[TAKE_PART]);
    let confused = monitored.connect();
    rustix::net::send(&confused.0, b"\x00", rustix::net::SendFlags::empty()).unwrap();
    assert_eq!(confused.hear_all(), Heard::default());
    let presumptuous = monitored.connect();
    presumptuous.say(&FromClient::Stdin(b"mine\n"));
    assert_eq!(presumptuous.hear_all(), Heard::default());
    monitored.starter().say(&FromClient::Stdin(b"go\n"));
    assert_eq!(monitored.starter().hear_all(), heard("go\n", "", 0));
    monitored.end();
}

#[test]
fn more_clients_than_there_is_room_for_wait() {
    let monitored = Monitored::start("read go", INTERACTIVE, &[TAKE_PART]);
    let clients: Vec<Client> = (0..2 * Clients::MAX).map(|_| monitored.connect()).collect();
    for client in clients.iter().rev() {
        client.say(&FromClient::Detach);
    }
    for client in &clients {
        assert_eq!(client.hear_all(), Heard::default());
    }
    monitored.starter().say(&FromClient::Stdin(b"go\n"));
    assert_eq!(monitored.starter().hear_all(), heard("", "", 0));
    monitored.end();
}

#[test]
fn a_process_that_keeps_the_pipe_does_not_hold_up_the_end() {
    let monitored = Monitored::start("sleep 1000 & echo $!", Setting::default(), &[WATCH]);
    let all = monitored.starter().hear_all();
    let left = Pid::from_raw(all.stdout.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    assert_eq!(all.exit, Some(0));
    monitored.end();
}

#[test]
fn a_terminal_is_one_stream_with_a_size() {
    let setting = Setting {
        terminal: true,
        ..INTERACTIVE
    };
    let size = FromClient::Resize {
        rows: 33,
        cols: 111,
    };
    let script = "stty size; read line; stty size; echo error >&2";
    let monitored = Monitored::start(script, setting, &[TAKE_PART, size]);
    // The process may have looked before it was resized.
    monitored.starter().hear_until("\n");
    monitored
        .starter()
        .say(&FromClient::Resize { rows: 44, cols: 99 });
    monitored.starter().say(&FromClient::Stdin(b"x\n"));
    let all = monitored.starter().hear_all();
    assert!(all.stdout.ends_with("44 99\r\nerror\r\n"), "{all:?}");
    assert_eq!(all.stderr, "");
    monitored.end();
}

#[test]
fn a_terminal_that_everybody_closed_can_be_opened_again() {
    let script = "tty=$(tty); exec 0<&- 1>&- 2>&-; /bin/true; exec >$tty; echo again";
    let setting = Setting {
        terminal: true,
        ..Setting::default()
    };
    let monitored = Monitored::start(script, setting, &[WATCH]);
    assert_eq!(monitored.starter().hear_all(), heard("again\r\n", "", 0));
    monitored.end();
}
