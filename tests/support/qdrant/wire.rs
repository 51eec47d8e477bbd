//! Points as answers carry them: both wire forms of vectors, selection, and keys
//! in another order in every answer.

use std::collections::HashMap;

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vector_output::Vector;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::with_vectors_selector::SelectorOptions;
use qdrant_client::qdrant::{
    DenseVector, NamedVectorsOutput, RetrievedPoint, SparseIndices, Value, VectorOutput,
    VectorsOutput, WithVectorsSelector,
};

/// Which fields hold a vector: servers up to 1.16 used the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    Old,
    #[default]
    New,
}

/// One unnamed dense vector.
pub fn unnamed(data: Vec<f32>) -> VectorsOutput {
    VectorsOutput {
        vectors_options: Some(VectorsOptions::Vector(VectorOutput {
            vector: Some(Vector::Dense(DenseVector { data })),
            ..VectorOutput::default()
        })),
    }
}

/// Only the vectors asked for; none by default.
pub(super) fn select(point: &mut RetrievedPoint, wanted: Option<&WithVectorsSelector>) {
    match wanted.and_then(|wanted| wanted.selector_options.as_ref()) {
        Some(SelectorOptions::Enable(true)) => {}
        Some(SelectorOptions::Include(names)) => match vectors(point) {
            Some(VectorsOptions::Vectors(named)) => {
                named.vectors.retain(|name, _| names.names.contains(name));
            }
            Some(VectorsOptions::Vector(_)) if names.names.iter().any(String::is_empty) => {}
            _ => point.vectors = None,
        },
        _ => point.vectors = None,
    }
}

/// Whether the point has a vector of that name.
pub(super) fn has(point: &RetrievedPoint, name: &str) -> bool {
    let vectors = point.vectors.as_ref();
    match vectors.and_then(|vectors| vectors.vectors_options.as_ref()) {
        None => false,
        Some(VectorsOptions::Vector(_)) => name.is_empty(),
        Some(VectorsOptions::Vectors(named)) => named.vectors.contains_key(name),
    }
}

fn vectors(point: &mut RetrievedPoint) -> Option<&mut VectorsOptions> {
    point.vectors.as_mut()?.vectors_options.as_mut()
}

/// All vectors of a point, to be changed.
pub(super) fn each_vector(point: &mut RetrievedPoint) -> Vec<&mut VectorOutput> {
    match vectors(point) {
        None => Vec::new(),
        Some(VectorsOptions::Vector(vector)) => vec![vector],
        Some(VectorsOptions::Vectors(named)) => named.vectors.values_mut().collect(),
    }
}

/// The vector in the form of servers up to 1.16.
#[allow(deprecated, reason = "the wire form of servers up to 1.16")]
pub(super) fn to_old_form(output: &mut VectorOutput) {
    match output.vector.take() {
        None => {}
        Some(Vector::Dense(dense)) => output.data = dense.data,
        Some(Vector::Sparse(sparse)) => {
            output.data = sparse.values;
            output.indices = Some(SparseIndices {
                data: sparse.indices,
            });
        }
        Some(Vector::MultiDense(multi)) => {
            output.vectors_count = u32::try_from(multi.vectors.len()).ok();
            output.data = multi.vectors.into_iter().flat_map(|v| v.data).collect();
        }
    }
}

/// The vector in the form of servers from 1.17 on.
#[allow(deprecated, reason = "recordings hold both forms")]
pub(super) fn to_new_form(output: &mut VectorOutput) {
    if output.vector.is_none() {
        *output = VectorOutput {
            vector: Some(std::mem::take(output).into_vector()),
            ..VectorOutput::default()
        };
    }
}

/// Changes one number of one dense vector in the smallest way there is.
pub(super) fn nudge(point: &mut RetrievedPoint) {
    for output in each_vector(point) {
        to_new_form(output);
        if let Some(Vector::Dense(dense)) = &mut output.vector
            && let Some(number) = dense.data.first_mut()
        {
            *number = number.next_up();
            return;
        }
    }
}

/// Every map anew, so that each has another hash seed and so another order.
pub(super) fn shuffled(mut point: RetrievedPoint) -> RetrievedPoint {
    point.payload = shuffled_map(point.payload);
    if let Some(VectorsOptions::Vectors(NamedVectorsOutput { vectors })) = vectors(&mut point) {
        *vectors = std::mem::take(vectors).into_iter().collect();
    }
    point
}

fn shuffled_map(map: HashMap<String, Value>) -> HashMap<String, Value> {
    let entries = map.into_iter();
    entries
        .map(|(key, value)| (key, shuffled_value(value)))
        .collect()
}

fn shuffled_value(mut value: Value) -> Value {
    match &mut value.kind {
        Some(Kind::StructValue(object)) => {
            object.fields = shuffled_map(std::mem::take(&mut object.fields));
        }
        Some(Kind::ListValue(list)) => {
            let values = std::mem::take(&mut list.values).into_iter();
            list.values = values.map(shuffled_value).collect();
        }
        _ => {}
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message;

    use super::*;

    #[test]
    fn keys_come_in_another_order_in_every_answer() {
        let keys = (0..7).map(|key| (format!("key{key}"), Value::from(key)));
        let mut point = RetrievedPoint {
            payload: keys.collect(),
            ..RetrievedPoint::default()
        };
        let mut seen = HashSet::new();
        for _ in 0..50 {
            point = shuffled(point);
            seen.insert(point.encode_to_vec());
        }
        assert!(seen.len() > 10, "{} orders in 50 answers", seen.len());
    }
}
