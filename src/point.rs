//! What a source holds: points, their ids, vectors and payloads, and the shape
//! a whole collection has. Nothing here knows Vectorize's limits (see
//! [`crate::record`]) or any source's wire format (see [`crate::source`]).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A point's id as the source holds it, with its kind.
///
/// The order is Qdrant's scroll order: integers by value, then UUIDs by bytes;
/// free text (files, Upstash) comes last, by bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "lowercase")]
pub enum PointId {
    /// An unsigned 64-bit integer.
    Integer(u64),
    /// A UUID; printed in lower case with hyphens.
    Uuid(Uuid),
    /// Any other text.
    Text(String),
}

impl PointId {
    /// The name of the id's kind, as the archive stores it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "integer",
            Self::Uuid(_) => "uuid",
            Self::Text(_) => "text",
        }
    }

    /// Reads back what [`PointId::kind`] and `Display` gave; none when the text
    /// is not an id of that kind.
    pub fn from_parts(kind: &str, text: &str) -> Option<Self> {
        match kind {
            "integer" => text.parse().ok().map(Self::Integer),
            "uuid" => Uuid::try_parse(text).ok().map(Self::Uuid),
            "text" => Some(Self::Text(text.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Uuid(uuid) => write!(f, "{}", uuid.hyphenated()),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A point's name: ids are unique within a namespace, not beyond it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointName {
    /// The source's namespace; none for the default one.
    pub namespace: Option<String>,
    /// The source's id.
    pub id: PointId,
}

impl From<PointId> for PointName {
    /// A name outside of any namespace.
    fn from(id: PointId) -> Self {
        Self {
            namespace: None,
            id,
        }
    }
}

impl Point {
    /// Its name.
    pub fn name(&self) -> PointName {
        PointName {
            namespace: self.namespace.clone(),
            id: self.id.clone(),
        }
    }
}

/// A point's payload: a JSON object whose numbers keep the digits they came with.
pub type Payload = serde_json::Map<String, Value>;

/// The deepest payload, itself counted: what a reader of JSON takes, and so an archive.
pub const MAX_PAYLOAD_LEVELS: usize = 127;

/// How large a payload is, without writing it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// How deep it nests: 1 for an object of scalars.
    pub levels: usize,
    /// Bytes of all its keys, texts and digits.
    pub bytes: usize,
}

impl Extent {
    /// Of a payload.
    pub fn of(payload: &Payload) -> Self {
        let mut extent = Self::default();
        extent.add_object(payload, 1);
        extent
    }

    fn add_object(&mut self, object: &Payload, level: usize) {
        self.levels = self.levels.max(level);
        for (key, value) in object {
            self.bytes += key.len();
            self.add(value, level);
        }
    }

    fn add(&mut self, value: &Value, level: usize) {
        match value {
            Value::Object(object) => self.add_object(object, level + 1),
            Value::Array(items) => {
                self.levels = self.levels.max(level + 1);
                items.iter().for_each(|item| self.add(item, level + 1));
            }
            Value::String(text) => self.bytes += text.len(),
            Value::Number(number) => self.bytes += number.as_str().len(),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// Room for a chunk of text and what is said about it.
const USUAL_PAYLOAD_BYTES: usize = 1 << 10;

/// A payload as compact JSON with the keys of every object sorted by bytes, so
/// that two sources that only shuffle keys give the same text.
pub fn canonical_json(payload: &Payload) -> String {
    let mut json = Vec::with_capacity(USUAL_PAYLOAD_BYTES);
    write_object(payload, &mut json);
    String::from_utf8(json).expect("what was text is text as JSON")
}

fn write_object(object: &Payload, json: &mut Vec<u8>) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
    json.push(b'{');
    for (position, (key, value)) in entries.into_iter().enumerate() {
        if position > 0 {
            json.push(b',');
        }
        write_text(key, json);
        json.push(b':');
        write_value(value, json);
    }
    json.push(b'}');
}

fn write_value(value: &Value, json: &mut Vec<u8>) {
    match value {
        Value::Object(object) => write_object(object, json),
        Value::Array(items) => {
            json.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    json.push(b',');
                }
                write_value(item, json);
            }
            json.push(b']');
        }
        Value::String(text) => write_text(text, json),
        Value::Number(number) => json.extend_from_slice(number.as_str().as_bytes()),
        Value::Bool(true) => json.extend_from_slice(b"true"),
        Value::Bool(false) => json.extend_from_slice(b"false"),
        Value::Null => json.extend_from_slice(b"null"),
    }
}

fn write_text(text: &str, json: &mut Vec<u8>) {
    serde_json::to_writer(json, text).expect("text can be written to a Vec");
}

/// A sparse vector: positions and the values at them, both of one length.
///
/// Positions are `i64` so that Qdrant's `u32` and Upstash's `i32` both fit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SparseVector {
    /// Positions, in the source's order.
    pub indices: Vec<i64>,
    /// The value at each position.
    pub values: Vec<f32>,
}

/// One point, complete: every vector it has and its payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The source's own id.
    pub id: PointId,
    /// The source's namespace; none where the source has no such thing, or for
    /// its default namespace.
    pub namespace: Option<String>,
    /// One entry for each of [`Shape::dense`], in that order; none where the
    /// point lacks that vector.
    pub dense: Vec<Option<Vec<f32>>>,
    /// One entry for each of [`Shape::sparse`], in that order.
    pub sparse: Vec<Option<SparseVector>>,
    /// The payload; empty where the source has none.
    pub payload: Payload,
    /// Upstash's text beside the metadata ([`Shape::data`]); none where the point
    /// has none.
    pub data: Option<String>,
}

/// A source's way of comparing vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// Cosine similarity.
    Cosine,
    /// L2 distance.
    Euclid,
    /// Dot product.
    Dot,
    /// Sum of absolute differences: Vectorize has no such metric.
    Manhattan,
}

impl Distance {
    /// Its name, as the command line and manifests have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclid => "euclid",
            Self::Dot => "dot",
            Self::Manhattan => "manhattan",
        }
    }
}

/// One dense vector that the points of a collection have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseField {
    /// Its name; empty for the unnamed vector.
    pub name: String,
    /// Its length in numbers.
    pub dimensions: usize,
    /// How the source compares it; none where the source does not say (files).
    pub distance: Option<Distance>,
}

/// What every point of a collection is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shape {
    /// Dense vectors, sorted by name (the unnamed one first).
    pub dense: Vec<DenseField>,
    /// Names of sparse vectors, sorted.
    pub sparse: Vec<String>,
    /// Whether points may have a text beside the payload (Upstash's `data`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub data: bool,
}

impl Shape {
    /// The position in [`Shape::dense`] of the vector of that name.
    pub fn dense_position(&self, name: &str) -> Option<usize> {
        self.dense.iter().position(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests;
