//! Classic BPF, written from its end to its beginning: whatever is jumped to is there already, so
//! that every distance is known when a jump is written.
//!
//! Source: linux/filter.h, linux/bpf_common.h; seccomp(2). A conditional jump reaches 255
//! instructions; farther goes through an unconditional one.

use sys::seccomp::Instruction;

const LOAD_WORD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const RETURN: u16 = 0x06;

/// A comparison of the accumulator with a constant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compare {
    Equal = 0x15,
    Greater = 0x25,
    GreaterEqual = 0x35,
}

/// The farthest a conditional jump goes.
const REACH: usize = 255;

/// A place in the program, counted from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// A program that grows towards its beginning.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// The instructions, the last one first.
    code: Vec<Instruction>,
    /// Where each value was last returned.
    returns: Vec<(u32, Label)>,
}

impl Assembler {
    /// The finished program, which begins at the last label.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        self.code.reverse();
        self.code
    }

    /// Where to jump to for returning `value`.
    pub(super) fn returning(&mut self, value: u32) -> Label {
        let known = self.returns.iter_mut().find(|(known, _)| *known == value);
        // Some room, so that the jump to it does not need another instruction.
        let in_reach = |label: &Label| self.code.len() - label.0 < REACH / 2;
        match known {
            Some((_, label)) if in_reach(label) => *label,
            Some(entry) => {
                let label = push(&mut self.code, RETURN, 0, 0, value);
                entry.1 = label;
                label
            }
            None => {
                let label = push(&mut self.code, RETURN, 0, 0, value);
                self.returns.push((value, label));
                label
            }
        }
    }

    /// Compares the accumulator and goes on at `yes` or `no`.
    pub(super) fn branch(
        &mut self,
        compare: Compare,
        operand: u32,
        yes: Label,
        no: Label,
    ) -> Label {
        // The second trampoline moves the first one instruction away.
        let no = self.near(no, 1);
        let yes = self.near(yes, 0);
        let (jt, jf) = (self.distance(yes), self.distance(no));
        push(&mut self.code, compare as u16, jt, jf, operand)
    }

    /// Loads the word at `offset` of `struct seccomp_data`; what follows was written before.
    pub(super) fn load(&mut self, offset: u32) -> Label {
        push(&mut self.code, LOAD_WORD, 0, 0, offset)
    }

    /// Keeps only the bits of `mask` in the accumulator; what follows was written before.
    pub(super) fn mask(&mut self, mask: u32) -> Label {
        push(&mut self.code, AND, 0, 0, mask)
    }

    /// Sees to it that the instruction written last leads to `label`.
    pub(super) fn go_to(&mut self, label: Label) -> Label {
        if self.code.len() == label.0 + 1 {
            return label;
        }
        let distance = u32::try_from(self.code.len() - label.0 - 1).unwrap_or(u32::MAX);
        push(&mut self.code, JUMP, 0, 0, distance)
    }

    /// A place that a conditional jump reaches, `more` instructions from now.
    fn near(&mut self, label: Label, more: usize) -> Label {
        if self.code.len() + more - label.0 - 1 <= REACH {
            return label;
        }
        self.go_to(label)
    }

    fn distance(&self, label: Label) -> u8 {
        u8::try_from(self.code.len() - label.0 - 1).unwrap_or(u8::MAX)
    }
}

fn push(code: &mut Vec<Instruction>, operation: u16, jt: u8, jf: u8, k: u32) -> Label {
    code.push(Instruction {
        code: operation,
        jt,
        jf,
        k,
    });
    Label(code.len() - 1)
}
