//! One field of a point as templates and orders see it: where it is looked up,
//! and what text it gives. Nothing here changes a point.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Number, Value};

use crate::point::{Payload, Point};
use crate::record::number_as_f64;

/// The integers up to here, and down to its negative, are exact as f64: 2^53.
pub(super) const MAX_EXACT_INTEGER: u64 = 1 << 53;

/// A field by name, its place known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    name: String,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    SourceId,
    SourceNamespace,
    Payload,
}

impl Field {
    pub(super) fn new(name: &str) -> Self {
        let place = match name {
            "id" => Place::SourceId,
            "namespace" => Place::SourceNamespace,
            _ => Place::Payload,
        };
        Self {
            name: name.to_owned(),
            place,
        }
    }

    /// The name as it was written.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The text that the field has in this point.
    pub(super) fn text<'a>(&self, point: &'a Point) -> Result<Cow<'a, str>, MissingField> {
        match self.place {
            Place::SourceId => Ok(Cow::Owned(point.id.to_string())),
            Place::SourceNamespace => Ok(Cow::Borrowed(
                point.namespace.as_deref().unwrap_or_default(),
            )),
            Place::Payload => {
                scalar_text(payload_value(point, &self.name)).map_err(|found| MissingField {
                    field: self.name.clone(),
                    found,
                })
            }
        }
    }
}

/// The value of a payload field, by its name in a template.
fn payload_value<'a>(point: &'a Point, name: &str) -> Option<&'a Value> {
    lookup(&point.payload, name.strip_prefix('.').unwrap_or(name))
}

/// A field that gives no text for a point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field '{field}' is {found}")]
pub struct MissingField {
    /// Its name, as the template has it.
    pub field: String,
    /// What is there instead of text or a number.
    pub found: Found,
}

impl MissingField {
    /// What is there instead.
    pub(super) fn value<'a>(&self, point: &'a Point) -> Option<&'a Value> {
        payload_value(point, &self.field)
    }
}

/// What stands where text or a number was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No such field.
    Nothing,
    /// `null`.
    Null,
    /// A list.
    List,
    /// An object.
    Object,
    /// A number beyond the range of f64.
    HugeNumber,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "absent",
            Self::Null => "null",
            Self::List => "a list",
            Self::Object => "an object",
            Self::HugeNumber => "a number beyond the range of f64",
        })
    }
}

/// The value at a path: a key that is the whole path wins, then the longest key
/// that is the path's beginning.
pub(super) fn lookup<'a>(object: &'a Payload, path: &str) -> Option<&'a Value> {
    object.get(path).or_else(|| {
        path.rmatch_indices('.').find_map(|(dot, _)| {
            let inner = object.get(&path[..dot])?.as_object()?;
            lookup(inner, &path[dot + 1..])
        })
    })
}

/// As [`lookup`], to change what is there.
pub(super) fn lookup_mut<'a>(object: &'a mut Payload, path: &str) -> Option<&'a mut Value> {
    if object.contains_key(path) {
        return object.get_mut(path);
    }
    let dot = path.rmatch_indices('.').map(|(dot, _)| dot).find(|dot| {
        let inner = object.get(&path[..*dot]).and_then(Value::as_object);
        inner.is_some_and(|inner| lookup(inner, &path[dot + 1..]).is_some())
    })?;
    let inner = object.get_mut(&path[..dot])?.as_object_mut()?;
    lookup_mut(inner, &path[dot + 1..])
}

fn scalar_text(value: Option<&Value>) -> Result<Cow<'_, str>, Found> {
    match value {
        Some(Value::String(text)) => Ok(Cow::Borrowed(text)),
        Some(Value::Number(number)) => number_text(number).ok_or(Found::HugeNumber),
        Some(Value::Bool(true)) => Ok(Cow::Borrowed("true")),
        Some(Value::Bool(false)) => Ok(Cow::Borrowed("false")),
        Some(Value::Null) => Err(Found::Null),
        Some(Value::Array(_)) => Err(Found::List),
        Some(Value::Object(_)) => Err(Found::Object),
        None => Err(Found::Nothing),
    }
}

fn number_text(number: &Number) -> Option<Cow<'_, str>> {
    let digits = number.as_str();
    if is_integer(digits) && digits != "-0" {
        return Some(Cow::Borrowed(digits));
    }
    let value = number_as_f64(number);
    // Adding zero turns -0 into 0 and changes nothing else.
    value
        .is_finite()
        .then(|| Cow::Owned((value + 0.0).to_string()))
}

/// Whether a JSON number is written as an integer: no point, no exponent.
pub(super) fn is_integer(digits: &str) -> bool {
    !digits.contains(['.', 'e', 'E'])
}
