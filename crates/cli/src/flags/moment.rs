//! Points in time, as Docker takes them: how long ago, a date, or seconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::duration::duration;
use crate::human::parse_rfc3339;

/// Reads a point in time.
pub(crate) fn moment(text: &str) -> Result<SystemTime, String> {
    let wrong = || {
        format!("invalid time {text:?}: expected 10m, 2026-01-31T12:00:00Z or seconds since 1970")
    };
    if let Ok(ago) = duration(text) {
        return SystemTime::now().checked_sub(ago).ok_or_else(wrong);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let since = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
        return UNIX_EPOCH.checked_add(since).ok_or_else(wrong);
    }
    // Without a zone it is UTC, as all our times.
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    parse_rfc3339(&whole).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_a_number_or_a_while_ago() {
        let noon = UNIX_EPOCH + Duration::from_secs(1_769_860_800);
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00",
            "1769860800",
        ] {
            assert_eq!(moment(text), Ok(noon), "{text}");
        }
        assert_eq!(moment("2026-01-31"), Ok(noon - Duration::from_secs(43_200)));
        let age = SystemTime::now()
            .duration_since(moment("1h").unwrap())
            .unwrap();
        assert!((3599..3660).contains(&age.as_secs()));
        assert!(moment("yesterday").unwrap_err().contains("\"yesterday\""));
    }
}
