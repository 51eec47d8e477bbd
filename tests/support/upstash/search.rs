//! Exact search over a namespace, with Upstash's scores.

use serde_json::{Value, json};

use super::calls::parts;
use super::http::Outcome;
use super::index::Index;

/// One query, or a list of them.
pub(super) fn query(index: &Index, namespace: &str, body: &Value) -> Outcome {
    match body {
        Value::Array(several) => several
            .iter()
            .map(|body| one(index, namespace, body))
            .collect(),
        single => one(index, namespace, single),
    }
}

fn one(index: &Index, namespace: &str, body: &Value) -> Outcome {
    let wanted = numbers(&body["vector"]).ok_or((422, "a vector is required".to_owned()))?;
    if wanted.len() != index.dimensions {
        let (found, expected) = (wanted.len(), index.dimensions);
        return Err((
            422,
            format!("Invalid vector dimension: {found}, expected: {expected}"),
        ));
    }
    let Some(namespace) = index.namespaces.get(namespace) else {
        return Ok(json!([]));
    };
    let scored = namespace.all().filter_map(|vector| {
        let values = numbers(vector.get("vector")?)?;
        Some((score(index.similarity, &wanted, &values), vector))
    });
    let mut scored: Vec<_> = scored.collect();
    scored.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    let top = body["topK"].as_u64().unwrap_or(10) as usize;
    let found = scored.into_iter().take(top).map(|(score, vector)| {
        let mut found = parts(vector, body, false);
        found.insert("score".to_owned(), json!(score));
        Value::Object(found)
    });
    Ok(found.collect())
}

fn score(similarity: &str, left: &[f64], right: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    match similarity {
        "EUCLIDEAN" => {
            let squares = left.iter().zip(right).map(|(a, b)| (a - b) * (a - b));
            1.0 / (1.0 + squares.sum::<f64>())
        }
        "DOT_PRODUCT" => (1.0 + dot(left, right)) / 2.0,
        _ => {
            let lengths = (dot(left, left) * dot(right, right)).sqrt();
            (1.0 + dot(left, right) / lengths) / 2.0
        }
    }
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}
