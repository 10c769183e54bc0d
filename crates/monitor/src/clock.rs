//! Points in time as the documents write them: RFC 3339, UTC, up to nanoseconds. Formatting only.

use std::fmt;

use rustix::time::{ClockId, Timespec, clock_gettime};

const SECONDS_A_DAY: i64 = 86_400;

/// A point in time; its `Display` is Go's `RFC3339Nano`, which Docker writes: trailing zeros of
/// the fraction are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Since 1970.
    seconds: i64,
    /// 0 to 999,999,999.
    nanoseconds: i64,
}

impl Time {
    /// The wall clock's.
    pub fn now() -> Time {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
        Time {
            seconds: tv_sec,
            nanoseconds: tv_nsec,
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.seconds.div_euclid(SECONDS_A_DAY));
        let second = self.seconds.rem_euclid(SECONDS_A_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.nanoseconds != 0 {
            let (mut fraction, mut width) = (self.nanoseconds, 9);
            while fraction % 10 == 0 {
                fraction /= 10;
                width -= 1;
            }
            write!(f, ".{fraction:0width$}")?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar: years begin
/// in March, so that the leap day is the last, and 400 of them repeat (Howard Hinnant, "chrono-
/// compatible low-level date algorithms", `civil_from_days`).
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: i64, nanoseconds: i64) -> String {
        Time {
            seconds,
            nanoseconds,
        }
        .to_string()
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        // `date -u -d @N --iso-8601=seconds`
        assert_eq!(text(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(text(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(
            text(951_868_799, 999_999_999),
            "2000-02-29T23:59:59.999999999Z"
        );
        assert_eq!(text(951_868_800, 1), "2000-03-01T00:00:00.000000001Z");
        assert_eq!(text(1_735_689_599, 120_000_000), "2024-12-31T23:59:59.12Z");
        assert_eq!(text(4_107_542_399, 50_000), "2100-02-28T23:59:59.00005Z");
        assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00Z");
        assert_eq!(text(-1, 0), "1969-12-31T23:59:59Z");
    }
}
