//! A Rust file as the rules see it: its lines with comments and literals blanked out, which of
//! them are tests, and where its functions begin and end. A scanner, not a parser: it knows just
//! enough of the language to count braces.

/// One scanned file.
pub(super) struct Source<'a> {
    /// Relative to the workspace.
    pub(super) path: &'a str,
    /// The lines as written.
    pub(super) lines: Vec<&'a str>,
    /// The lines with every comment, string and character literal blanked out.
    pub(super) code: Vec<String>,
    /// For each line: does it belong to a test?
    pub(super) is_test: Vec<bool>,
}

/// A function: its name and its first and last line, counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) first: usize,
    pub(super) last: usize,
}

impl<'a> Source<'a> {
    /// Scans `text`, the content of the file `path`.
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let code: Vec<String> = blank(text).lines().map(str::to_owned).collect();
        let all = path.starts_with("tests/") || path.contains("/tests/") || is_tests_file(path);
        let mut is_test = vec![all; lines.len()];
        for (first, line) in code.iter().enumerate() {
            if line.trim_start().starts_with("#[cfg(test)]") || line.contains("#![cfg(test)]") {
                let last = end_of_item(&code, first);
                is_test[first..=last].fill(true);
            }
        }
        Source {
            path,
            lines,
            code,
            is_test,
        }
    }

    /// Every function with a body.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (first, line) in self.code.iter().enumerate() {
            let Some(name) = function_name(line) else {
                continue;
            };
            let last = end_of_item(&self.code, first);
            found.push(Function {
                name: name.to_owned(),
                first,
                last,
            });
        }
        found
    }
}

fn is_tests_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
}

/// The name after the word `fn`, when the line declares a function.
fn function_name(line: &str) -> Option<&str> {
    let at = line.find("fn ")?;
    let before = line[..at].trim_end();
    let is_word_border = line[..at].is_empty() || line[..at].ends_with([' ', '(']);
    if !is_word_border || before.ends_with(['=', ':', '<', '&', ',', '(']) {
        return None;
    }
    let name = &line[at + 3..];
    let end = name
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(name.len());
    (end > 0).then_some(&name[..end])
}

/// The last line of the item that starts at `first`: where its braces close, or its semicolon.
fn end_of_item(code: &[String], first: usize) -> usize {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (index, line) in code.iter().enumerate().skip(first) {
        for character in line.chars() {
            match character {
                '{' => braces += 1,
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets = brackets.saturating_sub(1),
                '}' if braces <= 1 => return index,
                '}' => braces -= 1,
                ';' if braces == 0 && brackets == 0 => return index,
                _ => {}
            }
        }
    }
    code.len().saturating_sub(1)
}

