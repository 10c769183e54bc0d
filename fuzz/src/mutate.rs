//! New inputs from old ones: the changes that find what a reader did not expect.

use crate::random::Random;

/// The longest input.
const LONGEST: usize = 16 * 1024;

/// Values at which lengths and counters break.
const EDGES: [&[u8]; 10] = [
    b"0",
    b"-1",
    b"9223372036854775808",
    b"18446744073709551616",
    b"077777777777",
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0\0\0\0\0",
    b"\xc3\x28",
    b"../../../../etc/passwd",
];

/// An input made of one of the corpus by a few changes, or of nothing at all.
pub(crate) fn make(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = match random.below(8) {
        0 => (0..random.below(4096))
            .map(|_| random.number() as u8)
            .collect(),
        _ => random.pick(corpus).cloned().unwrap_or_default(),
    };
    for _ in 0..=random.below(6) {
        change(random, &mut input, corpus);
    }
    input.truncate(LONGEST);
    input
}

fn change(random: &mut Random, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let (from, to) = span(random, input.len());
    match random.below(8) {
        0 => insert(input, from, &[random.number() as u8]),
        1 => drop(input.drain(from..to)),
        2 => {
            let piece = input[from..to].to_vec();
            insert(input, to, &piece);
        }
        3 => replace(
            input,
            from,
            to,
            random.pick(&EDGES).copied().unwrap_or_default(),
        ),
        4 => {
            let other = random.pick(corpus).cloned().unwrap_or_default();
            let (start, end) = span(random, other.len());
            replace(input, from, to, &other[start..end]);
        }
        5 => {
            let piece = input[from..to].to_vec();
            let (start, end) = span(random, input.len());
            replace(input, start, end, &piece);
        }
        _ => {
            if let Some(byte) = input.get_mut(from) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// A short stretch of an input, now and then a long one.
fn span(random: &mut Random, length: usize) -> (usize, usize) {
    let from = random.below(length + 1);
    let longest = if random.below(4) == 0 { length } else { 16 };
    let to = from + random.below(longest.min(length - from) + 1);
    (from, to)
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    replace(input, at, at, piece);
}

fn replace(input: &mut Vec<u8>, from: usize, to: usize, piece: &[u8]) {
    input.splice(from..to, piece.iter().copied());
}
