//! Docker's flag for its content trust, which is switched off there too unless somebody asks for
//! it. Signatures are demanded by `policy.json`.

/// What Docker takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ContentTrust {
    /// For the sake of Docker's scripts: signatures are demanded by policy.json
    #[arg(long = "disable-content-trust", value_name = "BOOL", action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = disabled)]
    _disabled: bool,
}

fn disabled(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        _ => Err(
            "Docker's content trust is not supported: let policy.json demand signatures".to_owned(),
        ),
    }
}
