//! `--keep`, `--drop` and `--nulls`: which keys of the payload become metadata.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::Change;
use super::words::words;
use crate::point::Payload;

/// What becomes of keys whose value is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nulls {
    /// They are sent, with a note.
    #[default]
    Keep,
    /// They are left out, in objects at every level.
    Drop,
}

words!(Nulls: "keep" => Keep, "drop" => Drop);

/// Leaves nothing but these keys; all of them where none is named.
pub(super) fn keep(payload: &mut Payload, keys: &[String], changes: &mut Vec<Change>) {
    if keys.is_empty() {
        return;
    }
    payload.retain(|key, _| {
        let kept = keys.contains(key);
        if kept {
            changes.push(Change::KeyFound(format!("--keep {key}")));
        }
        kept
    });
}

/// Removes these keys.
pub(super) fn drop_keys(payload: &mut Payload, keys: &[String], changes: &mut Vec<Change>) {
    for key in keys {
        if payload.remove(key).is_some() {
            changes.push(Change::KeyFound(format!("--drop {key}")));
        }
    }
}

/// Removes keys whose value is null, in objects at every level, also within
/// lists. A null that is an item of a list stays: the others would move.
///
/// Gives how many keys were removed.
pub(super) fn drop_nulls(payload: &mut Payload) -> usize {
    let before = payload.len();
    payload.retain(|_, value| !value.is_null());
    let within: usize = payload.values_mut().map(drop_nulls_within).sum();
    before - payload.len() + within
}

fn drop_nulls_within(value: &mut Value) -> usize {
    match value {
        Value::Object(object) => drop_nulls(object),
        Value::Array(items) => items.iter_mut().map(drop_nulls_within).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
