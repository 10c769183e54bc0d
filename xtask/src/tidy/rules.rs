//! The rules over one Rust file. What each forbids is said in its message; why, in
//! CONTRIBUTING.md.

use super::Violation;
use super::levels;
use super::source::Source;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;
const DRAWERS: &[&str] = &[
    "util",
    "utils",
    "common",
    "helper",
    "helpers",
    "misc",
    "core_utils",
    "internal_types",
];

/// Where a rule about words holds.
#[derive(Clone, Copy)]
enum Scope {
    Everywhere,
    Tests,
    OutsideTests,
    /// Levels 0 to 2, tests apart.
    Below3,
    /// Everything but `crates/sys`.
    OutsideSys,
    /// `crates/`, but neither `sys` nor the two files that own the making of processes.
    OutsideInit,
}

/// Words that may not stand in code (comments and literals do not count).
struct Forbidden {
    words: &'static [&'static str],
    scope: Scope,
    problem: &'static str,
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        words: &["unsafe"],
        scope: Scope::OutsideSys,
        problem: "unsafe code belongs into crates/sys",
    },
    Forbidden {
        words: &["RawFd"],
        scope: Scope::OutsideSys,
        problem: "a raw descriptor has no owner; use OwnedFd or BorrowedFd",
    },
    Forbidden {
        words: &["clone3("],
        scope: Scope::OutsideInit,
        problem: "only runtime/src/init clones",
    },
    Forbidden {
        words: &["todo!", "unimplemented!", "dbg!", "#[ignore"],
        scope: Scope::Everywhere,
        problem: "unfinished work does not land",
    },
    Forbidden {
        words: &[".unwrap()", ".expect("],
        scope: Scope::OutsideTests,
        problem: "a failure is an error with a name, not a panic",
    },
    Forbidden {
        words: &["sleep("],
        scope: Scope::Tests,
        problem: "a test waits for the event itself, never for a time",
    },
    Forbidden {
        words: &[
            "println!",
            "print!",
            "eprintln!",
            "eprint!",
            "io::stdout",
            "io::stderr",
        ],
        scope: Scope::Below3,
        problem: "nothing below level 3 prints",
    },
    Forbidden {
        words: &[
            "env::var",
            "env::vars",
            "env::var_os",
            "env::vars_os",
            "env::set_var",
        ],
        scope: Scope::Below3,
        problem: "nothing below level 3 reads the environment; take it as a parameter",
    },
    Forbidden {
        words: &["process::exit"],
        scope: Scope::Below3,
        problem: "nothing below level 3 exits; return an error",
    },
    Forbidden {
        words: &["thread::spawn", "thread::scope", "thread::Builder"],
        scope: Scope::Below3,
        problem: "nothing below level 3 starts a thread; whoever clones is single-threaded",
    },
];

/// Every violation in one file.
pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut report = |line: usize, problem: String| {
        found.push(Violation {
            file: source.path.to_owned(),
            line: line + 1,
            problem,
        });
    };
    check_name(source, &mut report);
    check_doc(source, &mut report);
    check_sizes(source, &mut report);
    check_words(source, &mut report);
    check_marks(source, &mut report);
    check_allows(source, &mut report);
    check_mod_rs(source, &mut report);
    found
}

fn check_name(source: &Source, report: &mut impl FnMut(usize, String)) {
    let is_drawer = |part: &str| {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        DRAWERS.contains(&stem) || stem.ends_with("_impl")
    };
    if let Some(part) = source.path.split('/').find(|part| is_drawer(part)) {
        report(
            0,
            format!("'{part}' is a drawer; name the file after the one concept it holds"),
        );
    }
}

fn check_doc(source: &Source, report: &mut impl FnMut(usize, String)) {
    let first = source.lines.iter().find(|line| !line.trim().is_empty());
    if !first.is_some_and(|line| line.starts_with("//!")) {
        report(
            0,
            "a file starts with a //! line that says what lives in it".to_owned(),
        );
    }
}

