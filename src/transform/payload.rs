//! The steps over a payload on its way to metadata, and what is seen in the
//! result. Each step is one function over the whole object.

use serde_json::{Number, Value};

use super::field::{MAX_EXACT_INTEGER, is_integer};
use super::mapping::BigInts;
use super::notes::{Note, Notes};
use super::rejection::{Reason, Refused};
use crate::point::Payload;
use crate::record::number_as_f64;

/// Lets no number through that Vectorize would change without `policy` saying so.
pub(super) fn settle_numbers(payload: &mut Payload, policy: BigInts) -> Result<(), Refused> {
    let mut path = String::new();
    settle_object(payload, policy, &mut path)
}

fn settle_object(object: &mut Payload, policy: BigInts, path: &mut String) -> Result<(), Refused> {
    for (key, value) in object {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(key);
        settle_value(value, policy, path)?;
        path.truncate(length);
    }
    Ok(())
}

fn settle_value(value: &mut Value, policy: BigInts, path: &mut String) -> Result<(), Refused> {
    match value {
        Value::Object(object) => settle_object(object, policy, path),
        Value::Array(items) => settle_items(items, policy, path),
        Value::Number(number) => {
            if let Some(text) = settle_number(number, policy, path)? {
                *value = Value::String(text);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn settle_items(items: &mut [Value], policy: BigInts, path: &mut String) -> Result<(), Refused> {
    for (position, item) in items.iter_mut().enumerate() {
        let length = path.len();
        path.push_str(&format!("[{position}]"));
        settle_value(item, policy, path)?;
        path.truncate(length);
    }
    Ok(())
}

/// The text that takes the number's place, if any does.
fn settle_number(number: &Number, policy: BigInts, path: &str) -> Result<Option<String>, Refused> {
    let digits = number.as_str();
    match policy {
        BigInts::Reject if is_big(digits) => {
            let reason = Reason::BigInteger {
                path: path.to_owned(),
                digits: digits.to_owned(),
            };
            Err(Refused::new(reason, digits))
        }
        BigInts::String if is_big(digits) => Ok(Some(digits.to_owned())),
        _ if number_as_f64(number).is_finite() => Ok(None),
        _ => {
            let path = path.to_owned();
            Err(Refused::new(Reason::NumberOutOfRange { path }, digits))
        }
    }
}

/// An integer beyond ±2^53. Numbers with a point or an exponent were doubles
/// before, and lose nothing.
fn is_big(digits: &str) -> bool {
    let magnitude = digits.strip_prefix('-').unwrap_or(digits);
    is_integer(digits)
        && !matches!(magnitude.parse::<u64>(), Ok(value) if value <= MAX_EXACT_INTEGER)
}

/// What of this object Vectorize's published types do not cover.
pub(super) fn unsettled(payload: &Payload) -> Notes {
    let mut notes = Notes::default();
    payload
        .values()
        .for_each(|value| look_at(value, 0, &mut notes));
    notes
}

/// The first entry that earns this note, as JSON text.
pub(super) fn first_with(payload: &Payload, note: Note) -> Option<String> {
    let earns = |value: &Value| {
        let mut notes = Notes::default();
        look_at(value, 0, &mut notes);
        notes.contains(note)
    };
    let (key, value) = payload.iter().find(|(_, value)| earns(value))?;
    Some(entry_text(key, value))
}

/// The entry with the longest JSON text.
pub(super) fn largest_entry(payload: &Payload) -> Option<String> {
    payload
        .iter()
        .map(|(key, value)| entry_text(key, value))
        .max_by_key(String::len)
}

fn entry_text(key: &str, value: &Value) -> String {
    format!("{}:{value}", Value::from(key))
}

/// `depth` counts the objects around the value, the metadata itself excluded.
fn look_at(value: &Value, depth: usize, notes: &mut Notes) {
    match value {
        Value::Null => notes.insert(Note::NullMetadata),
        Value::Object(object) => {
            if depth > 0 {
                notes.insert(Note::DeepMetadata);
            }
            object
                .values()
                .for_each(|value| look_at(value, depth + 1, notes));
        }
        Value::Array(items) => {
            if !items.iter().all(Value::is_string) {
                notes.insert(Note::MixedArray);
            }
            items.iter().for_each(|item| look_at(item, depth, notes));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
