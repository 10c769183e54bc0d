//! Why the kernel does not execute a file that is there and may be executed.
//!
//! Source: execve(2), "Errors"; the kernel's fs/binfmt_elf.c and fs/binfmt_script.c.

use crate::{elf, script};

/// As many bytes from the beginning of a file as [`flaw`] needs: the headers of an ELF file with the
/// name of its loader, or the first line of a script.
pub const HEAD: usize = 4096;

/// The kernel's answers that tell of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `ENOENT`, though the file is there: what it is run with is not.
    Missing,
    /// `ENOEXEC`: it is no program that this machine runs.
    Format,
}

/// What is wrong with a file that begins with `head`, as a clause; `None` when nothing of it says
/// why. `machine` is the number that ELF files for this machine have.
pub fn flaw(head: &[u8], answer: Answer, machine: u16) -> Option<String> {
    if head.is_empty() {
        return Some("the file is empty".to_owned());
    }
    match answer {
        Answer::Missing if head.starts_with(b"#!") => missing_interpreter(head),
        Answer::Missing => {
            let loader = elf::loader(head)?;
            Some(format!(
                "it is dynamically linked, and its loader {} is missing",
                loader.display()
            ))
        }
        Answer::Format => foreign(head, machine),
    }
}

fn missing_interpreter(head: &[u8]) -> Option<String> {
    let line = head.split(|&byte| byte == b'\n').next()?;
    let path = script::interpreter(head)?.path;
    let path = path.display();
    Some(match line.ends_with(b"\r") {
        true => format!(
            "the script has Windows line ends (CRLF), so that the kernel looks for an interpreter \
             named \"{path}\\r\""
        ),
        false => format!("it is a script, and its interpreter {path} is missing"),
    })
}

fn foreign(head: &[u8], machine: u16) -> Option<String> {
    if let [0x7f, b'E', b'L', b'F', _, order, ..] = head {
        let bytes: [u8; 2] = head.get(18..20)?.try_into().ok()?;
        let number = match order {
            2 => u16::from_be_bytes(bytes),
            _ => u16::from_le_bytes(bytes),
        };
        if number == machine {
            return Some("it is a damaged program".to_owned());
        }
        let (theirs, ours) = (name(number), name(machine));
        return Some(format!(
            "it is a program for {theirs}, and this machine is {ours}"
        ));
    }
    if head.starts_with(b"#!") {
        return Some("it is a script whose first line names no interpreter".to_owned());
    }
    let is_text = head
        .iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    Some(match is_text {
        true => "it is a text without a first line such as #!/bin/sh".to_owned(),
        false => "it is no program that the kernel knows".to_owned(),
    })
}

/// What a machine is called, by its number in ELF files.
fn name(machine: u16) -> String {
    let name = match machine {
        3 => "i386",
        8 => "mips",
        20 => "ppc",
        21 => "ppc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv",
        258 => "loongarch",
        other => return format!("machine number {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let told = |head: &[u8], answer| flaw(head, answer, 62).unwrap();
        let crlf = told(b"#!/bin/sh\r\necho\r\n", Answer::Missing);
        assert!(
            crlf.contains("CRLF") && crlf.contains("/bin/sh\\r"),
            "{crlf}"
        );
        let none = told(b"#!/bin/bash -e\n", Answer::Missing);
        assert!(none.contains("interpreter /bin/bash is missing"), "{none}");
        assert!(told(b"", Answer::Format).contains("empty"));
        assert!(told(b"echo hello\n", Answer::Format).contains("#!/bin/sh"));
        assert!(told(b"\x01\x02\xff", Answer::Format).contains("no program"));
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[18] = 183;
        let foreign = told(&elf, Answer::Format);
        assert!(
            foreign.contains("for aarch64") && foreign.contains("is x86_64"),
            "{foreign}"
        );
    }

    #[test]
    fn a_missing_loader_is_named() {
        let Ok(mut head) = std::fs::read("/bin/ls") else {
            println!("skipped: needs /bin/ls");
            return;
        };
        head.truncate(HEAD);
        let told = flaw(&head, Answer::Missing, 62).unwrap();
        assert!(told.contains("/ld-"), "{told}");
    }
}