fn check_sizes(source: &Source, report: &mut impl FnMut(usize, String)) {
    let length = source.is_test.iter().filter(|is_test| !**is_test).count();
    if length > FILE_LINES {
        report(
            0,
            format!("{length} lines without tests; the limit is {FILE_LINES}"),
        );
    }
    for function in source.functions() {
        let length = function.last - function.first + 1;
        if length > FUNCTION_LINES && !source.is_test[function.first] {
            let name = function.name;
            report(
                function.first,
                format!("fn {name} has {length} lines; the limit is {FUNCTION_LINES}"),
            );
        }
    }
}

fn check_words(source: &Source, report: &mut impl FnMut(usize, String)) {
    for (index, line) in source.code.iter().enumerate() {
        for rule in FORBIDDEN {
            let holds = applies(rule.scope, source.path, source.is_test[index]);
            let word = rule.words.iter().find(|word| contains_word(line, word));
            if let (true, Some(word)) = (holds, word) {
                report(index, format!("'{word}': {}", rule.problem));
            }
        }
    }
}

fn applies(scope: Scope, path: &str, is_test: bool) -> bool {
    let name = levels::crate_of(path);
    match scope {
        Scope::Everywhere => true,
        Scope::Tests => is_test,
        Scope::OutsideTests => !is_test,
        Scope::Below3 => !is_test && name.and_then(levels::level).is_some_and(|level| level < 3),
        Scope::OutsideSys => name != Some("sys"),
        Scope::OutsideInit => {
            name.is_some() && name != Some("sys") && !path.starts_with("crates/runtime/src/init/")
        }
    }
}

/// Does `word` stand in `line` by itself, not as a part of a longer word?
fn contains_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_word);
        let after = line[at + word.len()..].chars().next().is_some_and(is_word);
        !(before && word.starts_with(is_word) || after && word.ends_with(is_word))
    })
}

/// Marks of unfinished work hide in comments, so this one reads the lines as written.
fn check_marks(source: &Source, report: &mut impl FnMut(usize, String)) {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    for (index, line) in source.lines.iter().enumerate() {
        if let Some(mark) = marks.iter().find(|mark| contains_word(line, mark)) {
            report(index, format!("'{mark}': unfinished work does not land"));
        }
    }
}

/// `allow` needs a reason in the attribute itself, which may span several lines.
fn check_allows(source: &Source, report: &mut impl FnMut(usize, String)) {
    for (index, line) in source.code.iter().enumerate() {
        if !line.contains("#[allow(") && !line.contains("#![allow(") {
            continue;
        }
        let attribute = source.code[index..]
            .iter()
            .take_while(|line| !line.trim().is_empty());
        let mut lines = attribute.scan(false, |ended, line| {
            let before = *ended;
            *ended = *ended || line.contains(")]");
            (!before).then_some(line)
        });
        if !lines.any(|line| contains_word(line, "reason")) {
            report(index, "a lint is switched off without a reason".to_owned());
        }
    }
}

