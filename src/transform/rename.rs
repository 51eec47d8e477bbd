//! `--rename`: other names for keys of the payload. All at once, so that
//! `a=b,b=a` exchanges two.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::changes::Change;
use super::rejection::{Reason, Refused};
use crate::point::Payload;
use crate::record::key_problem;

/// One key's new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rename {
    /// The key.
    pub from: String,
    /// Its new name.
    pub to: String,
}

/// A text that is no renaming.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// Not one `=`.
    #[error("'{0}' is not OLD=NEW; a key with '=' in it is for --map")]
    Form(String),
    /// A new name that Vectorize refuses.
    #[error("the new name {key:?} {rule}, which Vectorize refuses")]
    Key {
        /// The new name.
        key: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

impl FromStr for Rename {
    type Err = RenameError;

    fn from_str(text: &str) -> Result<Self, RenameError> {
        let (from, to) = match text.split_once('=') {
            Some((from, to)) if !to.contains('=') => (from.to_owned(), to.to_owned()),
            _ => return Err(RenameError::Form(text.to_owned())),
        };
        match key_problem(&to) {
            Some(rule) => Err(RenameError::Key { key: to, rule }),
            None => Ok(Self { from, to }),
        }
    }
}

impl TryFrom<String> for Rename {
    type Error = RenameError;

    fn try_from(text: String) -> Result<Self, RenameError> {
        text.parse()
    }
}

impl From<Rename> for String {
    fn from(rename: Rename) -> Self {
        rename.to_string()
    }
}

impl fmt::Display for Rename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from, self.to)
    }
}

/// Gives the keys that are there their new names; a name that is taken is a
/// rejection.
pub(super) fn rename(
    payload: &mut Payload,
    renames: &[Rename],
    changes: &mut Vec<Change>,
) -> Result<(), Refused> {
    let mut taken_out = Vec::new();
    for rename in renames {
        if let Some(value) = payload.remove(&rename.from) {
            changes.push(Change::KeyFound(format!("--rename {}", rename.from)));
            taken_out.push((rename, value));
        }
    }
    for (rename, value) in taken_out {
        if let Some(there) = payload.get(&rename.to) {
            let reason = Reason::RenameTaken(rename.clone());
            return Err(Refused::new(reason, there.to_string()));
        }
        payload.insert(rename.to.clone(), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
