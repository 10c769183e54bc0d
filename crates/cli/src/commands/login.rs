//! `wharf login` and `wharf logout`: who we are to a registry.

use std::io::{BufRead, IsTerminal, Read};
use std::os::fd::AsFd;

use image::registry::Credentials;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::context::Context;
use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::flags::registry::RegistryFlags;
use crate::output;

/// Log in to a registry
#[derive(Debug, clap::Parser)]
#[command(name = "login")]
pub(crate) struct Args {
    /// Name
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// Password; other users of the machine see it
    #[arg(
        short,
        long,
        value_name = "PASSWORD",
        conflicts_with = "password_stdin"
    )]
    password: Option<String>,
    /// Take the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// How registries are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// The registry; Docker's without
    #[arg(value_name = "SERVER", default_value = "docker.io")]
    server: String,
}

/// Log out from a registry
#[derive(Debug, clap::Parser)]
#[command(name = "logout")]
pub(crate) struct LogoutArgs {
    /// How registries are reached
    #[command(flatten)]
    registry: RegistryFlags,
    /// The registry; Docker's without
    #[arg(value_name = "SERVER", default_value = "docker.io")]
    server: String,
}

/// Runs the verb.
pub(crate) fn login(args: Args, context: &Context) -> Result<i32, Failure> {
    let settings = args.registry.settings(context);
    let server = server(&args.server);
    let user = match args.username {
        Some(user) => user,
        None => {
            let known = settings.known_user(server).map_err(failure)?;
            ask("Username", known.as_deref(), false)?
        }
    };
    let password = match (args.password, args.password_stdin) {
        (Some(password), _) => {
            output::warning(
                "a password on the command line is seen by others: use --password-stdin",
            );
            password
        }
        (None, true) => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::usage(format!("reading the password: {error}")))?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        (None, false) => ask("Password", None, true)?,
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::usage("a name and a password are needed"));
    }
    settings
        .login(server, Credentials::Password { user, password })
        .map_err(failure)?;
    output::print("Login Succeeded\n");
    Ok(0)
}

/// Runs the verb.
pub(crate) fn logout(args: &LogoutArgs, context: &Context) -> Result<i32, Failure> {
    let server = server(&args.server);
    let settings = args.registry.settings(context);
    let text = match settings.logout(server).map_err(failure)? {
        true => format!("Removing login credentials for {server}\n"),
        false => format!("Not logged in to {server}\n"),
    };
    output::print(&text);
    Ok(0)
}

fn failure(error: image::registry::Error) -> Failure {
    Failure::usage(sentence(&error))
}

/// The registry without what people copy from a browser.
fn server(text: &str) -> &str {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    match text.split('/').next().unwrap_or(text) {
        "index.docker.io" | "registry-1.docker.io" | "hub.docker.com" => "docker.io",
        host => host,
    }
}

/// Asks at the terminal; a secret is not shown.
fn ask(what: &str, default: Option<&str>, secret: bool) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask at: use --username and --password-stdin",
        ));
    }
    let hint = default.map_or_else(String::new, |default| format!(" ({default})"));
    output::stderr_bytes(format!("{what}{hint}: ").as_bytes());
    let before = tcgetattr(stdin.as_fd());
    if let (true, Ok(before)) = (secret, &before) {
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // A terminal that cannot hide it shows it.
        let _ = tcsetattr(stdin.as_fd(), OptionalActions::Flush, &hidden);
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if let (true, Ok(before)) = (secret, &before) {
        let _ = tcsetattr(stdin.as_fd(), OptionalActions::Flush, before);
        output::stderr_bytes(b"\n");
    }
    read.map_err(|error| Failure::usage(format!("reading the {what}: {error}")))?;
    let line = line.trim_end_matches(['\r', '\n']);
    Ok(match line.is_empty() {
        true => default.unwrap_or_default().to_owned(),
        false => line.to_owned(),
    })
}
