//! `oci spec`: a config.json to begin with.

use std::path::PathBuf;

use ::spec::runtime::{Config, Namespace, NamespaceType};

use super::main::Failure;

/// Write a new config.json.
#[derive(Debug, clap::Parser)]
#[command(name = "spec")]
pub(super) struct Args {
    /// The directory to write it to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// For a container of an ordinary user
    #[arg(long)]
    rootless: bool,
}

pub(super) fn spec(args: &Args) -> Result<i32, Failure> {
    let path = args.bundle.join("config.json");
    if path.exists() {
        return Err(Failure::usage(format!(
            "{} exists: remove it first",
            path.display()
        )));
    }
    let mut config = if args.rootless {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        ::spec::runtime::example_rootless(uid.as_raw(), gid.as_raw())
    } else {
        ::spec::runtime::example()
    };
    if !runtime::cgroup::is_only_v2() {
        without_cgroup_namespace(&mut config);
    }
    let text = serde_json::to_string_pretty(&config)
        .map_err(|error| Failure::usage(format!("writing {}: {error}", path.display())))?;
    std::fs::write(&path, text + "\n")
        .map_err(|error| Failure::usage(format!("writing {}: {error}", path.display())))?;
    Ok(0)
}

/// As with runc, where v1 is mounted: tools add the entry themselves when they want it.
fn without_cgroup_namespace(config: &mut Config) {
    if let Some(linux) = &mut config.linux {
        let is_other = |namespace: &Namespace| namespace.kind != NamespaceType::Cgroup;
        linux.namespaces.retain(is_other);
    }
}
