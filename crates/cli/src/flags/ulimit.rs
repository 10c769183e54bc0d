//! `--ulimit`.

use spec::runtime::{RLIMIT_TYPES, Rlimit};

/// `NAME=SOFT[:HARD]`; -1 and `unlimited` are no limit.
pub(crate) fn ulimit(text: &str) -> Result<Rlimit, String> {
    let wrong = |why: &str| format!("invalid ulimit {text:?}: {why}");
    let (name, values) = text
        .split_once('=')
        .ok_or_else(|| wrong("expected NAME=SOFT[:HARD]"))?;
    let kind = format!("RLIMIT_{}", name.to_ascii_uppercase());
    if !RLIMIT_TYPES.contains(&kind.as_str()) {
        return Err(wrong(&format!("there is no limit {name:?}")));
    }
    let value = |text: &str| match text {
        "-1" | "unlimited" => Ok(u64::MAX),
        _ => text
            .parse()
            .map_err(|_| wrong("a limit is a number, -1 or unlimited")),
    };
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    Ok(Rlimit {
        kind,
        soft: value(soft)?,
        hard: value(hard)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_a_soft_and_a_hard_value() {
        let limit = ulimit("nofile=10:20").unwrap();
        assert_eq!(
            (limit.kind.as_str(), limit.soft, limit.hard),
            ("RLIMIT_NOFILE", 10, 20)
        );
        let limit = ulimit("core=-1").unwrap();
        assert_eq!((limit.soft, limit.hard), (u64::MAX, u64::MAX));
    }

    #[test]
    fn what_is_no_limit_is_refused_by_name() {
        assert!(
            ulimit("files=1")
                .unwrap_err()
                .contains("no limit \"files\"")
        );
        assert!(ulimit("nofile").unwrap_err().contains("NAME=SOFT"));
        assert!(ulimit("nofile=x").is_err());
    }
}
