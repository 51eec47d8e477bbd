//! A point and the record it becomes, as `transform --show` has them.

use serde::Serialize;

use crate::point::Payload;
use crate::transform::Rejection;

/// A point before and after the transform.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownPoint {
    /// Its place in the archive, from 0.
    pub ordinal: u64,
    /// The source's id.
    pub id: String,
    /// `integer`, `uuid` or `text`.
    pub id_kind: &'static str,
    /// The source's namespace.
    pub namespace: Option<String>,
    /// The chosen vector, where the point has it.
    pub vector: Option<ShownVector>,
    /// The source's text beside the payload.
    pub data: Option<String>,
    /// The source's payload.
    pub payload: Payload,
    /// What it becomes; none where it is rejected.
    pub record: Option<ShownRecord>,
    /// What was noticed, by its stable name.
    pub notes: Vec<&'static str>,
    /// Why it does not become a record, as a line of `rejected.ndjson`.
    pub rejection: Option<Rejection>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownRecord {
    /// The vector id.
    pub id: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// The vector.
    pub vector: ShownVector,
    /// The key of its file in the file index.
    pub file_key: Option<String>,
    /// What it is ordered by within the file.
    pub order: Option<String>,
    /// The metadata.
    pub metadata: Payload,
}

/// A vector's length and beginning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownVector {
    /// How many numbers it has.
    pub dimensions: usize,
    /// The first of them.
    pub first: Vec<f32>,
}
