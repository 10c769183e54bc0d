//! `wharf nsenter`: a program of the host in chosen namespaces of a container.

use engine::EnterConfig;
use spec::runtime::NamespaceType;

use crate::context::Context;
use crate::exit_code::Failure;
use crate::{attach, sealed};

/// Run a program of the host in namespaces of a container
///
/// The program comes from the host, unless --mount is among the namespaces: then the container's
/// files are all there is. To debug a container that has no tools, see `wharf debug`.
#[derive(Debug, clap::Parser)]
#[command(name = "nsenter")]
pub(crate) struct Args {
    /// All namespaces
    #[arg(short, long)]
    all: bool,
    /// Its files; the program is the container's then
    #[arg(short, long)]
    mount: bool,
    /// Its host name
    #[arg(short, long)]
    uts: bool,
    /// Its shared memory and message queues
    #[arg(short, long)]
    ipc: bool,
    /// Its network
    #[arg(short, long)]
    net: bool,
    /// Its process ids; /proc stays the host's without --mount
    #[arg(short, long)]
    pid: bool,
    /// Its users: only the rights that its root has
    #[arg(short = 'U', long)]
    user: bool,
    /// Its cgroup root
    #[arg(short = 'C', long)]
    cgroup: bool,
    /// Its clocks
    #[arg(short = 'T', long)]
    time: bool,
    /// Name or id of the container, then the program and its arguments; your shell without one
    #[arg(
        value_name = "CONTAINER [COMMAND [ARG...]]",
        required = true,
        trailing_var_arg = true
    )]
    words: Vec<String>,
}

impl Args {
    fn namespaces(&self) -> Vec<NamespaceType> {
        let chosen = [
            (self.mount, NamespaceType::Mount),
            (self.uts, NamespaceType::Uts),
            (self.ipc, NamespaceType::Ipc),
            (self.net, NamespaceType::Network),
            (self.pid, NamespaceType::Pid),
            (self.user, NamespaceType::User),
            (self.cgroup, NamespaceType::Cgroup),
            (self.time, NamespaceType::Time),
        ];
        let chosen = chosen.into_iter().filter(|(on, _)| *on || self.all);
        chosen.map(|(_, kind)| kind).collect()
    }
}

/// Variables that a program gets where the container may look at them: how to find programs, and
/// what the terminal and the user speak.
const HARMLESS: [&str; 5] = ["PATH", "TERM", "COLORTERM", "LANG", "LC_ALL"];

/// Runs the verb.
pub(crate) fn nsenter(mut args: Args, context: &Context) -> Result<i32, Failure> {
    let namespaces = args.namespaces();
    if namespaces.is_empty() {
        return Err(Failure::usage(
            "say which namespaces to enter: --mount, --uts, --ipc, --net, --pid, --user, --cgroup, --time or --all",
        ));
    }
    let container = args.words.remove(0);
    let mut command = std::mem::take(&mut args.words);
    if command.is_empty() {
        let has_files = namespaces.contains(&NamespaceType::Mount);
        let shell = context.variable("SHELL").filter(|_| !has_files);
        command.push(shell.unwrap_or("/bin/sh").to_owned());
    }
    let stays_outside =
        !namespaces.contains(&NamespaceType::User) && rustix::process::geteuid().is_root();
    let variables = context.variables.iter();
    let env = variables.filter(|(name, _)| stays_outside || HARMLESS.contains(&name.as_str()));
    let config = EnterConfig {
        namespaces,
        command,
        env: env.map(|(name, value)| format!("{name}={value}")).collect(),
    };
    let engine = context.engine()?;
    if engine
        .exec_needs_seal(&container)
        .map_err(Failure::of_run)?
    {
        sealed::run_sealed()?;
    }
    let process = engine.enter(&container, &config).map_err(Failure::of_run)?;
    attach::wait_passing_signals(&process).map_err(Failure::of_run)
}
