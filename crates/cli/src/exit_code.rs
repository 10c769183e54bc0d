//! How a command ends: exit codes as Docker has them, and the failure that carries one with the
//! words for the user.
//!
//! `run` and `exec`: 125 for any failure of ours, 126 and 127 for a program that cannot be
//! executed or is not there, else the program's own, 128 + n when signal n ended it. Other verbs:
//! 1.

use crate::error_text::sentence;

/// A failure on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A sentence without its full stop; empty when everything was said already.
    pub(crate) message: String,
    /// The exit code; the verb's own for a failure of ours when it is not given.
    pub(crate) code: Option<i32>,
}

/// An error that may know with which code `run` ends because of it.
pub(crate) trait RunError: std::error::Error {
    /// The exit code of `run` and `exec`.
    fn run_exit_code(&self) -> i32 {
        125
    }
}

impl RunError for engine::Error {
    fn run_exit_code(&self) -> i32 {
        engine::Error::run_exit_code(self)
    }
}

impl RunError for runtime::Error {
    fn run_exit_code(&self) -> i32 {
        self.exit_code()
    }
}

impl RunError for image::Error {}

impl RunError for crate::attach::Error {}

impl Failure {
    /// What was asked for cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: None,
        }
    }

    /// Everything was said already.
    pub(crate) fn told(code: i32) -> Self {
        Self {
            message: String::new(),
            code: Some(code),
        }
    }

    /// A failure of a verb that runs a program.
    pub(crate) fn of_run(error: impl RunError) -> Self {
        Self {
            message: sentence(&error),
            code: Some(error.run_exit_code()),
        }
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        Self::usage(sentence(&error))
    }
}

impl From<crate::attach::Error> for Failure {
    fn from(error: crate::attach::Error) -> Self {
        Self::usage(sentence(&error))
    }
}
