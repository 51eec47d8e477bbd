//! JSON as far as points need it: objects whose values are still text, and
//! numbers read from their digits straight into f32. Errors are reasons that a
//! message can quote. Files and services that speak JSON share it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The most keys of an object that is read as one of a known form: a point, or named
/// vectors.
const MAX_KEYS: usize = 1_000;
/// How much of an offending text is shown.
const SHOWN_CHARS: usize = 40;

/// What a JSON value is, by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

impl Type {
    pub(super) fn of(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Bool,
            Some(b'"') => Self::Text,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// An object's entries, values unread; no key occurs twice.
pub(super) struct RawObject<'a>(Vec<(String, &'a RawValue)>);

impl<'a> RawObject<'a> {
    /// Reads the object that `text` is.
    pub(super) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Takes out the value of a key; none where it is absent or null.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a str> {
        let position = self.0.iter().position(|(name, _)| name == key)?;
        let text = self.0.swap_remove(position).1.get();
        (Type::of(text) != Type::Null).then_some(text)
    }

    /// Whether there is such a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// The entries that were not taken.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, &'a str)> {
        self.0.into_iter().map(|(key, value)| (key, value.get()))
    }
}

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries: Vec<(String, &RawValue)> = Vec::with_capacity(4);
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    // Each key is compared with all before it: a few are all that any form has.
                    if entries.len() == MAX_KEYS {
                        let many = format!("it has more than {MAX_KEYS} keys");
                        return Err(serde::de::Error::custom(many));
                    }
                    if entries.iter().any(|(name, _)| *name == key) {
                        let twice = format!("the key {key:?} occurs twice");
                        return Err(serde::de::Error::custom(twice));
                    }
                    entries.push((key, value));
                }
                Ok(RawObject(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// The numbers of the array that `text` is, exactly rounded to f32; `name` is
/// what the reason calls it.
pub(super) fn floats(text: &str, name: &str) -> Result<Vec<f32>, String> {
    numbers(text, name, |number| match number.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err("beyond the range of 32-bit floats"),
        Err(_) => Err("not a number"),
    })
}

/// The whole numbers of the array that `text` is.
pub(super) fn integers(text: &str, name: &str) -> Result<Vec<i64>, String> {
    numbers(text, name, |number| {
        number.parse().map_err(|_| "not a whole number of 64 bits")
    })
}

fn numbers<N>(
    text: &str,
    name: &str,
    parse: impl Fn(&str) -> Result<N, &'static str>,
) -> Result<Vec<N>, String> {
    let Some(inner) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return Err(format!(
            "{name} is {}, not an array of numbers",
            Type::of(text)
        ));
    };
    if inner.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    // The text is known to be valid JSON, so between commas stands a number, or
    // something (a piece of a string, of an object) that no number looks like.
    let mut values = Vec::with_capacity(inner.len() / 8);
    for (position, piece) in inner.split(',').enumerate() {
        let piece = piece.trim_ascii();
        match parse(piece) {
            Ok(value) => values.push(value),
            Err(reason) => {
                let (ordinal, shown) = (position + 1, shown(piece));
                return Err(format!("number {ordinal} of {name} is {shown}: {reason}"));
            }
        }
    }
    Ok(values)
}

/// A text as an error shows it.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Why a whole line is not a JSON object.
pub(super) fn line_reason(error: &serde_json::Error, line: &str) -> String {
    if error.is_data() && !line.starts_with('{') {
        return format!("it is {}, not a JSON object", Type::of(line));
    }
    if error.is_data() {
        return without_position(error);
    }
    let column = error.column();
    let around = line
        .as_bytes()
        .get(column.saturating_sub(1)..)
        .unwrap_or_default();
    let not_finite = ["NaN", "Infinity", "nan", "inf"]
        .into_iter()
        .find(|token| around.starts_with(token.as_bytes()));
    match not_finite {
        Some(token) => format!("{token} is not JSON, and no vector may hold it (column {column})"),
        None => format!(
            "it is not JSON: {} (column {column})",
            without_position(error)
        ),
    }
}

/// An error's text without the place, which would be that within a piece.
pub(super) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
