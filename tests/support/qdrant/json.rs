//! Points as REST writes them, for those that were not recorded over REST.

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vector_output::Vector;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{RetrievedPoint, Value as WireValue, VectorOutput};
use serde_json::{Map, Value, json};

use super::collection::Id;

pub(super) fn point(point: RetrievedPoint) -> Value {
    let id = match Id::of(point.id.as_ref()).expect("held points have ids") {
        Id::Number(number) => json!(number),
        Id::Uuid(bits) => json!(uuid::Uuid::from_u128(bits).to_string()),
    };
    let payload = point.payload.into_iter();
    let payload: Map<_, _> = payload.map(|(key, item)| (key, value(item))).collect();
    let vector = match point.vectors.and_then(|vectors| vectors.vectors_options) {
        None => json!({}),
        Some(VectorsOptions::Vector(output)) => vector(output),
        Some(VectorsOptions::Vectors(named)) => {
            let named = named.vectors.into_iter();
            Value::Object(named.map(|(name, output)| (name, vector(output))).collect())
        }
    };
    json!({ "id": id, "payload": payload, "vector": vector })
}

fn vector(output: VectorOutput) -> Value {
    match output.into_vector() {
        Vector::Dense(dense) => numbers(&dense.data),
        Vector::Sparse(sparse) => {
            json!({ "indices": sparse.indices, "values": numbers(&sparse.values) })
        }
        Vector::MultiDense(multi) => multi.vectors.iter().map(|v| numbers(&v.data)).collect(),
    }
}

/// In the shortest form of `f32`, as Qdrant prints them.
fn numbers(values: &[f32]) -> Value {
    serde_json::from_str(&format!("{values:?}")).expect("finite numbers are JSON")
}

fn value(wire: WireValue) -> Value {
    match wire.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(item)) => json!(item),
        Some(Kind::IntegerValue(item)) => json!(item),
        Some(Kind::DoubleValue(item)) => json!(item),
        Some(Kind::StringValue(item)) => json!(item),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value).collect(),
        Some(Kind::StructValue(object)) => {
            let fields = object.fields.into_iter();
            Value::Object(fields.map(|(key, item)| (key, value(item))).collect())
        }
    }
}
