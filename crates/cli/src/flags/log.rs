//! `--log-driver` and `--log-opt`.

use engine::{LogDriver, Rotation};

use super::size;

/// The driver with its options.
pub(crate) fn driver(name: Option<&str>, options: &[String]) -> Result<LogDriver, String> {
    let name = name.unwrap_or("json-file");
    let wrong = |option: &str| format!("the log driver {name} has no option {option:?}");
    let (mut rotation, mut tag) = (Rotation::default(), None);
    for option in options {
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| format!("invalid log option {option:?}: expected NAME=VALUE"))?;
        match (name, key) {
            ("json-file" | "k8s-file", "max-size") => rotation.max_size = max_size(value)?,
            ("json-file" | "k8s-file", "max-file") => {
                let number = value.parse().ok().filter(|number| *number > 0);
                rotation.max_files = number
                    .ok_or_else(|| format!("invalid max-file {value:?}: expected 1 or more"))?;
            }
            ("journald", "tag") => tag = Some(value.to_owned()),
            // A file is always written before the next line is read.
            ("json-file" | "k8s-file", "mode") if value == "blocking" => {}
            _ => return Err(wrong(key)),
        }
    }
    let sets_files = options.iter().any(|option| option.starts_with("max-file="));
    if rotation.max_size.is_none() && sets_files && rotation.max_files > 1 {
        return Err("max-file needs max-size: without it no second file is begun".to_owned());
    }
    match name {
        "json-file" => Ok(LogDriver::JsonFile(rotation)),
        "k8s-file" => Ok(LogDriver::KubernetesFile(rotation)),
        "journald" => Ok(LogDriver::Journald { tag }),
        "none" => Ok(LogDriver::None),
        _ => Err(format!(
            "the log driver {name:?} is not supported: json-file, k8s-file, journald or none"
        )),
    }
}

/// Bytes; -1 for a single file without a limit.
fn max_size(value: &str) -> Result<Option<u64>, String> {
    if value == "-1" {
        return Ok(None);
    }
    let bytes = size::bytes(value).map_err(|why| format!("max-size: {why}"))?;
    let bytes = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    bytes
        .map(Some)
        .ok_or_else(|| format!("invalid max-size {value:?}: expected 1 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver_of(name: &str, options: &[&str]) -> Result<LogDriver, String> {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        driver(Some(name), &options)
    }

    #[test]
    fn logs_are_bounded_unless_said_otherwise() {
        let Ok(LogDriver::JsonFile(rotation)) = driver(None, &[]) else {
            panic!("no file");
        };
        assert_eq!((rotation.max_size, rotation.max_files), (Some(10 << 20), 3));
        let unbounded = driver_of("json-file", &["max-size=-1"]).unwrap();
        assert_eq!(unbounded.rotation().unwrap().max_size, None);
    }

    #[test]
    fn what_a_driver_does_not_have_is_named() {
        assert!(driver_of("syslog", &[]).unwrap_err().contains("\"syslog\""));
        assert!(
            driver_of("none", &["max-size=1m"])
                .unwrap_err()
                .contains("\"max-size\"")
        );
        assert!(driver_of("json-file", &["max-size=0"]).is_err());
        assert!(driver_of("json-file", &["max-file=0"]).is_err());
        assert!(driver_of("k8s-file", &["max-size=-1", "max-file=3"]).is_err());
    }
}
