//! The file of variables, `.env`: in the working directory, or the next above it
//! that has one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::limited;
use crate::settings::malformed;

/// Sets the variables of the file that are not set yet; no file is no mistake.
///
/// # Errors
///
/// What is to be told of a file that cannot be read.
pub(super) fn load() -> Result<(), String> {
    let here = std::env::current_dir().unwrap_or_default();
    let Some(path) = find(&here) else {
        return Ok(());
    };
    let content = limited::read(&path, limited::MAX_SETTINGS_BYTES);
    let content = content.map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            format!(".env cannot be read: {error}; it has a line NAME=VALUE for each variable")
        }
        _ => format!(".env cannot be read: {error}"),
    })?;
    dotenvy::from_read(content.as_slice()).map_err(|error| {
        let what = malformed(&error);
        format!(".env cannot be read: {what}; write NAME=VALUE, and quotes in pairs")
    })
}

fn find(here: &Path) -> Option<PathBuf> {
    let mut folders = here.ancestors();
    folders.find_map(|folder| Some(folder.join(".env")).filter(|path| path.is_file()))
}
