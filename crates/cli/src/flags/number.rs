//! Numbers, as values for clap: a refusal says what was expected, not how parsing went.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A number of a range.
pub(crate) fn within<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text: &str| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("expected a number from {least} to {most}"))
    }
}

/// A number from 0 on.
pub(crate) fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| "expected a number, 0 or more".to_owned())
}

/// A number that may be negative.
pub(crate) fn whole(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| "expected a whole number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_was_expected() {
        assert_eq!(within(2..=5)("5"), Ok(5));
        let expected = Err("expected a number from 2 to 5".to_owned());
        assert_eq!(within(2..=5)("6"), expected);
        assert_eq!(within(2..=5)("x"), expected);
        assert_eq!(count::<u32>("7"), Ok(7));
        assert!(count::<u32>("-1").is_err() && whole("1.5").is_err());
        assert_eq!(whole("-1"), Ok(-1));
    }
}
