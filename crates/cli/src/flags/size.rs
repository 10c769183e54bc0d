//! Sizes and numbers of processors, as Docker writes them.

/// Bytes: a number with an optional unit `b`, `k`, `m`, `g`, `t` (of 1024; `kb` and `kib` too).
pub(crate) fn bytes(text: &str) -> Result<i64, String> {
    let wrong = || format!("invalid size {text:?}: expected a number with b, k, m, g or t");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    let thousandths = thousandths(digits.trim_end()).ok_or_else(wrong)?;
    let bytes = (u128::from(thousandths) << shift) / 1000;
    i64::try_from(bytes).map_err(|_| wrong())
}

/// Bytes, or -1 for unlimited.
pub(crate) fn bytes_or_unlimited(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { bytes(text) }
}

/// Processors, as `1.5`, in thousand-millionths.
pub(crate) fn cpus(text: &str) -> Result<i64, String> {
    let wrong = || format!("invalid number of CPUs {text:?}: expected a number such as 1.5");
    let thousandths = thousandths(text)
        .filter(|number| *number > 0)
        .ok_or_else(wrong)?;
    i64::try_from(thousandths)
        .ok()
        .and_then(|number| number.checked_mul(1_000_000))
        .ok_or_else(wrong)
}

/// A decimal number without sign or exponent, in thousandths; further digits are cut off.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        let expected = [
            ("1024", 1024),
            ("1b", 1),
            ("2k", 2048),
            ("512m", 512 << 20),
            ("1.5G", 3 << 29),
            ("1 GiB", 1 << 30),
            ("1TB", 1 << 40),
        ];
        for (text, value) in expected {
            assert_eq!(bytes(text), Ok(value), "{text}");
        }
        assert_eq!(bytes_or_unlimited("-1"), Ok(-1));
    }

    #[test]
    fn what_is_no_size_is_refused_by_name() {
        for text in ["", "m", "-1", "1x", "1mm", "1e3", ".5", "99999999t"] {
            let error = bytes(text).unwrap_err();
            assert!(
                error.starts_with(&format!("invalid size {text:?}")),
                "{error}"
            );
        }
    }

    #[test]
    fn processors_may_be_fractions() {
        assert_eq!(cpus("1.5"), Ok(1_500_000_000));
        assert_eq!(cpus("0.01"), Ok(10_000_000));
        for text in ["0", "", "-1", "many"] {
            assert!(cpus(text).is_err(), "{text}");
        }
    }
}
