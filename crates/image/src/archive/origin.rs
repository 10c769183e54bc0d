//! Where an image is pulled from, as it is written: a name, or a transport with a path.

use std::path::PathBuf;

/// A place, not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A registry; the text is a name.
    Registry(String),
    /// A file or directory of this machine, and which image in it, if it is said.
    Local {
        /// What is there: `None` is to be found out.
        form: Option<Form>,
        /// Where.
        path: PathBuf,
        /// Its name there.
        name: Option<String>,
    },
}

/// What a file or directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An OCI layout.
    Oci,
    /// What `docker save` writes.
    Docker,
    /// skopeo's flat directory.
    Flat,
}

impl Origin {
    /// The place that a text means: `oci:`, `oci-archive:`, `docker-archive:`, `dir:` with a path,
    /// a path that begins with a dot or a slash, or a name, with or without `docker://`.
    pub fn parse(text: &str) -> Self {
        if text.starts_with(['.', '/']) {
            return Self::Local {
                form: None,
                path: text.into(),
                name: None,
            };
        }
        let (form, rest) = match text.split_once(':') {
            Some(("oci" | "oci-archive", rest)) => (Form::Oci, rest),
            Some(("docker-archive", rest)) => (Form::Docker, rest),
            Some(("dir", rest)) => (Form::Flat, rest),
            Some(("docker", rest)) if rest.starts_with("//") => {
                return Self::Registry(rest.trim_start_matches('/').to_owned());
            }
            _ => return Self::Registry(text.to_owned()),
        };
        // A tag is all digits in a name like oci:5000, which is no path.
        let looks_like_path = rest.starts_with(['/', '.']) || rest.contains('/');
        if !looks_like_path
            && !std::path::Path::new(rest.split(':').next().unwrap_or(rest)).exists()
        {
            return Self::Registry(text.to_owned());
        }
        let (path, name) = match (form, rest.split_once(':')) {
            (Form::Oci | Form::Docker, Some((path, name))) => (path, Some(name.to_owned())),
            _ => (rest, None),
        };
        Self::Local {
            form: Some(form),
            path: path.into(),
            name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_and_paths_are_told_from_names() {
        let local = |form, path: &str, name: Option<&str>| Origin::Local {
            form,
            path: path.into(),
            name: name.map(str::to_owned),
        };
        for (text, expected) in [
            ("tiny", Origin::Registry("tiny".into())),
            ("oci:5000", Origin::Registry("oci:5000".into())),
            ("docker://h/x", Origin::Registry("h/x".into())),
            ("./app.tar", local(None, "./app.tar", None)),
            ("oci:/x/y:1", local(Some(Form::Oci), "/x/y", Some("1"))),
            ("oci-archive:/x.tar", local(Some(Form::Oci), "/x.tar", None)),
            (
                "docker-archive:a/b.tar:x:1",
                local(Some(Form::Docker), "a/b.tar", Some("x:1")),
            ),
            ("dir:/a:b", local(Some(Form::Flat), "/a:b", None)),
        ] {
            assert_eq!(Origin::parse(text), expected, "{text}");
        }
    }
}
