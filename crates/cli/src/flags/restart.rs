//! `--restart`.

use engine::RestartPolicy;

/// `no`, `always`, `unless-stopped` or `on-failure[:NUMBER]`.
pub(crate) fn policy(text: &str) -> Result<RestartPolicy, String> {
    let wrong = || {
        format!(
            "invalid restart policy {text:?}: expected no, always, unless-stopped or on-failure[:NUMBER]"
        )
    };
    match text.split_once(':').unwrap_or((text, "")) {
        ("no" | "", "") => Ok(RestartPolicy::No),
        ("always", "") => Ok(RestartPolicy::Always),
        ("unless-stopped", "") => Ok(RestartPolicy::UnlessStopped),
        ("on-failure", "") => Ok(RestartPolicy::OnFailure { most: None }),
        ("on-failure", number) => {
            let most: u32 = number.parse().map_err(|_| wrong())?;
            Ok(RestartPolicy::OnFailure {
                most: Some(most).filter(|most| *most > 0),
            })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_dockers_words() {
        assert_eq!(
            policy("on-failure:3"),
            Ok(RestartPolicy::OnFailure { most: Some(3) })
        );
        assert_eq!(policy("always"), Ok(RestartPolicy::Always));
        for text in ["often", "always:3", "on-failure:x"] {
            assert!(policy(text).unwrap_err().contains(text), "{text}");
        }
    }
}
