//! What the host and the agent in the machine say to each other: JSON, one message a line.

use serde_json::{Value, json};

/// To the agent: run a program as root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) argv: Vec<String>,
    /// The whole environment.
    pub(super) env: Vec<(String, String)>,
}

/// From the agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The machine has booted and the agent listens.
    Hello,
    /// The machine cannot be used.
    Broken(String),
    /// A program wrote something.
    Output { id: u64, text: String },
    /// A program ended, with this code; 128 and its number after a signal.
    Ended { id: u64, code: i32 },
}

impl Run {
    pub(super) fn to_line(&self) -> String {
        let Run { id, argv, env } = self;
        format!("{}\n", json!({"id": id, "argv": argv, "env": env}))
    }

    pub(super) fn parse(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let argv = message["argv"].as_array()?.iter().map(text);
        let env = message["env"].as_array()?.iter();
        let env = env.map(|pair| Some((text(&pair[0])?, text(&pair[1])?)));
        Some(Run {
            id: message["id"].as_u64()?,
            argv: argv.collect::<Option<_>>()?,
            env: env.collect::<Option<_>>()?,
        })
    }
}

impl Said {
    pub(super) fn to_line(&self) -> String {
        let message = match self {
            Said::Hello => json!({"hello": true}),
            Said::Broken(why) => json!({"broken": why}),
            Said::Output { id, text } => json!({"id": id, "output": text}),
            Said::Ended { id, code } => json!({"id": id, "code": code}),
        };
        format!("{message}\n")
    }

    pub(super) fn parse(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        if message["hello"] == true {
            return Some(Said::Hello);
        }
        if let Some(why) = message["broken"].as_str() {
            return Some(Said::Broken(why.to_owned()));
        }
        let id = message["id"].as_u64()?;
        if let Some(text) = message["output"].as_str() {
            let text = text.to_owned();
            return Some(Said::Output { id, text });
        }
        let code = i32::try_from(message["code"].as_i64()?).ok()?;
        Some(Said::Ended { id, code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way() {
        let run = Run {
            id: 7,
            argv: vec!["echo".into(), "a\n\"b\"".into()],
            env: vec![("A".into(), "1".into())],
        };
        let line = run.to_line();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Run::parse(&line), Some(run));
        for said in [
            Said::Hello,
            Said::Broken("no disk".into()),
            Said::Output {
                id: 1,
                text: "x\ny".into(),
            },
            Said::Ended { id: 2, code: 137 },
        ] {
            assert_eq!(Said::parse(&said.to_line()), Some(said));
        }
        assert_eq!(Said::parse("[   1.0] a line of the kernel's"), None);
    }
}
