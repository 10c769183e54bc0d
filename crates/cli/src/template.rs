//! `--format` with a Go template, as Docker's users write it: fields, pipes, functions, `if`,
//! `range` and `with`. What is printed is a JSON value; how it came to be is the verb's business.
//!
//! Source: the documentation of Go's text/template, and of Docker's "Format command and log
//! output".

mod check;
mod evaluate;
mod functions;
mod parse;

use serde_json::Value;

/// A template that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    nodes: Vec<parse::Node>,
}

impl Template {
    /// Reads a template.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let nodes =
            parse::parse(text).map_err(|why| format!("invalid template {text:?}: {why}"))?;
        Ok(Self { nodes })
    }

    /// Whether all that it asks of the whole value is there, without a value; what is asked of parts
    /// shows itself with one.
    pub(crate) fn check(&self, is_field: impl Fn(&str) -> bool) -> Result<(), String> {
        check::check(&self.nodes, &is_field)
    }

    /// The text that it makes of `value`. `more` are fields that can be asked for but are no part
    /// of the value itself.
    pub(crate) fn render(&self, value: &Value, more: &Value) -> Result<String, String> {
        evaluate::render(&self.nodes, value, more)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(template: &str) -> Result<String, String> {
        let value = json!({
            "ID": "a1", "Names": "web", "Size": 12, "Up": true, "Nothing": null,
            "Mounts": [{"Source": "/a", "RW": true}, {"Source": "/b", "RW": false}],
            "Ports": [], "State": {"Pid": 7, "Health": {"Status": "healthy"}},
            "Labels": {"b": "2", "a": "1"},
        });
        Template::parse(template)?.render(&value, &json!({"Label": {"a": "1"}}))
    }

    #[test]
    fn fields_and_functions_are_gos() {
        let cases = [
            ("{{.ID}}\t{{.Names}}", "a1\tweb"),
            ("{{ .State.Health.Status }}", "healthy"),
            (
                "{{json .State}}",
                r#"{"Health":{"Status":"healthy"},"Pid":7}"#,
            ),
            ("{{.Names | upper | printf \"%-5s|\"}}", "WEB  |"),
            (
                "{{index .Labels \"a\"}}{{index .Mounts 1 | json}}",
                r#"1{"RW":false,"Source":"/b"}"#,
            ),
            (
                "{{.Labels}} {{.Nothing}} {{.Up}} {{.Ports}}",
                "map[a:1 b:2] <no value> true []",
            ),
            (
                "{{len .Mounts}} {{slice .ID 0 1}} {{truncate .Names 2}}",
                "2 a we",
            ),
            ("{{join (split \"a,b\" \",\") \"-\"}}", "a-b"),
            ("{{.Label \"a\"}}{{.Label \"none\"}}", "1"),
            ("{{.Labels.a}} {{.Labels.none}}", "1 <no value>"),
            (
                "{{\"quoted \\\"text\\\"\"}} {{`raw`}} {{println 1}}",
                "quoted \"text\" raw 1\n",
            ),
            ("a {{- .ID -}} b", "aa1b"),
            ("{{/* nothing */}}x", "x"),
        ];
        for (template, text) in cases {
            assert_eq!(rendered(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn blocks_choose_and_repeat() {
        let cases = [
            ("{{if .Up}}up{{else}}down{{end}}", "up"),
            ("{{if and .Up (not .Ports)}}a{{end}}", "a"),
            ("{{if eq .Size 12}}twelve{{else if .Up}}b{{end}}", "twelve"),
            (
                "{{if gt .Size 20}}much{{else if lt .Size 13}}little{{end}}",
                "little",
            ),
            ("{{range .Mounts}}{{.Source}} {{end}}", "/a /b "),
            (
                "{{range $i, $m := .Mounts}}{{$i}}{{$m.RW}};{{end}}",
                "0true;1false;",
            ),
            (
                "{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}",
                "a=1 b=2 ",
            ),
            ("{{range .Ports}}x{{else}}none{{end}}", "none"),
            ("{{with .State}}{{.Pid}}{{$.ID}}{{end}}", "7a1"),
            ("{{$x := .ID}}{{$x}}", "a1"),
        ];
        for (template, text) in cases {
            assert_eq!(rendered(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn fields_are_checked_without_a_value() {
        let check = |text: &str| {
            let template = Template::parse(text).unwrap();
            template.check(|name| ["ID", "Mounts", "State"].contains(&name))
        };
        for good in [
            "{{.ID}} {{json .}} {{len .Mounts}} {{$.ID}}",
            "{{range .Mounts}}{{.Source}}{{$.ID}}{{end}}{{with .State}}{{.Pid}}{{else}}{{.ID}}{{end}}",
            "{{if .ID}}{{.State.Pid}}{{end}}{{$x := .ID}}{{$x.Any}}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "{{.Nope}}",
            "{{.ID | printf .Nope}}",
            "{{range .Mounts}}{{$.Nope}}{{end}}",
            "{{with .State}}{{else}}{{.Nope}}{{end}}",
            "{{if (eq .Nope 1)}}{{end}}",
        ] {
            assert!(check(bad).unwrap_err().contains("\"Nope\""), "{bad}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error_that_says_so() {
        let cases = [
            ("{{.Nmaes}}", "there is no field \"Nmaes\""),
            ("{{.ID", "is not closed"),
            ("{{frob .ID}}", "there is no function \"frob\""),
            ("{{if .ID}}x", "without its {{end}}"),
            ("{{end}}", "{{end}} that ends nothing"),
            ("{{$y}}", "there is no variable \"$y\""),
            ("{{len 3}}", "len"),
            ("{{}}", "empty"),
        ];
        for (template, why) in cases {
            let error = rendered(template).unwrap_err();
            assert!(error.contains(why), "{template}: {error}");
        }
    }
}
