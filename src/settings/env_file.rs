//! A file of variables that a job names, read as `.env` is; but its variables are
//! that job's alone, and never become the process's.

use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;
use crate::limited;

/// The variables of the file, in its order; those that we do not read too.
///
/// # Errors
///
/// Usage, where it is absent, too large or malformed; never with a value of it.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let content = limited::read(path, limited::MAX_SETTINGS_BYTES).map_err(|error| {
        let unreadable = Error::usage(format!("{} cannot be read: {error}", path.display()));
        unreadable.advise(match error.kind() {
            ErrorKind::FileTooLarge => "it has a line NAME=VALUE for each variable",
            _ => {
                "check the path that env-file gives: it is taken from the folder that cf-migrate runs in"
            }
        })
    })?;
    let variables: Result<_, _> = dotenvy::from_read_iter(content.as_slice()).collect();
    variables.map_err(|error| {
        let what = malformed(&error);
        Error::usage(format!("{} cannot be read: {what}", path.display()))
            .advise("write NAME=VALUE, and quotes in pairs")
    })
}

/// Says which variable is malformed; never its line, which may hold a secret.
pub(crate) fn malformed(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(line, _) => {
            let name = line.split_once('=').map_or("", |(name, _)| name.trim());
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            match name.is_empty() || !name.chars().all(is_name) {
                true => "a line is malformed".to_owned(),
                false => format!("the line of {name} is malformed"),
            }
        }
        dotenvy::Error::Io(error) => error.to_string(),
        _ => "it is malformed".to_owned(),
    }
}
