//! Durations, as Go writes them: `5s`, `1m30s`, `100ms`.

use std::time::Duration;

/// A sequence of numbers, each with a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("invalid duration {text:?}: expected numbers with h, m, s, ms, us or ns");
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest == "0" {
        return Ok(total);
    }
    loop {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = next;
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_added() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "5", "s", "-5s", "5x", "5s3"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
