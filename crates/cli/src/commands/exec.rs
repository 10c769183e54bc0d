//! `wharf exec`: one more program in a running container, as a child of this process.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use engine::ExecConfig;
use runtime::{Process, Stdio};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::attach::{Child, Error, Options, Outcome, relay};
use crate::context::Context;
use crate::detach_keys::DetachKeys;
use crate::exit_code::Failure;
use crate::flags::environment;
use crate::{foreground, sealed};

/// Run one more program in a running container
#[derive(Debug, clap::Parser)]
#[command(name = "exec")]
pub(crate) struct Args {
    /// Do not stay with it
    #[arg(short, long)]
    detach: bool,
    /// Forward standard input
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Set a variable, NAME=VALUE or NAME to pass the own one on
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Set the variables of a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Working directory in the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// User and group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// All capabilities
    #[arg(long)]
    privileged: bool,
    /// Keys that leave it running; none when empty
    #[arg(long, value_name = "KEYS", value_parser = foreground::detach_keys)]
    detach_keys: Option<Option<DetachKeys>>,
    /// Name or id of the container, then the program and its arguments
    #[arg(
        value_name = "CONTAINER COMMAND [ARG...]",
        required = true,
        trailing_var_arg = true
    )]
    words: Vec<String>,
}

/// Runs the verb.
pub(crate) fn exec(mut args: Args, context: &Context) -> Result<i32, Failure> {
    if args.words.len() < 2 {
        return Err(Failure::usage(
            "a container and a command are needed\nSee 'wharf exec --help'.",
        ));
    }
    if args.detach && args.tty {
        return Err(Failure::usage(
            "a terminal that nobody stays with is not supported",
        ));
    }
    let wishes = foreground::Wishes {
        stdout: true,
        stderr: true,
        stdin: args.interactive,
        terminal: args.tty,
        detach_keys: None,
        proxy: true,
    };
    wishes.check()?;
    let container = args.words.remove(0);
    let env = environment::collect(&args.env_file, &args.env, &context.variables);
    let config = ExecConfig {
        command: std::mem::take(&mut args.words),
        env: env.map_err(Failure::usage)?,
        working_dir: args.workdir.take(),
        user: args.user.take(),
        terminal: args.tty,
        privileged: args.privileged,
    };
    let engine = context.engine()?;
    if engine
        .exec_needs_seal(&container)
        .map_err(Failure::of_run)?
    {
        sealed::run_sealed()?;
    }
    let run = |stdio| {
        engine
            .exec(&container, &config, stdio)
            .map_err(Failure::of_run)
    };
    if args.detach {
        run(nowhere().map_err(failed)?)?;
        return Ok(0);
    }
    let (exec, pipes) = if args.tty {
        (run(Stdio::Terminal)?, None)
    } else {
        let (theirs, ours) = pipes(args.interactive).map_err(failed)?;
        (run(theirs)?, Some(ours))
    };
    let outcome = stay(exec.process, pipes, &args)?;
    match outcome {
        Outcome::Exited(code) => engine.exec_ended(&exec.session, code),
        Outcome::Detached | Outcome::Interrupted(_) => engine.exec_left(&exec.session),
    }
    Ok(match outcome {
        Outcome::Exited(code) => code,
        Outcome::Detached => 0,
        Outcome::Interrupted(signal) => 128 + signal,
    })
}

fn failed(errno: Errno) -> Failure {
    Failure::of_run(Error::Io {
        operation: "making the program's streams",
        errno,
    })
}

/// Our ends of the program's streams.
struct Pipes {
    stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

/// Both ends. The program never gets the caller's own files, through which it could reach more
/// than them.
fn pipes(interactive: bool) -> Result<(Stdio, Pipes), Errno> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC);
    let ((stdout, their_stdout), (stderr, their_stderr)) = (pipe()?, pipe()?);
    let (their_stdin, stdin) = match interactive {
        true => pipe().map(|(theirs, ours)| (theirs, Some(ours)))?,
        false => (null()?, None),
    };
    let theirs = Stdio::Fds {
        stdin: their_stdin,
        stdout: their_stdout,
        stderr: their_stderr,
    };
    let ours = Pipes {
        stdin,
        stdout,
        stderr,
    };
    Ok((theirs, ours))
}

fn null() -> Result<OwnedFd, Errno> {
    rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

fn nowhere() -> Result<Stdio, Errno> {
    Ok(Stdio::Fds {
        stdin: null()?,
        stdout: null()?,
        stderr: null()?,
    })
}

fn stay(process: Process, pipes: Option<Pipes>, args: &Args) -> Result<Outcome, Failure> {
    let pidfd = process
        .pidfd
        .try_clone()
        .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    let child = match pipes {
        None => Child::with_terminal(process),
        Some(pipes) => Child::with_pipes(process, pipes.stdin, pipes.stdout, pipes.stderr),
    };
    let mut child = child.map_err(Failure::of_run)?;
    let mut proxy = |signal: i32| {
        if let Some(signal) = sys::signals::signal(signal) {
            // A program that has just ended needs no signal.
            let _ = rustix::process::pidfd_send_signal(&pidfd, signal);
        }
    };
    let (stdin, stdout, stderr) = (
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    );
    let options = Options {
        stdin: args.interactive.then(|| stdin.as_fd()),
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
        terminal: args.tty,
        makes_lines: false,
        detach_keys: args
            .detach_keys
            .clone()
            .unwrap_or_else(|| Some(DetachKeys::default())),
        proxy: Some(&mut proxy),
    };
    relay(&mut child, options).map_err(Failure::of_run)
}
