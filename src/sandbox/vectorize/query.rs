//! Nearest neighbours, exactly and by brute force; Vectorize approximates unless
//! values are asked for, so its answers may miss what these contain.

use rusqlite::{Transaction, params};
use serde_json::{Map, Value, json};

use super::super::reply::{Answer, Reply};
use super::super::request::Incoming;
use super::super::store::{Done, Store};
use super::filter::{Filter, Indexed};
use super::index::{Index, Metric};
use super::property;
use super::read;
use super::rules::upstream;
use super::vector::{COLUMNS, StoredRow, values_json};

const DEFAULT_TOP: usize = 5;
const MOST: usize = 100;
const MOST_WITH_CONTENT: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReturnMetadata {
    None,
    Indexed,
    All,
}

struct Question {
    vector: Vec<f32>,
    top: usize,
    return_values: bool,
    return_metadata: ReturnMetadata,
    filter: Option<Filter>,
    namespace: Option<String>,
}

struct Match {
    score: f64,
    row: StoredRow,
}

/// Query.
pub(super) fn query(store: &Store, call: &Incoming) -> Answer {
    let body = call.json(40026)?;
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        let question = Question::read(db, &index, &body)?;
        let indexes = property::active(db, &index)?;
        let matches: Value = nearest(db, &index, &question, &indexes)?
            .iter()
            .map(|found| describe(found, &question, &indexes))
            .collect();
        let count = matches.as_array().map_or(0, Vec::len);
        Ok(Reply::result(json!({"count": count, "matches": matches})))
    })
}

impl Question {
    fn read(db: &Transaction<'_>, index: &Index, body: &Value) -> Done<Self> {
        let return_values = match &body["returnValues"] {
            Value::Null => false,
            Value::Bool(wanted) => *wanted,
            _ => return Err(upstream(40026, "returnValues must be a boolean")),
        };
        let return_metadata = match &body["returnMetadata"] {
            Value::Null => ReturnMetadata::None,
            Value::String(word) => read_word(word)?,
            _ => {
                return Err(upstream(
                    40026,
                    "returnMetadata must be none, indexed or all",
                ));
            }
        };
        let content = return_values || return_metadata == ReturnMetadata::All;
        let filter = Some(&body["filter"]).filter(|filter| !filter.is_null());
        Ok(Self {
            vector: read_vector(db, index, body)?,
            top: read_top(
                &body["topK"],
                if content { MOST_WITH_CONTENT } else { MOST },
            )?,
            return_values,
            return_metadata,
            filter: filter.map(Filter::read).transpose()?,
            namespace: body["namespace"].as_str().map(str::to_owned),
        })
    }
}

fn read_word(word: &str) -> Done<ReturnMetadata> {
    match word {
        "none" => Ok(ReturnMetadata::None),
        "indexed" => Ok(ReturnMetadata::Indexed),
        "all" => Ok(ReturnMetadata::All),
        _ => Err(upstream(
            40026,
            "returnMetadata must be none, indexed or all",
        )),
    }
}

fn read_top(value: &Value, most: usize) -> Done<usize> {
    if value.is_null() {
        return Ok(DEFAULT_TOP);
    }
    let top = value.as_u64().and_then(|top| usize::try_from(top).ok());
    match top {
        Some(top) if (1..=most).contains(&top) => Ok(top),
        Some(top) => Err(upstream(
            40025,
            &format!("topK must be 1 to {most}, got {top}"),
        )),
        None => Err(upstream(40026, "topK must be a whole number")),
    }
}

fn read_vector(db: &Transaction<'_>, index: &Index, body: &Value) -> Done<Vec<f32>> {
    if let Some(id) = body["vectorId"].as_str() {
        let found = read::find(db, index, id)?;
        let missing = || upstream(40026, &format!("no vector with id {id:?}"));
        return found.map(|row| row.values).ok_or_else(missing);
    }
    let numbers = body["vector"].as_array().map(|numbers| {
        let floats = numbers
            .iter()
            .map(|number| number.as_number()?.as_str().parse().ok());
        floats.collect::<Option<Vec<f32>>>()
    });
    let Some(Some(vector)) = numbers else {
        return Err(upstream(40026, "vector must be an array of numbers"));
    };
    if vector.len() != index.dimensions {
        let message = format!(
            "invalid query vector, expected {} dimensions, and got {} dimensions",
            index.dimensions,
            vector.len()
        );
        return Err(upstream(40006, &message));
    }
    Ok(vector)
}