fn check_mod_rs(source: &Source, report: &mut impl FnMut(usize, String)) {
    if !source.path.ends_with("/mod.rs") {
        return;
    }
    let first = source
        .functions()
        .into_iter()
        .find(|function| !source.is_test[function.first]);
    if let Some(function) = first {
        report(
            function.first,
            format!("fn {} in a mod.rs, which holds no logic", function.name),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL_1: &str = "crates/image/src/layer.rs";

    fn problems(path: &str, text: &str) -> Vec<String> {
        let text = format!("//! A file.\n{text}");
        check(&Source::new(path, &text))
            .into_iter()
            .map(|v| v.problem)
            .collect()
    }

    fn fires(path: &str, text: &str, part: &str) {
        let found = problems(path, text);
        assert!(
            found.len() == 1 && found[0].contains(part),
            "{text}: {found:?}"
        );
    }

    fn passes(path: &str, text: &str) {
        let found = problems(path, text);
        assert!(found.is_empty(), "{text}: {found:?}");
    }

    #[test]
    fn a_missing_module_doc_fires() {
        let found = check(&Source::new(LEVEL_1, "use std::fs;\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].problem.contains("//!"));
    }

    #[test]
    fn unsafe_fires_outside_sys() {
        fires(LEVEL_1, "fn f() { unsafe { g() } }", "crates/sys");
        passes("crates/sys/src/clone.rs", "fn f() { unsafe { g() } }");
        passes(LEVEL_1, "// unsafe\nfn f() { g(\"unsafe\") }");
    }

    #[test]
    fn a_raw_descriptor_fires_and_its_traits_do_not() {
        fires(LEVEL_1, "struct A { fd: RawFd }", "raw descriptor");
        passes(LEVEL_1, "use std::os::fd::AsRawFd;");
    }

    #[test]
    fn cloning_fires_outside_init() {
        fires(
            "crates/engine/src/lib.rs",
            "fn f() { sys::clone::clone3(&a, b) }",
            "clones",
        );
        passes(
            "crates/runtime/src/init/parent.rs",
            "fn f() { clone3(&a, b) }",
        );
    }

    #[test]
    fn unfinished_work_fires() {
        fires(LEVEL_1, "fn f() { todo!() }", "todo!");
        fires(LEVEL_1, "fn f() { unimplemented!() }", "unimplemented!");
        fires(LEVEL_1, concat!("// TO", "DO: later"), "unfinished");
        fires(LEVEL_1, concat!("// FIX", "ME"), "unfinished");
        fires(
            LEVEL_1,
            "#[cfg(test)]\nmod tests {\n#[ignore = \"slow\"]\nfn f() {}\n}",
            "ignore",
        );
    }

    #[test]
    fn panics_fire_outside_tests() {
        fires(LEVEL_1, "fn f() { g().unwrap() }", "panic");
        fires(LEVEL_1, "fn f() { g().expect(\"a\") }", "panic");
        passes(LEVEL_1, "fn f() { g().unwrap_or(1) }");
        passes(
            LEVEL_1,
            "#[cfg(test)]\nmod tests {\nfn f() { g().unwrap() }\n}",
        );
    }

    #[test]
    fn sleeping_fires_in_tests_only() {
        fires(
            "tests/suites/run.rs",
            "fn f() { thread::sleep(second) }",
            "waits",
        );
        passes(LEVEL_1, "fn f() { thread::sleep(second) }");
    }

    #[test]
    fn printing_environment_exit_and_threads_fire_below_level_3() {
        for (text, part) in [
            ("fn f() { println!() }", "prints"),
            ("fn f() { eprint!() }", "prints"),
            ("fn f() { std::env::var(a) }", "environment"),
            ("fn f() { std::process::exit(1) }", "exits"),
            ("fn f() { std::thread::spawn(g) }", "thread"),
        ] {
            fires(LEVEL_1, text, part);
            passes("crates/cli/src/output.rs", text);
        }
    }

    #[test]
    fn drawers_fire() {
        for path in ["crates/image/src/utils.rs", "crates/image/src/common/a.rs"] {
            fires(path, "", "drawer");
        }
        fires("crates/image/src/layer_impl.rs", "", "drawer");
    }

    #[test]
    fn a_long_function_fires_outside_tests() {
        let body = "    g();\n".repeat(FUNCTION_LINES);
        fires(
            LEVEL_1,
            &format!("fn f() {{\n{body}}}"),
            "fn f has 72 lines",
        );
        passes("tests/suites/run.rs", &format!("fn f() {{\n{body}}}"));
    }

    #[test]
    fn a_long_file_fires_and_its_tests_do_not_count() {
        let lines = "use a;\n".repeat(FILE_LINES);
        fires(LEVEL_1, &lines, "601 lines");
        passes(LEVEL_1, &format!("#[cfg(test)]\nmod tests {{\n{lines}}}"));
    }

    #[test]
    fn an_allow_without_reason_fires() {
        fires(
            LEVEL_1,
            "#[allow(dead_code)]\nfn f() {}",
            "without a reason",
        );
        passes(
            LEVEL_1,
            "#[allow(\n    dead_code,\n    reason = \"used by C\"\n)]\nfn f() {}",
        );
    }

    #[test]
    fn logic_in_mod_rs_fires() {
        fires("crates/image/src/layer/mod.rs", "pub fn f() {}", "no logic");
        passes("crates/image/src/layer/mod.rs", "mod a;\npub use a::B;");
    }
}
