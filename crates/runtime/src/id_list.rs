//! Lists of processors and memory nodes as the kernel and `config.json` write them: `0-3,7`.

/// The largest number that a list may hold: far more than any machine has, and few enough that a
/// list cannot exhaust our memory.
const LAST: usize = 4095;

/// The numbers of a list, each once, in order.
///
/// # Errors
/// What is wrong with the list, as a clause that names it.
pub fn parse(text: &str) -> Result<Vec<usize>, String> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = number(first)
            .zip(number(last))
            .filter(|(first, last)| first <= last);
        let (first, last) = range
            .ok_or_else(|| format!("{text:?} is no list of numbers up to {LAST} such as 0-3,7"))?;
        numbers.extend(first..=last);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// The numbers as bits of words.
pub(crate) fn bits(numbers: &[usize]) -> Vec<u64> {
    let words = numbers.last().map_or(0, |last| last / 64 + 1);
    let mut bits = vec![0u64; words];
    for number in numbers {
        if let Some(word) = bits.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }
    bits
}

fn number(text: &str) -> Option<usize> {
    let number = text.trim().parse().ok()?;
    (number <= LAST).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_numbers_and_ranges() {
        assert_eq!(parse("0-3,7"), Ok(vec![0, 1, 2, 3, 7]));
        assert_eq!(parse("7,1-2,2"), Ok(vec![1, 2, 7]));
        for text in ["", "a", "3-1", "1,", "-1", "0-99999999999", "4096"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn bits_fill_as_many_words_as_are_needed() {
        assert_eq!(bits(&[0, 2, 64]), [5, 1]);
        assert!(bits(&[]).is_empty());
    }
}
