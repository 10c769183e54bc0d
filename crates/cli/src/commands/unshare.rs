//! `wharf unshare`: a program of the host in new namespaces, nothing else. A pid namespace gets a
//! fresh /proc, and nothing that the program started outlives it.

use runtime::UnshareRequest;
use spec::runtime::NamespaceType;

use crate::attach;
use crate::exit_code::Failure;

/// Run a program of the host in new namespaces.
#[derive(Debug, clap::Parser)]
#[command(name = "unshare")]
pub(crate) struct Args {
    /// New mount namespace
    #[arg(short, long)]
    mount: bool,
    /// New host and domain name
    #[arg(short, long)]
    uts: bool,
    /// New System V IPC and POSIX message queues
    #[arg(short, long)]
    ipc: bool,
    /// New network, with only lo
    #[arg(short, long)]
    net: bool,
    /// New process ids, with a fresh /proc
    #[arg(short, long)]
    pid: bool,
    /// New users: you become root inside
    #[arg(short = 'U', long)]
    user: bool,
    /// New cgroup root
    #[arg(short = 'C', long)]
    cgroup: bool,
    /// New clocks since the boot
    #[arg(short = 'T', long)]
    time: bool,
    /// The program and its arguments; your shell without one
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

/// Runs the verb.
pub(crate) fn run(args: Args, environment: Vec<(String, String)>) -> Result<i32, Failure> {
    let wanted = [
        (args.mount, NamespaceType::Mount),
        (args.uts, NamespaceType::Uts),
        (args.ipc, NamespaceType::Ipc),
        (args.net, NamespaceType::Network),
        (args.pid, NamespaceType::Pid),
        (args.user, NamespaceType::User),
        (args.cgroup, NamespaceType::Cgroup),
        (args.time, NamespaceType::Time),
    ];
    let namespaces: Vec<_> = wanted
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, kind)| *kind)
        .collect();
    if namespaces.is_empty() {
        return Err(Failure::usage(
            "say which namespaces shall be new: --mount, --uts, --ipc, --net, --pid, --user, --cgroup or --time",
        ));
    }
    run_bare(
        UnshareRequest {
            namespaces,
            args: args.command,
            ..Default::default()
        },
        environment,
    )
}

/// Runs the program in the foreground: signals are passed on, its exit code is ours.
pub(super) fn run_bare(
    mut request: UnshareRequest,
    environment: Vec<(String, String)>,
) -> Result<i32, Failure> {
    let shell = environment
        .iter()
        .find(|(name, _)| name == "SHELL")
        .map(|(_, shell)| shell);
    if request.args.is_empty() {
        request
            .args
            .push(shell.cloned().unwrap_or_else(|| "/bin/sh".to_owned()));
    }
    request.env = environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let process = runtime::unshare(&request).map_err(Failure::of_run)?;
    attach::wait_passing_signals(&process).map_err(Failure::of_run)
}
