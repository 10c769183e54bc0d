//! The keys that end an attachment and leave the container running: their grammar, and finding
//! them in what is typed. Who reads the keyboard is in `attach.rs`.

use std::str::FromStr;

/// What `--detach-keys` is when it is not given.
const DEFAULT: &[u8] = &[0x10, 0x11];

/// A sequence of keys, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys(Vec<u8>);

/// A key that is not in the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid detach key {key:?}: expected a character, DEL, or ctrl- with a letter or one of @[\\]^_"
)]
pub struct InvalidKey {
    key: String,
}

impl Default for DetachKeys {
    /// `ctrl-p,ctrl-q`, as Docker's.
    fn default() -> DetachKeys {
        DetachKeys(DEFAULT.to_vec())
    }
}

impl FromStr for DetachKeys {
    type Err = InvalidKey;

    /// Keys with commas in between, as Docker has them: a single character, `ctrl-` with a letter
    /// or one of `@[\]^_`, or `DEL`.
    fn from_str(text: &str) -> Result<DetachKeys, InvalidKey> {
        text.split(',')
            .map(key)
            .collect::<Result<_, _>>()
            .map(DetachKeys)
    }
}

fn key(text: &str) -> Result<u8, InvalidKey> {
    match (
        text.as_bytes(),
        text.strip_prefix("ctrl-").map(str::as_bytes),
    ) {
        (&[key], _) => Ok(key),
        // ascii(7): a control character is its letter without bits 5 and 6.
        (_, Some(&[key @ (b'a'..=b'z' | b'@' | b'['..=b'_')])) => Ok(key & 0x1F),
        (b"DEL", _) => Ok(0x7F),
        _ => Err(InvalidKey {
            key: text.to_owned(),
        }),
    }
}

/// Looks for the keys in a stream of input. Keys that may be the beginning of the sequence are
/// held back until the next one decides.
#[derive(Debug)]
pub(crate) struct Scanner {
    keys: DetachKeys,
    /// How many keys of the sequence were typed and are held back.
    held: usize,
}

impl Scanner {
    pub(crate) fn new(keys: DetachKeys) -> Scanner {
        Scanner { keys, held: 0 }
    }

    /// Appends to `passed` what of `input` is meant for the container; true when the sequence is
    /// complete, and whatever follows it is nobody's.
    pub(crate) fn scan(&mut self, input: &[u8], passed: &mut Vec<u8>) -> bool {
        for &byte in input {
            let mut typed = self.keys.0[..self.held].to_vec();
            typed.push(byte);
            // What is held back is the longest end of what was typed that the keys begin with.
            let free = (0..=typed.len()).find(|&from| self.keys.0.starts_with(&typed[from..]));
            let free = free.unwrap_or(typed.len());
            passed.extend_from_slice(&typed[..free]);
            self.held = typed.len() - free;
            if self.held == self.keys.0.len() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Vec<u8>, InvalidKey> {
        text.parse::<DetachKeys>().map(|keys| keys.0)
    }

    #[test]
    fn keys_are_written_as_in_docker() {
        assert_eq!(keys("ctrl-p,ctrl-q").unwrap(), DEFAULT);
        assert_eq!(keys("a,Z,DEL").unwrap(), [b'a', b'Z', 0x7f]);
        assert_eq!(
            keys("ctrl-a,ctrl-z,ctrl-@,ctrl-[,ctrl-\\").unwrap(),
            [1, 26, 0, 27, 28]
        );
        assert_eq!(keys("ctrl-],ctrl-^,ctrl-_").unwrap(), [29, 30, 31]);
    }

    #[test]
    fn other_keys_are_refused_by_name() {
        for (text, key) in [
            ("", ""),
            ("a,", ""),
            ("ctrl-", "ctrl-"),
            ("ctrl-A", "ctrl-A"),
        ] {
            assert_eq!(keys(text), Err(InvalidKey { key: key.into() }), "{text}");
        }
        assert!(keys("alt-p").is_err() && keys("\u{e9}").is_err() && keys("ctrl-`").is_err());
    }

    /// What passes of `input`, given one byte at a time and all at once.
    fn scanned(text: &str, input: &[u8]) -> (Vec<u8>, bool) {
        let mut whole = Vec::new();
        let found = Scanner::new(text.parse().unwrap()).scan(input, &mut whole);
        let (mut bytewise, mut scanner) = (Vec::new(), Scanner::new(text.parse().unwrap()));
        let found_bytewise = input
            .iter()
            .any(|&byte| scanner.scan(&[byte], &mut bytewise));
        assert_eq!((&whole, found), (&bytewise, found_bytewise));
        (whole, found)
    }

    #[test]
    fn a_sequence_ends_the_input_wherever_it_stands() {
        assert_eq!(scanned("ctrl-p,ctrl-q", b"\x10\x11"), (b"".into(), true));
        assert_eq!(
            scanned("ctrl-p,ctrl-q", b"ab\x10\x11cd"),
            (b"ab".into(), true)
        );
        assert_eq!(scanned("x", b"abx"), (b"ab".into(), true));
    }

    #[test]
    fn keys_held_back_are_passed_on_when_the_sequence_breaks() {
        assert_eq!(
            scanned("ctrl-p,ctrl-q", b"\x10a\x11"),
            (b"\x10a\x11".into(), false)
        );
        assert_eq!(
            scanned("ctrl-p,ctrl-q", b"\x10\x10\x11"),
            (b"\x10".into(), true)
        );
        assert_eq!(scanned("a,a,b", b"aaab"), (b"a".into(), true));
        assert_eq!(scanned("a,b,a,c", b"ababac"), (b"ab".into(), true));
    }

    #[test]
    fn the_last_keys_are_held_back_until_the_next() {
        let (passed, found) = scanned("ctrl-p,ctrl-q", b"ls\x10");
        assert_eq!((passed.as_slice(), found), (b"ls".as_slice(), false));
    }
}
