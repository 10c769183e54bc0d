//! From the tree of a template and a value to text.

use std::borrow::Cow;

use serde_json::Value;

use super::functions;
use super::parse::{Command, Node, Operand, Pipe, Start};

/// What a template sees.
struct Scope<'a> {
    root: &'a Value,
    more: &'a Value,
    /// The innermost last.
    variables: Vec<(&'a str, Value)>,
}

/// Renders `nodes` for `root`.
pub(super) fn render(nodes: &[Node], root: &Value, more: &Value) -> Result<String, String> {
    let mut scope = Scope {
        root,
        more,
        variables: Vec::new(),
    };
    let mut text = String::new();
    scope.nodes(nodes, root, &mut text)?;
    Ok(text)
}

impl<'a> Scope<'a> {
    fn nodes(&mut self, nodes: &'a [Node], dot: &Value, text: &mut String) -> Result<(), String> {
        let depth = self.variables.len();
        for node in nodes {
            self.node(node, dot, text)?;
        }
        self.variables.truncate(depth);
        Ok(())
    }

    fn node(&mut self, node: &'a Node, dot: &Value, text: &mut String) -> Result<(), String> {
        match node {
            Node::Text(plain) => text.push_str(plain),
            Node::Print(pipe) => text.push_str(&functions::print(&self.pipe(pipe, dot)?)),
            Node::Set(name, pipe) => {
                let value = self.pipe(pipe, dot)?;
                self.variables.push((name, value));
            }
            Node::If(pipe, then, otherwise) => {
                let branch = match functions::is_true(&self.pipe(pipe, dot)?) {
                    true => then,
                    false => otherwise,
                };
                self.nodes(branch, dot, text)?;
            }
            Node::With(pipe, then, otherwise) => {
                let value = self.pipe(pipe, dot)?;
                match functions::is_true(&value) {
                    true => self.nodes(then, &value, text)?,
                    false => self.nodes(otherwise, dot, text)?,
                }
            }
            Node::Range(names, pipe, body, otherwise) => {
                let elements = elements(self.pipe(pipe, dot)?)?;
                if elements.is_empty() {
                    self.nodes(otherwise, dot, text)?;
                }
                for (key, value) in elements {
                    self.repeat(names, (key, &value), body, text)?;
                }
            }
        }
        Ok(())
    }

    /// The body of a `range` for one element.
    fn repeat(
        &mut self,
        names: &'a [String],
        (key, value): (Value, &Value),
        body: &'a [Node],
        text: &mut String,
    ) -> Result<(), String> {
        let depth = self.variables.len();
        match names {
            [one] => self.variables.push((one, value.clone())),
            [first, second, ..] => {
                self.variables.push((first, key));
                self.variables.push((second, value.clone()));
            }
            [] => {}
        }
        self.nodes(body, value, text)?;
        self.variables.truncate(depth);
        Ok(())
    }

    fn pipe(&self, pipe: &Pipe, dot: &Value) -> Result<Value, String> {
        let mut last = None;
        for command in pipe {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Null))
    }

    fn command(
        &self,
        command: &Command,
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, String> {
        let Some((first, rest)) = command.split_first() else {
            return Ok(Value::Null);
        };
        let arguments = rest.iter().map(|operand| self.operand(operand, dot));
        let arguments = arguments
            .chain(last.map(Ok))
            .collect::<Result<Vec<_>, _>>()?;
        match first {
            Operand::Function(name) => functions::call(name, &arguments),
            // As with Docker's `.Label "name"`: a method is a field that takes a key.
            Operand::Path(..) if !arguments.is_empty() => {
                let method = self.operand(first, dot)?;
                if method.is_string() {
                    // A header has the same heading for every key.
                    return Ok(method);
                }
                let mut all = vec![method];
                all.extend(arguments);
                functions::call("index", &all)
            }
            _ if arguments.is_empty() => self.operand(first, dot),
            _ => Err("a value takes no arguments".to_owned()),
        }
    }

    fn operand(&self, operand: &Operand, dot: &Value) -> Result<Value, String> {
        let (start, fields) = match operand {
            Operand::Literal(value) => return Ok(value.clone()),
            Operand::Function(name) => return functions::call(name, &[]),
            Operand::Path(start, fields) => (start, fields),
        };
        let start: Cow<'_, Value> = match start {
            Start::Dot => Cow::Borrowed(dot),
            Start::Variable(name) if name.is_empty() => Cow::Borrowed(self.root),
            Start::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let (_, value) =
                    known.ok_or_else(|| format!("there is no variable \"${name}\""))?;
                Cow::Borrowed(value)
            }
            Start::Pipe(pipe) => Cow::Owned(self.pipe(pipe, dot)?),
        };
        let mut value: &Value = &start;
        for field in fields {
            value = self.field(value, field)?;
        }
        Ok(value.clone())
    }

    fn field<'v>(&'v self, value: &'v Value, name: &str) -> Result<&'v Value, String> {
        let is_whole = std::ptr::eq(value, self.root);
        let found = value.get(name);
        let found = found.or_else(|| self.more.get(name).filter(|_| is_whole));
        match found {
            Some(found) => Ok(found),
            // Fields have a great initial; others are keys of a map, which need not be there.
            None if !is_whole && name.starts_with(char::is_lowercase) => Ok(&Value::Null),
            None if value.is_null() => Ok(&Value::Null),
            None => Err(format!("there is no field {name:?} in what is formatted")),
        }
    }
}

/// Keys and values of what can be gone through.
fn elements(value: Value) -> Result<Vec<(Value, Value)>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => Ok((0..list.len()).map(Value::from).zip(list).collect()),
        Value::Object(map) => {
            // They are sorted by their keys already.
            let pairs = map
                .into_iter()
                .map(|(key, value)| (Value::from(key), value));
            Ok(pairs.collect())
        }
        other => Err(format!("range cannot go through {other}")),
    }
}
