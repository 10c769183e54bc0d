//! One more process in a running container. It is a child of the caller, who carries its streams.

use std::path::PathBuf;

use runtime::{ExecRequest, Process, Stdio};
use spec::runtime::User;
use store::Id;

use super::live::look;
use super::process::set;
use super::record::Record;
use super::status::Operation;
use super::{limits, oci_spec, plan, sharing, user};
use crate::events::{Event, note};
use crate::{Engine, Error};

/// What to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecConfig {
    /// Program and arguments.
    pub command: Vec<String>,
    /// `NAME=value`, over the container's.
    pub env: Vec<String>,
    /// The working directory; the container's without.
    pub working_dir: Option<PathBuf>,
    /// `user[:group]`; the container's without.
    pub user: Option<String>,
    /// Whether it gets a terminal.
    pub terminal: bool,
    /// All capabilities.
    pub privileged: bool,
}

/// A process that runs in a container beside its own.
#[derive(Debug)]
pub struct Exec {
    /// The process.
    pub process: Process,
    /// What is told of it.
    pub session: ExecSession,
}

/// What events call an [`Exec`].
#[derive(Debug)]
pub struct ExecSession {
    id: Id,
    record: Record,
}

impl ExecSession {
    fn event(&self, action: &str) -> Event {
        Event::of_container(&self.record, action).with("execID", self.id.as_str())
    }
}

impl Engine {
    /// Whether a process in the container `name` could write to our executable, so that only a
    /// sealed copy of it may enter.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`].
    pub fn exec_needs_seal(&self, name: &str) -> Result<bool, Error> {
        let record = self.find(name)?;
        let user = sharing::user_space(&record.config, &self.host)?;
        Ok(self.needs_seal(user))
    }

    /// Runs a process in a container. The caller must have a single thread.
    ///
    /// # Errors
    /// [`Error::Status`] unless the container runs; anything that keeps the program from running.
    pub fn exec(&self, name: &str, config: &ExecConfig, stdio: Stdio) -> Result<Exec, Error> {
        let record = self.find(name)?;
        let live = look(&self.paths, &record)?;
        live.status.require(Operation::Exec, &record.name)?;
        let process = self.exec_process(&record, config)?;
        let request = ExecRequest {
            root: &self.paths.run_containers(),
            id: &record.id,
            process: &process,
            stdio,
            preserve_fds: 0,
            pidfd_socket: None,
            cgroups: &[],
            filters: Some(&self.paths.filters()),
            ignore_paused: false,
            console_socket: None,
            trace: runtime::Trace::default(),
        };
        let process = match runtime::exec(request) {
            Ok(process) => process,
            Err(source) => {
                // It may have ended meanwhile, which is then the reason.
                let now = look(&self.paths, &record)?;
                now.status.require(Operation::Exec, &record.name)?;
                let name = record.name.clone();
                if now.pid != live.pid {
                    // Somebody started it again.
                    return Err(Error::Busy { name });
                }
                return Err(Error::Runtime { name, source });
            }
        };
        let session = ExecSession {
            id: Id::random(),
            record,
        };
        let command = config.command.join(" ");
        let events = ["exec_create", "exec_start"]
            .map(|action| session.event(&format!("{action}: {command}")));
        note(&self.paths, &events);
        Ok(Exec { process, session })
    }

    /// Writes down that a process ended with this exit code.
    pub fn exec_ended(&self, session: &ExecSession, code: i32) {
        let event = session.event("exec_die");
        note(&self.paths, &[event.with("exitCode", &code.to_string())]);
    }

    /// Writes down that nobody is with a process any more.
    pub fn exec_left(&self, session: &ExecSession) {
        note(&self.paths, &[session.event("exec_detach")]);
    }

    fn exec_process(
        &self,
        record: &Record,
        config: &ExecConfig,
    ) -> Result<spec::runtime::Process, Error> {
        let wanted = config.user.as_ref().or(record.process.user.as_ref());
        let files = user::Files::read(&plan::layers(record));
        let identity = user::resolve(wanted.map(String::as_str), &files)?
            .with_groups(&record.config.group_add, &files)?;
        let mut env = record.process.env.clone();
        if config.terminal {
            set(&mut env, "TERM=xterm");
        }
        for entry in &config.env {
            set(&mut env, entry);
        }
        let mut rights = record.config.clone();
        rights.privileged |= config.privileged;
        let cwd = config
            .working_dir
            .clone()
            .unwrap_or_else(|| record.process.cwd.clone());
        Ok(spec::runtime::Process {
            terminal: config.terminal,
            user: User {
                uid: identity.uid,
                gid: identity.gid,
                additional_gids: identity.groups,
                ..User::default()
            },
            args: config.command.clone(),
            env: oci_spec::environment(&env, &identity.home),
            cwd,
            capabilities: Some(oci_spec::capability_sets(&rights, identity.uid)?),
            rlimits: limits::rlimits(&record.config, &self.host)?.0,
            no_new_privileges: record.config.no_new_privileges,
            ..spec::runtime::Process::default()
        })
    }
}
