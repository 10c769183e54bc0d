//! From the text of a template to a tree. No value is looked at here.

use serde_json::Value;

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Text as it is.
    Text(String),
    /// The value of a pipe.
    Print(Pipe),
    /// A variable that is set, and prints nothing.
    Set(String, Pipe),
    /// A choice.
    If(Pipe, Vec<Node>, Vec<Node>),
    /// The dot moved, or the other branch.
    With(Pipe, Vec<Node>, Vec<Node>),
    /// Once for each element, with the names of key and value; or the other branch.
    Range(Vec<String>, Pipe, Vec<Node>, Vec<Node>),
}

/// Commands, each of which gets the value of the one before as its last argument.
pub(super) type Pipe = Vec<Command>;

/// A function or a value, and its arguments.
pub(super) type Command = Vec<Operand>;

/// One word of a command.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    /// `.`, `$`, `$name`, or a pipe in parentheses, and the fields after it.
    Path(Start, Vec<String>),
    /// A number, string, boolean or nil.
    Literal(Value),
    /// The name of a function.
    Function(String),
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Start {
    Dot,
    /// Without its dollar; empty for the whole value.
    Variable(String),
    Pipe(Pipe),
}

/// Words in an action.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name, with its dollar or leading dots: `len`, `$x.A`, `.A.B`, `.`.
    Word(String),
    Literal(Value),
    /// `|`, `(`, `)`, `,`, `:=` or `=`.
    Sign(&'static str),
}

const SIGNS: [&str; 6] = [":=", "|", "(", ")", ",", "="];

/// Reads a whole template.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser {
        pieces: pieces(text)?,
        at: 0,
    };
    let (nodes, end) = parser.block()?;
    match end {
        None => Ok(nodes),
        Some(word) => Err(format!("{{{{{word}}}}} that ends nothing")),
    }
}

/// Text and actions in turn.
#[derive(Debug)]
enum Piece {
    Text(String),
    Action(Vec<Token>),
}

