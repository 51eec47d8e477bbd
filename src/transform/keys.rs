//! `--fix-keys`: keys that Vectorize refuses, at every level, made into keys that
//! it takes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::Change;
use super::rejection::{Reason, Refused};
use crate::point::Payload;
use crate::record::key_problem;

/// The character that takes the place of what Vectorize forbids in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyFiller(char);

/// A text that cannot take that place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFillerError {
    /// Not one character.
    #[error("'{0}' is not one character")]
    Length(String),
    /// A character that is itself forbidden, or cannot be read.
    #[error("{0:?} is itself no character for keys; take another, such as '_'")]
    Forbidden(char),
}

impl FromStr for KeyFiller {
    type Err = KeyFillerError;

    fn from_str(text: &str) -> Result<Self, KeyFillerError> {
        let mut chars = text.chars();
        let (Some(filler), None) = (chars.next(), chars.next()) else {
            return Err(KeyFillerError::Length(text.to_owned()));
        };
        match key_problem(text).is_some() || filler.is_control() {
            true => Err(KeyFillerError::Forbidden(filler)),
            false => Ok(Self(filler)),
        }
    }
}

impl TryFrom<String> for KeyFiller {
    type Error = KeyFillerError;

    fn try_from(text: String) -> Result<Self, KeyFillerError> {
        text.parse()
    }
}

impl From<KeyFiller> for String {
    fn from(filler: KeyFiller) -> Self {
        filler.0.to_string()
    }
}

impl fmt::Display for KeyFiller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl KeyFiller {
    /// The key that Vectorize takes: `.`, `"` and a leading `$` are replaced, and
    /// an empty key is this character alone.
    pub(super) fn fixed(self, key: &str) -> String {
        if key.is_empty() {
            return self.0.to_string();
        }
        let replaced = |(position, character)| match character {
            '.' | '"' => self.0,
            '$' if position == 0 => self.0,
            other => other,
        };
        key.char_indices().map(replaced).collect()
    }

    /// Replaces what is forbidden in the keys of every object, and gives how many
    /// different keys that were; two keys of one object that become one are a
    /// rejection.
    pub(super) fn fix(
        self,
        payload: &mut Payload,
        changes: &mut Vec<Change>,
    ) -> Result<usize, Refused> {
        let mut fixed = BTreeSet::new();
        self.fix_object(payload, &mut fixed)?;
        let keys = fixed.len();
        changes.extend(fixed.into_iter().map(Change::KeyFixed));
        Ok(keys)
    }

    fn fix_object(self, object: &mut Payload, fixed: &mut BTreeSet<String>) -> Result<(), Refused> {
        let refused = object.keys().filter(|key| key_problem(key).is_some());
        let refused: Vec<String> = refused.cloned().collect();
        for (position, from) in refused.iter().enumerate() {
            let to = self.fixed(from);
            if object.contains_key(&to) {
                let earlier = refused[..position].iter();
                let first = earlier.rev().find(|earlier| self.fixed(earlier) == to);
                let first = first.unwrap_or(&to).clone();
                let second = from.clone();
                let reason = Reason::KeysCollide { first, second, to };
                return Err(Refused::new(reason, from.as_str()));
            }
            if let Some(value) = object.remove(from) {
                object.insert(to, value);
            }
            fixed.insert(from.clone());
        }
        object
            .values_mut()
            .try_for_each(|value| self.fix_value(value, fixed))
    }

    fn fix_value(self, value: &mut Value, fixed: &mut BTreeSet<String>) -> Result<(), Refused> {
        match value {
            Value::Object(object) => self.fix_object(object, fixed),
            Value::Array(items) => items
                .iter_mut()
                .try_for_each(|item| self.fix_value(item, fixed)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