/// The text with comments and the insides of literals replaced by blanks; line ends stay.
fn blank(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = match characters[at] {
            '/' if characters.get(at + 1) == Some(&'/') => end_of_line(&characters, at),
            '/' if characters.get(at + 1) == Some(&'*') => end_of_block(&characters, at),
            '"' => end_of_string(&characters, at),
            '\'' => end_of_character(&characters, at),
            'r' if !follows_word(&characters, at) => end_of_raw_string(&characters, at),
            _ => at,
        };
        if end == at {
            out.push(characters[at]);
            at += 1;
        } else {
            out.extend(
                characters[at..end]
                    .iter()
                    .map(|&c| if c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

/// Is the character before `at` part of a word, other than the `b` or `c` of a literal's prefix?
fn follows_word(characters: &[char], at: usize) -> bool {
    let is_word = |index: usize| characters[index].is_alphanumeric() || characters[index] == '_';
    match at {
        0 => false,
        1 => is_word(0) && !matches!(characters[0], 'b' | 'c'),
        _ if matches!(characters[at - 1], 'b' | 'c') => is_word(at - 2),
        _ => is_word(at - 1),
    }
}

fn end_of_line(characters: &[char], at: usize) -> usize {
    let rest = characters[at..].iter().position(|&c| c == '\n');
    rest.map_or(characters.len(), |length| at + length)
}

fn end_of_block(characters: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut index = at;
    while index + 1 < characters.len() {
        match (characters[index], characters[index + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') if depth == 1 => return index + 2,
            ('*', '/') => depth -= 1,
            _ => {
                index += 1;
                continue;
            }
        }
        index += 2;
    }
    characters.len()
}

fn end_of_string(characters: &[char], at: usize) -> usize {
    let mut index = at + 1;
    while index < characters.len() {
        match characters[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    characters.len()
}

/// A character literal, or `at` itself when the quote starts a lifetime.
fn end_of_character(characters: &[char], at: usize) -> usize {
    let is_literal = characters.get(at + 1) == Some(&'\\') || characters.get(at + 2) == Some(&'\'');
    if !is_literal {
        return at;
    }
    let from = if characters.get(at + 1) == Some(&'\\') {
        at + 3
    } else {
        at + 2
    };
    let rest = characters
        .get(from..)
        .unwrap_or_default()
        .iter()
        .position(|&c| c == '\'');
    rest.map_or(characters.len(), |length| from + length + 1)
}

/// A raw string `r"…"` or `r#"…"#`, or `at` itself when there is none.
fn end_of_raw_string(characters: &[char], at: usize) -> usize {
    let hashes = characters[at + 1..]
        .iter()
        .take_while(|&&c| c == '#')
        .count();
    let quote = at + 1 + hashes;
    if characters.get(quote) != Some(&'"') {
        return at;
    }
    let mut index = quote + 1;
    while index < characters.len() {
        let closes = characters[index] == '"'
            && characters[index + 1..]
                .iter()
                .take(hashes)
                .filter(|&&c| c == '#')
                .count()
                == hashes;
        if closes {
            return index + 1 + hashes;
        }
        index += 1;
    }
    characters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let text = "let a = \"x // {\"; // b\nlet c = '{'; /* { /* { */ */ let d = r#\"{\"#;\n";
        let blanked = blank(text);
        assert!(!blanked.contains('{'), "{blanked}");
        assert!(blanked.contains("let d ="), "{blanked}");
        assert_eq!(blanked.lines().count(), 2);
    }

    #[test]
    fn lifetimes_and_escaped_quotes_do_not_open_a_literal() {
        let blanked = blank("fn f<'a>(s: &'a str) { g('\\'', b'\"', \"\\\"\", br\"\\\") }");
        assert!(
            blanked.starts_with("fn f<'a>(s: &'a str) { g("),
            "{blanked}"
        );
        assert!(blanked.ends_with(") }"), "{blanked}");
    }

    #[test]
    fn a_function_ends_where_its_braces_close() {
        let text =
            "fn a(\n    x: [u8; 4],\n) {\n    if x {\n    }\n}\n\nfn b() {}\ntrait T { fn c(); }\n";
        let functions = Source::new("crates/sys/src/a.rs", text).functions();
        let ends: Vec<_> = functions
            .iter()
            .map(|f| (f.name.as_str(), f.first, f.last))
            .collect();
        assert_eq!(ends, [("a", 0, 5), ("b", 7, 7), ("c", 8, 8)]);
    }

    #[test]
    fn function_types_are_not_functions() {
        assert_eq!(function_name("let f: fn (u8) = g;"), None);
        assert_eq!(
            function_name("pub(crate) const fn size() -> usize {"),
            Some("size")
        );
    }

    #[test]
    fn the_test_module_is_a_test_and_the_rest_is_not() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("crates/sys/src/a.rs", text);
        assert_eq!(source.is_test, [false, true, true, true, true, false]);
    }

    #[test]
    fn files_of_a_suite_are_tests() {
        assert!(Source::new("tests/suites/run.rs", "fn a() {}").is_test[0]);
        assert!(Source::new("crates/store/src/lock/tests.rs", "fn a() {}").is_test[0]);
    }
}
