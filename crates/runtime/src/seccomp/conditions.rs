//! A condition on an argument as instructions. The kernel shows arguments as two words of 32 bits;
//! the high one is empty where a program has only 32 bits, and a value written for 64 bits (-1) is
//! then cut to what the argument can be.
//!
//! Source: seccomp(2), `struct seccomp_data`.

use spec::runtime::{Operator, SyscallArg};

use super::architecture::Architecture;
use super::assembler::{Assembler, Compare, Label};

/// The offset of the arguments in `struct seccomp_data`.
const ARGUMENTS: u32 = 16;

/// Where to go on.
#[derive(Clone, Copy)]
pub(super) struct Ways {
    pub(super) yes: Label,
    pub(super) no: Label,
}

impl Ways {
    fn swapped(self) -> Self {
        Self {
            yes: self.no,
            no: self.yes,
        }
    }
}

/// Where the words of an argument are.
#[derive(Clone, Copy)]
struct Place {
    /// None where programs have 32 bits.
    high: Option<u32>,
    low: u32,
}

impl Place {
    fn of(index: u32, architecture: Architecture) -> Self {
        let first = ARGUMENTS + 8 * index;
        let (high, low) = match architecture.is_big_endian() {
            true => (first, first + 4),
            false => (first + 4, first),
        };
        Self {
            high: architecture.is_wide().then_some(high),
            low,
        }
    }
}

/// Writes the test of one condition.
pub(super) fn write(
    assembler: &mut Assembler,
    architecture: Architecture,
    argument: &SyscallArg,
    ways: Ways,
) -> Label {
    let place = Place::of(argument.index, architecture);
    let value = argument.value;
    match argument.op {
        Operator::Equal => equal(assembler, place, value, ways),
        Operator::NotEqual => equal(assembler, place, value, ways.swapped()),
        Operator::MaskedEqual => masked(assembler, place, argument, ways),
        Operator::GreaterThan => order(assembler, place, value, Compare::Greater, ways),
        Operator::GreaterEqual => order(assembler, place, value, Compare::GreaterEqual, ways),
        Operator::LessThan => order(
            assembler,
            place,
            value,
            Compare::GreaterEqual,
            ways.swapped(),
        ),
        Operator::LessEqual => order(assembler, place, value, Compare::Greater, ways.swapped()),
    }
}

fn equal(assembler: &mut Assembler, place: Place, value: u64, ways: Ways) -> Label {
    let (value_high, value_low) = words(value);
    assembler.branch(Compare::Equal, value_low, ways.yes, ways.no);
    let low = assembler.load(place.low);
    let Some(high) = place.high else {
        return low;
    };
    assembler.branch(Compare::Equal, value_high, low, ways.no);
    assembler.load(high)
}

fn masked(assembler: &mut Assembler, place: Place, argument: &SyscallArg, ways: Ways) -> Label {
    let (mask_high, mask_low) = words(argument.value);
    // What the mask takes away cannot be asked for.
    let (value_high, value_low) = words(argument.value_two & argument.value);
    assembler.branch(Compare::Equal, value_low, ways.yes, ways.no);
    assembler.mask(mask_low);
    let low = assembler.load(place.low);
    let Some(high) = place.high else {
        return low;
    };
    assembler.branch(Compare::Equal, value_high, low, ways.no);
    assembler.mask(mask_high);
    assembler.load(high)
}

/// Whether the argument is greater; `compare` decides when the high words are the same.
fn order(
    assembler: &mut Assembler,
    place: Place,
    value: u64,
    compare: Compare,
    ways: Ways,
) -> Label {
    let (value_high, value_low) = words(value);
    assembler.branch(compare, value_low, ways.yes, ways.no);
    let low = assembler.load(place.low);
    let Some(high) = place.high else {
        return low;
    };
    let same = assembler.branch(Compare::Equal, value_high, low, ways.no);
    assembler.branch(Compare::Greater, value_high, ways.yes, same);
    assembler.load(high)
}

/// The high and the low word.
fn words(value: u64) -> (u32, u32) {
    let high = u32::try_from(value >> 32).unwrap_or_default();
    let low = u32::try_from(value & 0xFFFF_FFFF).unwrap_or_default();
    (high, low)
}
