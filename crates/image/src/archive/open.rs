//! Opening a file or directory with images: finding out what it is, and what is in it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::docker::{self, Archived};
use super::files::Files;
use super::flat::Flat;
use super::layout::{self, Layout};
use super::origin::Form;
use super::spool;
use crate::content::Images;
use crate::pull::Source;
use crate::{Error, Reference};

/// A file or directory that was looked at.
#[derive(Debug)]
pub enum Opened {
    /// It holds images.
    Images(Stored),
    /// It is the root of a file system, as an archive that is not compressed.
    Archive(File),
    /// It is the root of a file system.
    Directory(PathBuf),
}

/// Images in a file or directory.
#[derive(Debug)]
pub struct Stored {
    files: Files,
    form: Form,
}

impl Images {
    /// Looks at a file or directory of this machine; what is compressed is unpacked to a file
    /// that goes with the result.
    ///
    /// # Errors
    /// When it cannot be read, or is not of the form that was said.
    pub fn open_local(&self, path: &Path, form: Option<Form>) -> Result<Opened, Error> {
        self.create()?;
        let metadata = std::fs::metadata(path).map_err(Error::io("looking at", path))?;
        if metadata.is_dir() {
            let files = Files::directory(path)?;
            return match form.or_else(|| found(&files)) {
                Some(form) => Ok(Opened::Images(Stored { files, form })),
                None => Ok(Opened::Directory(path.to_owned())),
            };
        }
        self.archive(spool::open(path, self.root())?, path, form)
    }

    /// As [`Images::open_local`], of a stream; `name` is for errors.
    ///
    /// # Errors
    /// As [`Images::open_local`].
    pub fn open_stream(&self, stream: impl Read, name: &str) -> Result<Opened, Error> {
        self.create()?;
        let path = Path::new(name);
        self.archive(spool::copy(stream, path, self.root())?, path, None)
    }

    fn archive(&self, file: File, path: &Path, form: Option<Form>) -> Result<Opened, Error> {
        let again = file.try_clone().map_err(Error::io("reading", path))?;
        let files = match Files::archive(file, path) {
            Ok(files) => files,
            // One with more files than an archive of images has.
            Err(_) if form.is_none() => return rewound(again, path),
            Err(error) => return Err(error),
        };
        match form.or_else(|| found(&files)) {
            Some(form) => Ok(Opened::Images(Stored { files, form })),
            None => rewound(again, path),
        }
    }
}

fn rewound(mut file: File, path: &Path) -> Result<Opened, Error> {
    std::io::Seek::rewind(&mut file).map_err(Error::io("reading", path))?;
    Ok(Opened::Archive(file))
}

/// What the files are. Docker writes both forms since version 25; the first says more.
fn found(files: &Files) -> Option<Form> {
    if files.has("oci-layout") && files.has("index.json") {
        Some(Form::Oci)
    } else if files.has("manifest.json") && files.has("version") {
        Some(Form::Flat)
    } else if files.has("manifest.json") {
        Some(Form::Docker)
    } else {
        None
    }
}

/// One image of several, as a place to pull from, and the names that it has there.
pub type Member<'a> = (Vec<Reference>, Box<dyn Source + 'a>);

impl Stored {
    /// The images, or the one that is called `wanted`.
    ///
    /// # Errors
    /// A malformed document; a name that is not there.
    pub fn members(&self, wanted: Option<&str>) -> Result<Vec<Member<'_>>, Error> {
        let members: Vec<Member<'_>> = match self.form {
            Form::Oci => self.of_layout(wanted)?,
            Form::Docker => self.of_docker(wanted)?,
            Form::Flat => vec![(Vec::new(), Box::new(Flat { files: &self.files }))],
        };
        match members.is_empty() {
            false => Ok(members),
            true => Err(Error::Unusable {
                what: self.files.name(),
                why: match wanted {
                    Some(name) => format!("there is no image {name} in it"),
                    None => "there is no image in it".to_owned(),
                },
            }),
        }
    }

    fn of_layout(&self, wanted: Option<&str>) -> Result<Vec<Member<'_>>, Error> {
        let mut members: Vec<(String, Vec<Reference>, Layout<'_>)> = Vec::new();
        for entry in layout::entries(&self.files)? {
            if wanted.is_some_and(|name| !layout::is_called(&entry, name)) {
                continue;
            }
            // A bare tag says nothing about the repository, so it is no name here.
            let name = layout::name(&entry).filter(|name| name.contains(['/', ':']));
            let name = name.and_then(|name| name.parse::<Reference>().ok());
            let same = members
                .iter_mut()
                .find(|(digest, ..)| *digest == entry.digest);
            match same {
                Some((_, names, _)) => names.extend(name),
                None => {
                    let layout = Layout {
                        files: &self.files,
                        entry: entry.clone(),
                    };
                    members.push((entry.digest, name.into_iter().collect(), layout));
                }
            }
        }
        let member = |(_, names, layout)| (names, Box::new(layout) as Box<dyn Source + '_>);
        Ok(members.into_iter().map(member).collect())
    }

    fn of_docker(&self, wanted: Option<&str>) -> Result<Vec<Member<'_>>, Error> {
        let mut members: Vec<Member<'_>> = Vec::new();
        let wanted = wanted.map(str::parse::<Reference>).transpose()?;
        for entry in docker::entries(&self.files)? {
            let tags = entry.repo_tags.clone().unwrap_or_default();
            let names: Vec<Reference> = tags.iter().filter_map(|tag| tag.parse().ok()).collect();
            if wanted.as_ref().is_some_and(|name| !names.contains(name)) {
                continue;
            }
            let source = Archived::new(&self.files, &entry)?;
            members.push((names, Box::new(source)));
        }
        Ok(members)
    }
}
