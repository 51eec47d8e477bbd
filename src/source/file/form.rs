//! A line of NDJSON → the parts of a point, in Qdrant's form
//! (`id, vector, payload`) or Vectorize's (`id, values, metadata, namespace`).
//! Whether it fits the other lines is for [`super::shape`].
//!
//! Refused: keys that are not part of the form, and a key that occurs twice in
//! the line or among its vectors (within a payload the last one counts, as JSON
//! readers have it). Null is the same as absent.

use std::fmt;

use uuid::Uuid;

use crate::point::{Payload, PointId, SparseVector};

use super::json::{RawObject, Type, floats, integers, shown, without_position};

/// Keys that Qdrant's answers have besides a point's own; they say nothing
/// about the point that Vectorize could hold.
const PASSED_OVER: [&str; 4] = ["score", "version", "shard_key", "order_value"];

/// Whose form the lines of a file have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `{id, vector, payload}`
    Qdrant,
    /// `{id, values, metadata, namespace}`
    Vectorize,
}

impl Form {
    /// The form of a line; none when it has no key of either.
    pub(super) fn of(line: &RawObject<'_>) -> Option<Self> {
        if line.has("values") {
            Some(Self::Vectorize)
        } else if line.has("vector") || line.has("payload") {
            Some(Self::Qdrant)
        } else {
            line.has("metadata").then_some(Self::Vectorize)
        }
    }

    /// The key of the unnamed vector.
    pub(super) fn vector_key(self) -> &'static str {
        match self {
            Self::Qdrant => "vector",
            Self::Vectorize => "values",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Qdrant => "Qdrant's form (id, vector, payload)",
            Self::Vectorize => "Vectorize's form (id, values, metadata, namespace)",
        })
    }
}

/// What a line holds.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: PointId,
    pub(super) namespace: Option<String>,
    /// By name, the unnamed one under the empty name; none when the line says
    /// nothing of vectors.
    pub(super) vectors: Option<Vec<(String, Vector)>>,
    pub(super) payload: Payload,
}

/// One vector of a line.
#[derive(Debug)]
pub(super) enum Vector {
    Dense(Vec<f32>),
    Sparse(SparseVector),
}

/// Reads a line that is to have `form`.
pub(super) fn read(mut line: RawObject<'_>, form: Form) -> Result<Line, String> {
    if let Some(other) = Form::of(&line).filter(|other| *other != form) {
        return Err(format!("it has {other}, the lines before have {form}"));
    }
    let id = line.take("id").ok_or("\"id\" is missing")?;
    let id = read_id(id, form)?;
    let read = match form {
        Form::Qdrant => Line {
            id,
            namespace: None,
            vectors: line.take("vector").map(read_vectors).transpose()?,
            payload: read_object(line.take("payload"), "payload")?,
        },
        Form::Vectorize => Line {
            id,
            namespace: read_namespace(line.take("namespace"))?,
            vectors: Some(vec![read_values(line.take("values"))?]),
            payload: read_object(line.take("metadata"), "metadata")?,
        },
    };
    let unknown = line
        .into_entries()
        .find(|(key, _)| form == Form::Vectorize || !PASSED_OVER.contains(&key.as_str()));
    match unknown {
        Some((key, _)) => Err(format!("the key {key:?} is not part of {form}")),
        None => Ok(read),
    }
}

fn read_id(text: &str, form: Form) -> Result<PointId, String> {
    if Type::of(text) != Type::Text {
        return text.parse().map(PointId::Integer).map_err(|_| {
            let shown = shown(text);
            format!(
                "\"id\" is {shown}; an id is a string or a whole number from 0 to {}",
                u64::MAX
            )
        });
    }
    let text = read_text(text, "id")?;
    Ok(match (form, Uuid::try_parse(&text)) {
        (Form::Qdrant, Ok(uuid)) => PointId::Uuid(uuid),
        _ => PointId::Text(text),
    })
}

fn read_text(text: &str, key: &str) -> Result<String, String> {
    serde_json::from_str(text).map_err(|error| format!("{key:?}: {}", without_position(&error)))
}

fn read_namespace(text: Option<&str>) -> Result<Option<String>, String> {
    match text {
        None => Ok(None),
        Some(text) if Type::of(text) == Type::Text => {
            let namespace = read_text(text, "namespace")?;
            // The empty name is how services write that there is none.
            Ok(Some(namespace).filter(|name| !name.is_empty()))
        }
        Some(text) => Err(format!("\"namespace\" is {}, not a string", Type::of(text))),
    }
}

fn read_object(text: Option<&str>, key: &str) -> Result<Payload, String> {
    match text {
        None => Ok(Payload::new()),
        Some(text) if Type::of(text) == Type::Object => serde_json::from_str(text)
            .map_err(|error| format!("{key:?}: {}", without_position(&error))),
        Some(text) => Err(format!("{key:?} is {}, not an object", Type::of(text))),
    }
}

fn read_values(text: Option<&str>) -> Result<(String, Vector), String> {
    let text = text.ok_or("\"values\" is missing")?;
    Ok((
        String::new(),
        Vector::Dense(read_dense(text, "\"values\"")?),
    ))
}

fn read_vectors(text: &str) -> Result<Vec<(String, Vector)>, String> {
    match Type::of(text) {
        Type::Array => {
            let vector = Vector::Dense(read_dense(text, "\"vector\"")?);
            Ok(vec![(String::new(), vector)])
        }
        Type::Object => {
            let named = RawObject::parse(text)
                .map_err(|error| format!("\"vector\": {}", without_position(&error)))?;
            named
                .into_entries()
                .filter(|(_, text)| Type::of(text) != Type::Null)
                .map(|(name, text)| named_vector(&name, text).map(|vector| (name, vector)))
                .collect()
        }
        other => Err(format!(
            "\"vector\" is {other}, not an array or an object of named vectors"
        )),
    }
}

fn named_vector(name: &str, text: &str) -> Result<Vector, String> {
    let called = format!("vector {name:?}");
    match Type::of(text) {
        Type::Array => read_dense(text, &called).map(Vector::Dense),
        Type::Object => read_sparse(text, &called).map(Vector::Sparse),
        other => Err(format!(
            "{called} is {other}, not an array or a sparse vector"
        )),
    }
}

fn read_dense(text: &str, called: &str) -> Result<Vec<f32>, String> {
    if text[1..].trim_ascii_start().starts_with('[') {
        return Err(format!(
            "{called} is a multivector; multivectors cannot be represented in Vectorize"
        ));
    }
    let values = floats(text, called)?;
    if values.is_empty() {
        return Err(format!("{called} has no numbers"));
    }
    Ok(values)
}

fn read_sparse(text: &str, called: &str) -> Result<SparseVector, String> {
    let mut object = RawObject::parse(text)
        .map_err(|error| format!("{called}: {}", without_position(&error)))?;
    let (Some(indices), Some(values)) = (object.take("indices"), object.take("values")) else {
        return Err(format!(
            "{called} is an object without \"indices\" and \"values\""
        ));
    };
    let indices = integers(indices, &format!("the indices of {called}"))?;
    let values = floats(values, &format!("the values of {called}"))?;
    if let Some((key, _)) = object.into_entries().next() {
        return Err(format!("{called} has the unknown key {key:?}"));
    }
    if indices.len() != values.len() {
        return Err(format!(
            "{called} has {} indices and {} values",
            indices.len(),
            values.len()
        ));
    }
    Ok(SparseVector { indices, values })
}
