//! An interpreter of the classic BPF that seccomp filters are made of: what the kernel would return
//! for a call. It knows nothing of how a filter was compiled.
//!
//! Source: linux/filter.h; seccomp(2), `struct seccomp_data`.

use sys::seccomp::Instruction;

/// A system call as a filter sees it.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Its number.
    pub number: u32,
    /// The kernel's value for the architecture.
    pub audit: u32,
    /// All six arguments, asked for or not.
    pub arguments: [u64; 6],
}

/// The bit of architectures whose low word comes first (linux/audit.h).
const LITTLE_ENDIAN: u32 = 0x4000_0000;

impl Call {
    /// `struct seccomp_data` in words of 32 bits; the instruction pointer is zero.
    fn words(&self) -> Vec<u32> {
        let mut words = vec![self.number, self.audit, 0, 0];
        for argument in self.arguments {
            let (low, high) = (argument as u32, (argument >> 32) as u32);
            match self.audit & LITTLE_ENDIAN {
                0 => words.extend([high, low]),
                _ => words.extend([low, high]),
            }
        }
        words
    }
}

/// What the filter returns, and how many instructions it took.
///
/// # Panics
/// When the program is none that the kernel would take.
pub fn run(program: &[Instruction], call: &Call) -> (u32, usize) {
    let data = call.words();
    let (mut pc, mut accumulator, mut steps) = (0usize, 0u32, 0usize);
    loop {
        let Instruction { code, jt, jf, k } = program[pc];
        pc += 1;
        steps += 1;
        let holds = match code {
            0x06 => return (k, steps),
            0x20 => {
                assert!(k.is_multiple_of(4), "an odd offset: {k}");
                accumulator = data[k as usize / 4];
                continue;
            }
            0x54 => {
                accumulator &= k;
                continue;
            }
            0x05 => {
                pc += k as usize;
                continue;
            }
            0x15 => accumulator == k,
            0x25 => accumulator > k,
            0x35 => accumulator >= k,
            0x45 => accumulator & k != 0,
            other => panic!("unknown instruction {other:#x}"),
        };
        pc += usize::from(if holds { jt } else { jf });
    }
}
