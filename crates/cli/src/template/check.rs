//! Which fields of the whole value a template asks for, without a value.

use super::parse::{Node, Operand, Pipe, Start};

/// Refuses a field of the whole value that is none.
pub(super) fn check(nodes: &[Node], is_field: &dyn Fn(&str) -> bool) -> Result<(), String> {
    nodes_in(nodes, true, is_field)
}

/// `at_root` says that the dot is the whole value.
fn nodes_in(nodes: &[Node], at_root: bool, is_field: &dyn Fn(&str) -> bool) -> Result<(), String> {
    nodes.iter().try_for_each(|node| match node {
        Node::Text(_) => Ok(()),
        Node::Print(pipe) | Node::Set(_, pipe) => pipe_in(pipe, at_root, is_field),
        Node::If(pipe, then, otherwise) => {
            pipe_in(pipe, at_root, is_field)?;
            nodes_in(then, at_root, is_field)?;
            nodes_in(otherwise, at_root, is_field)
        }
        Node::With(pipe, body, otherwise) | Node::Range(_, pipe, body, otherwise) => {
            pipe_in(pipe, at_root, is_field)?;
            nodes_in(body, false, is_field)?;
            nodes_in(otherwise, at_root, is_field)
        }
    })
}

fn pipe_in(pipe: &Pipe, at_root: bool, is_field: &dyn Fn(&str) -> bool) -> Result<(), String> {
    pipe.iter().flatten().try_for_each(|operand| match operand {
        Operand::Path(Start::Pipe(pipe), _) => pipe_in(pipe, at_root, is_field),
        Operand::Path(start, fields) => {
            let is_whole = match start {
                Start::Variable(name) => name.is_empty(),
                Start::Dot | Start::Pipe(_) => at_root,
            };
            match fields.first().filter(|field| is_whole && !is_field(field)) {
                Some(field) => Err(format!("there is no field {field:?} in what is formatted")),
                None => Ok(()),
            }
        }
        Operand::Literal(_) | Operand::Function(_) => Ok(()),
    })
}
