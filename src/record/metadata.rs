//! A record's metadata and the limits on it: key rules at every level, and the
//! size of the text that is sent. What the contract leaves unsettled (nulls,
//! depth, mixed lists) is noted in [`crate::transform`], not refused here.

use serde_json::Value;

use super::{LimitError, MAX_METADATA_BYTES, MAX_METADATA_LEVELS};
use crate::point::{Extent, Payload, canonical_json};

/// An object that cannot be metadata, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedMetadata {
    /// The object, untouched.
    pub object: Payload,
    /// What is wrong with it.
    pub error: LimitError,
}

/// A record's metadata: a JSON object with keys that Vectorize takes, at most
/// 10,240 bytes as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    object: Payload,
    json: String,
}

impl Metadata {
    /// Checks keys at every level and the size of the compact JSON.
    pub fn new(object: Payload) -> Result<Self, LimitError> {
        Self::build(object).map_err(|refused| refused.error)
    }

    /// As [`Metadata::new`], and hands the object back when it is refused.
    pub fn build(object: Payload) -> Result<Self, RefusedMetadata> {
        match checked_json(&object) {
            Ok(json) => Ok(Self { object, json }),
            Err(error) => Err(RefusedMetadata { object, error }),
        }
    }

    /// The object.
    pub fn object(&self) -> &Payload {
        &self.object
    }

    /// The text that is sent: compact, keys sorted.
    pub fn json(&self) -> &str {
        &self.json
    }
}

fn checked_json(object: &Payload) -> Result<String, LimitError> {
    check_keys(object)?;
    let Extent { levels, .. } = Extent::of(object);
    if levels > MAX_METADATA_LEVELS {
        return Err(LimitError::DeepMetadata { levels });
    }
    let json = canonical_json(object);
    if json.len() > MAX_METADATA_BYTES {
        return Err(LimitError::LargeMetadata { bytes: json.len() });
    }
    Ok(json)
}

fn check_keys(object: &Payload) -> Result<(), LimitError> {
    for (key, value) in object {
        if let Some(rule) = key_problem(key) {
            return Err(LimitError::Key {
                key: key.clone(),
                rule,
            });
        }
        check_keys_within(value)?;
    }
    Ok(())
}

fn check_keys_within(value: &Value) -> Result<(), LimitError> {
    match value {
        Value::Object(object) => check_keys(object),
        Value::Array(items) => items.iter().try_for_each(check_keys_within),
        _ => Ok(()),
    }
}

/// The rule that a metadata key breaks, in words; none for a key that Vectorize
/// takes (insert-vectors page).
pub fn key_problem(key: &str) -> Option<&'static str> {
    match key {
        "" => Some("is empty"),
        _ if key.starts_with('$') => Some("begins with '$'"),
        _ if key.contains('.') => Some("contains '.'"),
        _ if key.contains('"') => Some("contains '\"'"),
        _ => None,
    }
}
