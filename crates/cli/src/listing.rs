//! Lists of objects as the user wants them: Docker's columns, an object a line as JSON, or what a
//! template makes of each.

use serde_json::{Map, Value, json};

use crate::exit_code::Failure;
use crate::output::Table;
use crate::template::Template;

/// `--format` of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Format {
    /// The columns that Docker shows.
    Table,
    /// An object a line.
    Json,
    /// A line for each object.
    Lines(Template),
    /// Columns made by a template, under a header.
    Columns(Template),
}

/// `--format`, as a value for clap.
pub(crate) fn format(text: &str) -> Result<Format, String> {
    // A shell hands these on as two characters.
    let text = text.replace("\\t", "\t").replace("\\n", "\n");
    match text.as_str() {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        _ => match text.strip_prefix("table ") {
            Some(template) => Template::parse(template.trim_start()).map(Format::Columns),
            None => Template::parse(&text).map(Format::Lines),
        },
    }
}

/// An object of a list: what is shown of it, and what can be asked for besides.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) fields: Value,
    pub(crate) more: Value,
}

impl Row {
    /// An object with nothing hidden.
    pub(crate) fn new(fields: Value) -> Self {
        Self {
            fields,
            more: Value::Null,
        }
    }
}

/// Which field stands under which header.
pub(crate) type Column = (&'static str, &'static str);

/// The rows as text; `shown` are the columns of a plain table, `others` those that a template may
/// name too.
pub(crate) fn render(
    format: &Format,
    shown: &[Column],
    others: &[Column],
    rows: &[Row],
) -> Result<String, Failure> {
    match format {
        Format::Table => Ok(table(shown, rows)),
        Format::Json => Ok(rows.iter().map(|row| format!("{}\n", row.fields)).collect()),
        Format::Lines(template) if rows.is_empty() => {
            // What would be wrong with a row is wrong with none.
            let is_field = |name: &str| shown.iter().chain(others).any(|(field, _)| *field == name);
            template.check(is_field).map_err(Failure::usage)?;
            Ok(String::new())
        }
        Format::Lines(template) => {
            let lines = rows.iter().map(|row| line(template, row));
            lines.collect::<Result<String, _>>()
        }
        Format::Columns(template) => {
            let headers = shown.iter().chain(others);
            let headers = headers.map(|(field, header)| ((*field).to_owned(), json!(header)));
            let header = Row::new(Value::Object(headers.collect::<Map<_, _>>()));
            let header = line(template, &header)?;
            let mut table = Table::new(
                &header
                    .trim_end_matches('\n')
                    .split('\t')
                    .collect::<Vec<_>>(),
            );
            for row in rows {
                let text = line(template, row)?;
                table.row(text.trim_end_matches('\n').split('\t').map(str::to_owned));
            }
            Ok(table.to_string())
        }
    }
}

fn table(shown: &[Column], rows: &[Row]) -> String {
    let mut table = Table::new(&shown.iter().map(|(_, header)| *header).collect::<Vec<_>>());
    for row in rows {
        table.row(shown.iter().map(|(field, _)| match row.fields.get(*field) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }));
    }
    table.to_string()
}

fn line(template: &Template, row: &Row) -> Result<String, Failure> {
    let text = template
        .render(&row.fields, &row.more)
        .map_err(Failure::usage)?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: [Column; 2] = [("ID", "CONTAINER ID"), ("Names", "NAMES")];

    fn rendered(text: &str) -> String {
        let rows = [Row {
            fields: json!({"ID": "a1", "Names": "web"}),
            more: json!({"Label": {"x": "y"}}),
        }];
        render(&format(text).unwrap(), &SHOWN, &[("Label", "LABEL")], &rows).unwrap()
    }

    #[test]
    fn a_list_has_dockers_forms() {
        assert_eq!(
            rendered("table"),
            "CONTAINER ID   NAMES\na1             web\n"
        );
        assert_eq!(rendered("json"), "{\"ID\":\"a1\",\"Names\":\"web\"}\n");
        assert_eq!(rendered("{{.ID}} {{.Label \"x\"}}"), "a1 y\n");
        let empty = |text: &str| render(&format(text).unwrap(), &SHOWN, &[("Label", "LABEL")], &[]);
        assert_eq!(empty("{{.ID}} {{.Label \"x\"}}").unwrap(), "");
        assert!(empty("{{.Nope}}").unwrap_err().message.contains("Nope"));
        let table = rendered("table {{.Names}}\\t{{.ID}}");
        assert_eq!(table, "NAMES   CONTAINER ID\nweb     a1\n");
    }
}
