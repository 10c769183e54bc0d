//! Durations, sizes and times as people read them, in Docker's words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long ago, or for how long.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, 2..48) => format!("{hours} hours"),
        (_, _, 48..336) => format!("{} days", hours / 24),
        (_, _, 336..1440) => format!("{} weeks", hours / 24 / 7),
        (_, _, 1440..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// How long ago a time was.
pub(crate) fn ago(time: &str) -> String {
    match since(time) {
        Some(elapsed) => format!("{} ago", duration(elapsed)),
        None => time.to_owned(),
    }
}

/// A time as Go prints it, which is what Docker's lists of images have:
/// `2026-11-23 12:00:00 +0000 UTC`.
pub(crate) fn utc(time: &str) -> String {
    in_seconds(time, |day, clock| format!("{day} {clock} +0000 UTC"))
}

/// A time without fractions of a second.
pub(crate) fn whole_seconds(time: &str) -> String {
    in_seconds(time, |day, clock| format!("{day}T{clock}Z"))
}

fn in_seconds(time: &str, form: impl Fn(&str, &str) -> String) -> String {
    let parts = time.get(..10).zip(time.get(11..19));
    match (parts, parse_rfc3339(time)) {
        (Some((day, clock)), Some(_)) => form(day, clock),
        _ => time.to_owned(),
    }
}

/// How long since a time; `None` when it is no time. The future counts as now.
pub(crate) fn since(time: &str) -> Option<Duration> {
    let time = parse_rfc3339(time)?;
    Some(SystemTime::now().duration_since(time).unwrap_or_default())
}

/// Bytes in units of 1000, with three digits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    in_units(bytes, 1000.0, 999.5, &UNITS, |value| match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    })
}

/// Bytes in units of 1024, with four digits.
pub(crate) fn binary_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    in_units(bytes, 1024.0, 1024.0, &UNITS, |value| match value {
        v if v < 10.0 => 3,
        v if v < 100.0 => 2,
        v if v < 1000.0 => 1,
        _ => 0,
    })
}

/// In the first unit of which there are less than `most`, each being `step` of the one before;
/// `decimals` says how many a number gets. No zeros at the end.
#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn in_units(
    bytes: u64,
    step: f64,
    most: f64,
    units: &[&str],
    decimals: impl Fn(f64) -> usize,
) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= most && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let decimals = if unit == 0 { 0 } else { decimals(value) };
    let text = format!("{value:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    let unit = units.get(unit).copied().unwrap_or_default();
    format!("{text}{unit}")
}

/// The time of day (UTC) at which something began that is this old, or the date when that was
/// another day.
pub(crate) fn clock_time(age: Duration) -> String {
    let began = SystemTime::now().checked_sub(age).unwrap_or(UNIX_EPOCH);
    let text = store::time::rfc3339(began);
    let range = if age < Duration::from_secs(86_400) {
        11..16
    } else {
        0..10
    };
    text.get(range).unwrap_or_default().to_owned()
}

/// The point in time that `2026-11-23T12:00:00.123456789Z` means; only UTC, as we write it.
pub(crate) fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = text.get(19..)?.strip_suffix('Z')?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    let nanos = match rest.strip_prefix('.') {
        Some(digits) => format!("{digits:0<9}").get(..9)?.parse().ok()?,
        None => 0,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Days since 1970-01-01 (Howard Hinnant's algorithm for the proleptic Gregorian calendar).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_dockers() {
        let words = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(words(0), "Less than a second");
        assert_eq!(words(59), "59 seconds");
        assert_eq!(words(61), "About a minute");
        assert_eq!(words(119 * 60), "2 hours");
        assert_eq!(words(3600), "About an hour");
        assert_eq!(words(47 * 3600), "47 hours");
        assert_eq!(words(3 * 86_400), "3 days");
        assert_eq!(words(15 * 86_400), "2 weeks");
        assert_eq!(words(90 * 86_400), "3 months");
        assert_eq!(words(800 * 86_400), "2 years");
    }

    #[test]
    fn sizes_have_three_digits() {
        let expected = [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.23kB"),
            (45_678_900, "45.7MB"),
            (999_900, "1MB"),
            (2_000_000_000, "2GB"),
        ];
        for (bytes, text) in expected {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn memory_has_four_digits() {
        let expected = [
            (0, "0B"),
            (1536, "1.5KiB"),
            (64 << 20, "64MiB"),
            (1_234_567_890, "1.15GiB"),
        ];
        for (bytes, text) in expected {
            assert_eq!(binary_size(bytes), text);
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        let now = SystemTime::now();
        assert_eq!(parse_rfc3339(&store::time::rfc3339(now)), Some(now));
        for text in [
            "",
            "2026",
            "2026-11-23T12:00:00+01:00",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
