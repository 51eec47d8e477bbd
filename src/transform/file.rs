//! A record's place in the file index: the KV key of its file, and where it
//! stands among the file's chunks. Values of entries are built elsewhere.

use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::record::number_as_f64;

/// The longest KV key, in bytes (KV limits page).
pub const MAX_KEY_BYTES: usize = 512;

/// A KV key: 1 to 512 bytes, neither `.` nor `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct FileKey(String);

impl FileKey {
    /// Checks the KV rules.
    pub fn new(text: impl Into<String>) -> Result<Self, FileKeyProblem> {
        let text = text.into();
        match text.as_str() {
            "" => Err(FileKeyProblem::Empty),
            "." | ".." => Err(FileKeyProblem::Dots { key: text }),
            _ if text.len() > MAX_KEY_BYTES => Err(FileKeyProblem::Long {
                bytes: text.len(),
                key: text,
            }),
            _ => Ok(Self(text)),
        }
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<FileKey> for String {
    fn from(key: FileKey) -> Self {
        key.0
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text cannot be a KV key. A point with such a key can be a record all
/// the same; whether it is rejected depends on whether a file index is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileKeyProblem {
    /// No text.
    #[error("the file key is empty")]
    Empty,
    /// `.` or `..`.
    #[error("the file key is '{key}', which KV refuses")]
    Dots {
        /// The key.
        key: String,
    },
    /// Over [`MAX_KEY_BYTES`].
    #[error("the file key has {bytes} bytes; KV takes at most {MAX_KEY_BYTES}")]
    Long {
        /// Its length.
        bytes: usize,
        /// The key.
        key: String,
    },
}

impl FileKeyProblem {
    /// The offending key.
    pub fn key(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::Dots { key } | Self::Long { key, .. } => key,
        }
    }
}

/// A record's place in its file's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSlot {
    /// The entry's key.
    pub key: FileKey,
    /// The place within the entry. Ties are broken by vector id, by the caller.
    pub order: Order,
}

/// Where a chunk stands in its file: numbers by value, then text by bytes, then
/// those without.
#[derive(Debug, Clone)]
pub enum Order {
    /// A number; −0 equals 0.
    Number(f64),
    /// Text that is not a whole number.
    Text(String),
    /// The field is absent, or neither a number nor text.
    Missing,
}

impl Order {
    /// The order that a payload's value gives.
    pub fn of_value(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Number(number)) => Self::Number(number_as_f64(number)),
            Some(Value::String(text)) => Self::of_text(text),
            _ => Self::Missing,
        }
    }

    /// The order that a text gives. Digits alone are a number, so that chunk 10
    /// comes after chunk 2 also where a source holds them as text, and an order
    /// read from a vector id agrees with the one read from the payload.
    pub fn of_text(text: &str) -> Self {
        match text.parse() {
            Ok(number) if is_digits(text) => Self::Number(number),
            _ => Self::Text(text.to_owned()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Missing => 2,
        }
    }
}

/// Whether a text is made of ASCII digits, at least one.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Order {}

#[cfg(test)]
mod tests;
