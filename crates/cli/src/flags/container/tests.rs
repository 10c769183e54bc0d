//! From the words of a command line to a request.

use clap::Parser;
use engine::Seccomp;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    flags: ContainerFlags,
}

fn config(words: &[&str]) -> Result<ContainerConfig, String> {
    let line = Line::try_parse_from(std::iter::once(&"run").chain(words))
        .map_err(|error| error.to_string())?;
    let context = Context::new(vec![("A".into(), "own".into())], 0);
    line.flags
        .config(&context, true)
        .map_err(|failure| failure.message)
}

#[test]
fn the_first_word_is_the_image_and_the_rest_is_the_programs() {
    let config = config(&["-it", "--rm", "host", "sh", "-c", "id"]).unwrap();
    assert_eq!(config.root, Root::Image("host".into()));
    assert_eq!(config.command, ["sh", "-c", "id"]);
    assert!(config.terminal && config.open_stdin && config.stdin_once && config.auto_remove);
}

#[test]
fn with_a_directory_as_root_there_is_no_image() {
    let with = |more: &[&str]| {
        let words = [more, &["--rootfs", "/srv/root", "ls"]].concat();
        config(&words).unwrap()
    };
    let directory = |writable| Root::Directory {
        path: "/srv/root".into(),
        writable,
    };
    assert_eq!(with(&[]).root, directory(false));
    assert_eq!(with(&["--rootfs-rw"]).root, directory(true));
    assert_eq!(with(&[]).command, ["ls"]);
    assert!(config(&[]).unwrap_err().starts_with("an image is needed"));
}

#[test]
fn everything_that_can_be_said_arrives() {
    let words = "--name web -e A -e B=1 -w /srv -u 5:6 --hostname h -v /a:/b:ro --read-only \
                 -m 64m --memory-swap -1 --cpus 1.5 --pids-limit -1 --network host --userns host \
                 --cap-add NET_ADMIN --cap-drop ALL --init --security-opt seccomp=unconfined \
                 --ulimit nofile=1:2 --tmpfs /t --label a=b --stop-timeout 3 --log-driver none \
                 --time-offset boottime=-5 --entrypoint /e host x";
    let config = config(&words.split_whitespace().collect::<Vec<_>>()).unwrap();
    assert_eq!(config.env, ["A=own", "B=1"]);
    assert_eq!(config.resources.memory, Some(64 << 20));
    assert_eq!(config.resources.memory_swap, Some(-1));
    assert_eq!(config.resources.nano_cpus, Some(1_500_000_000));
    assert_eq!(config.namespaces.network, Sharing::Host);
    assert_eq!(config.namespaces.user, Sharing::Host);
    assert_eq!(config.entrypoint, Some(vec!["/e".to_owned()]));
    assert_eq!(config.seccomp, Seccomp::Unconfined);
    assert_eq!(config.log, engine::LogDriver::None);
    assert_eq!(config.time_offsets["boottime"].secs, -5);
    assert!(config.volumes[0].read_only && config.init && config.read_only);
}

#[test]
fn an_empty_entry_point_takes_the_images_away() {
    assert_eq!(
        config(&["--entrypoint", "", "host"]).unwrap().entrypoint,
        Some(Vec::new())
    );
    assert_eq!(config(&["host"]).unwrap().entrypoint, None);
}

#[test]
fn a_flag_that_makes_no_sense_is_refused_by_name() {
    assert!(config(&["-m", "12q", "host"]).unwrap_err().contains("12q"));
    assert!(
        config(&["--pid", "bridge", "host"])
            .unwrap_err()
            .contains("bridge")
    );
    assert!(
        config(&["--rootfs-rw", "host"])
            .unwrap_err()
            .contains("--rootfs <DIR>")
    );
}