fn nearest(
    db: &Transaction<'_>,
    index: &Index,
    question: &Question,
    indexes: &[Indexed],
) -> Done<Vec<Match>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM vector WHERE idx = ?1 AND seq <= ?2 AND until IS NULL \
         AND (?3 IS NULL OR namespace = ?3)"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let namespace = question.namespace.as_deref();
    let rows = statement.query_map(
        params![index.idx, index.applied, namespace],
        StoredRow::from_row,
    )?;
    let mut best: Vec<Match> = Vec::with_capacity(question.top + 1);
    for row in rows {
        let row = row?;
        let passes = question
            .filter
            .as_ref()
            .is_none_or(|filter| filter.passes(indexes, row.seq, &row.metadata_json()));
        if passes {
            let score = score(index.metric, &question.vector, &row.values);
            keep_best(&mut best, Match { score, row }, index.metric, question.top);
        }
    }
    Ok(best)
}

/// Puts a match in its place among the best; ties go by id.
fn keep_best(best: &mut Vec<Match>, new: Match, metric: Metric, top: usize) {
    let distance = |found: &Match| match metric {
        Metric::Cosine => -found.score,
        Metric::Euclidean | Metric::DotProduct => found.score,
    };
    let place = best.partition_point(|known| {
        distance(known)
            .total_cmp(&distance(&new))
            .then_with(|| known.row.id.cmp(&new.row.id))
            .is_lt()
    });
    if place < top {
        best.insert(place, new);
        best.truncate(top);
    }
}

/// Cosine similarity, euclidean distance, or the negative dot product
/// (<https://developers.cloudflare.com/vectorize/best-practices/create-indexes/>).
fn score(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    match metric {
        Metric::DotProduct => -pairs().map(|(a, b)| a * b).sum::<f64>(),
        Metric::Euclidean => pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
        Metric::Cosine => {
            let dot: f64 = pairs().map(|(a, b)| a * b).sum();
            let lengths: f64 = pairs().map(|(a, _)| a * a).sum::<f64>().sqrt()
                * pairs().map(|(_, b)| b * b).sum::<f64>().sqrt();
            if lengths == 0.0 { 0.0 } else { dot / lengths }
        }
    }
}

fn describe(found: &Match, question: &Question, indexes: &[Indexed]) -> Value {
    let row = &found.row;
    let mut shown = json!({"id": row.id, "score": found.score});
    if let Some(namespace) = &row.namespace {
        shown["namespace"] = json!(namespace);
    }
    if question.return_values {
        shown["values"] = values_json(&row.values);
    }
    if row.metadata.is_some() {
        match question.return_metadata {
            ReturnMetadata::None => {}
            ReturnMetadata::All => shown["metadata"] = row.metadata_json(),
            ReturnMetadata::Indexed => shown["metadata"] = indexed_metadata(row, indexes),
        }
    }
    shown
}

fn indexed_metadata(row: &StoredRow, indexes: &[Indexed]) -> Value {
    let metadata = row.metadata_json();
    let mut shown = Map::new();
    for index in indexes {
        if let Some(value) = index.shown(row.seq, &metadata) {
            put(&mut shown, index.property(), value);
        }
    }
    Value::Object(shown)
}

/// Puts a value at a dotted path.
fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let below = object
        .entry(first)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        put(below, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_metrics_score_as_documented() {
        let (a, b) = ([3.0, 4.0], [4.0, 3.0]);
        assert!((score(Metric::Cosine, &a, &b) - 0.96).abs() < 1e-12);
        assert!((score(Metric::Euclidean, &a, &b) - 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((score(Metric::DotProduct, &a, &b) + 24.0).abs() < 1e-12);
    }
}
