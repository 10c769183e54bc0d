//! Verbs that take several names.

use crate::error_text::sentence;
use crate::exit_code::Failure;
use crate::output;

/// Does the same for each name; a failure with one does not keep the others from being tried.
pub(crate) fn each(
    names: &[String],
    act: impl Fn(&str) -> Result<(), engine::Error>,
) -> Result<i32, Failure> {
    let mut code = 0;
    for name in names {
        if let Err(error) = act(name) {
            output::error(&sentence(&error));
            code = 1;
        }
    }
    Ok(code)
}
