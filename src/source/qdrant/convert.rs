//! The first decoder: points as gRPC sends them. Knows both wire forms of
//! vectors (servers up to 1.16 and since 1.17) and never trusts a count in them.

use std::collections::HashMap;

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vector_output::Vector;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{
    ListValue, PointId as WireId, RetrievedPoint, Struct, Value as WireValue, VectorOutput,
    VectorsOutput,
};
use serde_json::{Number, Value};
use uuid::Uuid;

use super::fields::{Fields, RawVector, VectorError};
use crate::point::{Payload, Point, PointId, SparseVector};

/// Why a point of an answer cannot be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConvertError {
    #[error("a point has no id")]
    NoId,
    #[error("the id {0:?} is not a UUID")]
    BadUuid(String),
    #[error("point {id}")]
    Vector { id: PointId, source: VectorError },
}

/// A point with every vector of `fields` that it has.
pub(super) fn point(fields: &Fields, wire: RetrievedPoint) -> Result<Point, ConvertError> {
    let id = id(wire.id)?;
    let payload = wire.payload.into_iter();
    let payload = payload.map(|(key, value)| (key, json(value))).collect();
    let vectors = wire.vectors.map(vectors).unwrap_or_default();
    fields
        .assemble(id.clone(), payload, vectors)
        .map_err(|source| ConvertError::Vector { id, source })
}

/// An id, which is an integer or a UUID as text.
pub(super) fn id(wire: Option<WireId>) -> Result<PointId, ConvertError> {
    match wire.and_then(|id| id.point_id_options) {
        None => Err(ConvertError::NoId),
        Some(PointIdOptions::Num(number)) => Ok(PointId::Integer(number)),
        Some(PointIdOptions::Uuid(text)) => match Uuid::try_parse(&text) {
            Ok(uuid) => Ok(PointId::Uuid(uuid)),
            Err(_) => Err(ConvertError::BadUuid(text)),
        },
    }
}

/// The other direction; none for text, which no Qdrant id is.
pub(super) fn wire_id(id: &PointId) -> Option<WireId> {
    let options = match id {
        PointId::Integer(number) => PointIdOptions::Num(*number),
        PointId::Uuid(uuid) => PointIdOptions::Uuid(uuid.hyphenated().to_string()),
        PointId::Text(_) => return None,
    };
    Some(WireId {
        point_id_options: Some(options),
    })
}

/// Integers stay integers and doubles stay recognisable (`1.0`). NaN and
/// infinities, which JSON and so Qdrant cannot hold, become null. Integers
/// beyond i64 arrive as doubles: Qdrant's gRPC side cannot send them otherwise.
pub(super) fn json(wire: WireValue) -> Value {
    match wire.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::IntegerValue(value)) => Value::from(value),
        Some(Kind::DoubleValue(value)) => {
            Number::from_f64(value).map_or(Value::Null, Value::Number)
        }
        Some(Kind::StringValue(value)) => Value::String(value),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(object)) => {
            let entries = object.fields.into_iter();
            Value::Object(entries.map(|(key, value)| (key, json(value))).collect())
        }
    }
}

/// The other direction: an integer where the text is one that i64 holds, else a
/// double. None for a number that no double holds (`1e999`).
pub(super) fn wire_value(json: &Value) -> Option<WireValue> {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => wire_number(number)?,
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => Kind::ListValue(ListValue {
            values: items.iter().map(wire_value).collect::<Option<_>>()?,
        }),
        Value::Object(object) => Kind::StructValue(Struct {
            fields: wire_payload(object)?,
        }),
    };
    Some(WireValue { kind: Some(kind) })
}

/// A payload's values; none where one of its numbers cannot be held.
pub(super) fn wire_payload(payload: &Payload) -> Option<HashMap<String, WireValue>> {
    let entries = payload.iter();
    entries
        .map(|(key, value)| Some((key.clone(), wire_value(value)?)))
        .collect()
}

fn wire_number(number: &Number) -> Option<Kind> {
    let text = number.to_string();
    // "-0" is a number of its own among doubles alone.
    let integer = text.parse().ok().filter(|_| text != "-0");
    match integer {
        Some(integer) => Some(Kind::IntegerValue(integer)),
        None => {
            let double: f64 = text.parse().ok()?;
            double.is_finite().then_some(Kind::DoubleValue(double))
        }
    }
}

fn vectors(wire: VectorsOutput) -> Vec<(String, RawVector)> {
    match wire.vectors_options {
        None => Vec::new(),
        Some(VectorsOptions::Vector(vector)) => vec![(String::new(), raw_vector(vector))],
        Some(VectorsOptions::Vectors(named)) => {
            let entries = named.vectors.into_iter();
            entries
                .map(|(name, vector)| (name, raw_vector(vector)))
                .collect()
        }
    }
}

/// The client's own `into_vector` divides by the count of a multivector, which
/// an old server may send as zero.
#[allow(deprecated, reason = "the wire form of servers up to 1.16")]
fn raw_vector(wire: VectorOutput) -> RawVector {
    match wire.vector {
        Some(Vector::Dense(vector)) => RawVector::Dense(vector.data),
        Some(Vector::Sparse(vector)) => sparse(vector.indices, vector.values),
        Some(Vector::MultiDense(_)) => RawVector::Multi,
        None if wire.vectors_count.is_some() => RawVector::Multi,
        None => match wire.indices {
            Some(indices) => sparse(indices.data, wire.data),
            None => RawVector::Dense(wire.data),
        },
    }
}

fn sparse(indices: Vec<u32>, values: Vec<f32>) -> RawVector {
    RawVector::Sparse(SparseVector {
        indices: indices.into_iter().map(i64::from).collect(),
        values,
    })
}

#[cfg(test)]
mod tests;