fn pieces(mut text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut trims = false;
    while let Some((before, rest)) = text.split_once("{{") {
        let (before, rest) = match rest.strip_prefix("- ") {
            Some(rest) => (before.trim_end(), rest),
            None => (before, rest),
        };
        push_text(&mut pieces, before, trims);
        let end = end_of_action(rest).ok_or("an action is not closed by }}")?;
        let inside = &rest[..end];
        text = &rest[end + 2..];
        trims = inside.ends_with(" -");
        let inside = inside.strip_suffix(" -").unwrap_or(inside).trim();
        if !(inside.starts_with("/*") && inside.ends_with("*/")) {
            pieces.push(Piece::Action(tokens(inside)?));
        }
    }
    push_text(&mut pieces, text, trims);
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, trims: bool) {
    let text = if trims { text.trim_start() } else { text };
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Where `}}` stands outside of a string.
fn end_of_action(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match quote {
            Some('"') if is_escaped => is_escaped = false,
            Some('"') if character == '\\' => is_escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '`') => quote = Some(character),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' => string(rest)?,
            '`' => {
                let end = rest[1..].find('`').ok_or("a string is not closed")?;
                let value = Value::from(&rest[1..=end]);
                (Token::Literal(value), end + 2)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => word(rest)?,
            },
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// A string in double quotes, whose escapes are JSON's.
fn string(text: &str) -> Result<(Token, usize), String> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match stream.next() {
        Some(Ok(value)) => Ok((Token::Literal(value), stream.byte_offset())),
        _ => Err("a string is not closed, or has an unknown escape".to_owned()),
    }
}

fn word(text: &str) -> Result<(Token, usize), String> {
    let is_part = |c: char| c.is_alphanumeric() || "._$-+".contains(c);
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let word = &text[..length];
    let is_number = word
        .trim_start_matches(['-', '+'])
        .starts_with(|c: char| c.is_ascii_digit());
    let token = match word {
        "" => return Err(format!("unexpected {:?}", text.chars().next())),
        "true" | "false" => Token::Literal(Value::from(word == "true")),
        "nil" => Token::Literal(Value::Null),
        _ if is_number => {
            let number = serde_json::from_str(word).map_err(|_| format!("{word} is no number"))?;
            Token::Literal(number)
        }
        _ => Token::Word(word.to_owned()),
    };
    Ok((token, length))
}

struct Parser {
    pieces: Vec<Piece>,
    at: usize,
}

impl Parser {
    /// Everything up to `else` or `end`, whose words are given back, or the end of the text.
    fn block(&mut self) -> Result<(Vec<Node>, Option<String>), String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get_mut(self.at) {
            self.at += 1;
            let tokens = match std::mem::replace(piece, Piece::Text(String::new())) {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let keyword = match tokens.first() {
                Some(Token::Word(word)) => word.clone(),
                Some(_) => String::new(),
                None => return Err("an action is empty".to_owned()),
            };
            let rest = || tokens[1..].to_vec();
            match (keyword.as_str(), tokens.get(1)) {
                ("end" | "else", None) => return Ok((nodes, Some(keyword))),
                ("else", Some(Token::Word(word))) if word == "if" => {
                    // `else if` is an `if` in the other branch, which ends with the same `end`.
                    self.at -= 1;
                    self.pieces[self.at] = Piece::Action(rest());
                    return Ok((nodes, Some("else if".to_owned())));
                }
                ("if", _) => nodes.push(self.choice(Node::If, rest())?),
                ("with", _) => nodes.push(self.choice(Node::With, rest())?),
                ("range", _) => nodes.push(self.range(rest())?),
                _ => nodes.push(print_or_set(tokens)?),
            }
        }
        Ok((nodes, None))
    }

    fn choice(
        &mut self,
        make: impl Fn(Pipe, Vec<Node>, Vec<Node>) -> Node,
        tokens: Vec<Token>,
    ) -> Result<Node, String> {
        let pipe = pipe(&tokens)?;
        let (then, otherwise) = self.branches()?;
        Ok(make(pipe, then, otherwise))
    }

    fn range(&mut self, tokens: Vec<Token>) -> Result<Node, String> {
        let (names, tokens) = declared(&tokens)?;
        let pipe = pipe(tokens)?;
        let (body, otherwise) = self.branches()?;
        Ok(Node::Range(names, pipe, body, otherwise))
    }

    fn branches(&mut self) -> Result<(Vec<Node>, Vec<Node>), String> {
        let missing = || "a block without its {{end}}".to_owned();
        let (then, end) = self.block()?;
        match end.ok_or_else(missing)?.as_str() {
            "end" => Ok((then, Vec::new())),
            "else if" => {
                let Piece::Action(tokens) =
                    std::mem::replace(&mut self.pieces[self.at], Piece::Text(String::new()))
                else {
                    return Err(missing());
                };
                self.at += 1;
                Ok((then, vec![self.choice(Node::If, tokens[1..].to_vec())?]))
            }
            _ => match self.block()? {
                (otherwise, Some(end)) if end == "end" => Ok((then, otherwise)),
                _ => Err(missing()),
            },
        }
    }
}

/// The variables before `:=`, and what follows.
fn declared(tokens: &[Token]) -> Result<(Vec<String>, &[Token]), String> {
    let Some(at) = tokens.iter().position(|token| *token == Token::Sign(":=")) else {
        return Ok((Vec::new(), tokens));
    };
    let names = tokens[..at]
        .iter()
        .filter(|token| **token != Token::Sign(","));
    let names = names.map(|token| match token {
        Token::Word(word) if word.len() > 1 && word.starts_with('$') => Ok(word[1..].to_owned()),
        _ => Err("only a variable such as $x can be set".to_owned()),
    });
    Ok((names.collect::<Result<_, _>>()?, &tokens[at + 1..]))
}

fn print_or_set(tokens: Vec<Token>) -> Result<Node, String> {
    let tokens: Vec<Token> = tokens
        .into_iter()
        .map(|token| match token {
            Token::Sign("=") => Token::Sign(":="),
            other => other,
        })
        .collect();
    let (mut names, rest) = declared(&tokens)?;
    let pipe = pipe(rest)?;
    match names.pop() {
        None => Ok(Node::Print(pipe)),
        Some(name) if names.is_empty() => Ok(Node::Set(name, pipe)),
        Some(_) => Err("only range sets two variables".to_owned()),
    }
}

fn pipe(tokens: &[Token]) -> Result<Pipe, String> {
    let mut at = 0;
    let pipe = commands(tokens, &mut at, false)?;
    Ok(pipe)
}

fn commands(tokens: &[Token], at: &mut usize, is_inner: bool) -> Result<Pipe, String> {
    let mut pipe = Vec::new();
    let mut command = Vec::new();
    let full = |command: Command| match command.is_empty() {
        true => Err("a value is missing".to_owned()),
        false => Ok(command),
    };
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token {
            Token::Sign("|") => pipe.push(full(std::mem::take(&mut command))?),
            Token::Sign("(") => {
                let inner = commands(tokens, at, true)?;
                let mut fields = Vec::new();
                if let Some(Token::Word(word)) = tokens.get(*at)
                    && word.len() > 1
                    && word.starts_with('.')
                {
                    fields = split(&word[1..]);
                    *at += 1;
                }
                command.push(Operand::Path(Start::Pipe(inner), fields));
            }
            Token::Sign(")") if is_inner => {
                pipe.push(full(command)?);
                return Ok(pipe);
            }
            Token::Sign(sign) => return Err(format!("unexpected {sign:?}")),
            Token::Literal(value) => command.push(Operand::Literal(value.clone())),
            Token::Word(word) => command.push(operand(word)),
        }
    }
    match is_inner {
        true => Err("a parenthesis is not closed".to_owned()),
        false => {
            pipe.push(full(command)?);
            Ok(pipe)
        }
    }
}

fn operand(word: &str) -> Operand {
    if let Some(variable) = word.strip_prefix('$') {
        let (name, fields) = variable.split_once('.').unwrap_or((variable, ""));
        return Operand::Path(Start::Variable(name.to_owned()), split(fields));
    }
    match word.strip_prefix('.') {
        Some(fields) => Operand::Path(Start::Dot, split(fields)),
        None => Operand::Function(word.to_owned()),
    }
}

fn split(fields: &str) -> Vec<String> {
    let fields = fields.split('.').filter(|field| !field.is_empty());
    fields.map(str::to_owned).collect()
}
