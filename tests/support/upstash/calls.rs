//! The endpoints.

use serde_json::{Map, Value, json};

use super::State;
use super::faults::End;
use super::http::Outcome;
use super::index::{Index, id_of};
use super::search;

/// The most vectors of a page, unless a switch says less.
const MOST: usize = 1_000;

pub(super) fn call(state: &mut State, endpoint: &str, namespace: &str, body: &Value) -> Outcome {
    match endpoint {
        "info" => Ok(info(state)),
        "list-namespaces" => Ok(json!(state.index.namespaces.keys().collect::<Vec<_>>())),
        "range" => range(state, namespace, body),
        "fetch" => fetch(state, namespace, body),
        "query" => search::query(&state.index, namespace, body),
        "upsert" => upsert(&mut state.index, namespace, body),
        "update" => update(&mut state.index, namespace, body),
        "delete" => delete(&mut state.index, namespace, body),
        "reset" => {
            *state.index.namespace(namespace) = super::index::Namespace::default();
            Ok(json!("Success"))
        }
        "delete-namespace" if namespace.is_empty() => {
            Err((422, "Cannot delete the default namespace".to_owned()))
        }
        "delete-namespace" => {
            state.index.namespaces.remove(namespace);
            Ok(json!("Success"))
        }
        _ => Err((404, "Not Found".to_owned())),
    }
}

fn info(state: &mut State) -> Value {
    let mut pending = state.faults.pending_now();
    let counts = state.index.namespaces.iter().map(|(name, namespace)| {
        let all = namespace.len() as u64;
        let waiting = pending.min(all);
        pending -= waiting;
        let counts = json!({"vectorCount": all - waiting, "pendingVectorCount": waiting});
        (name.clone(), counts)
    });
    let namespaces: Map<String, Value> = counts.collect();
    let sum = |part: &str| {
        namespaces
            .values()
            .filter_map(|counts| counts[part].as_u64())
            .sum::<u64>()
    };
    let index = &state.index;
    let mut info = json!({
        "vectorCount": sum("vectorCount"),
        "pendingVectorCount": sum("pendingVectorCount"),
        "indexSize": 4096,
        "dimension": index.dimensions,
        "similarityFunction": index.similarity,
        "indexType": index.kind,
        "namespaces": namespaces,
    });
    if index.kind != "SPARSE" {
        info["denseIndex"] = json!({
            "dimension": index.dimensions, "similarityFunction": index.similarity,
            "embeddingModel": state.faults.model,
        });
    }
    if index.kind != "DENSE" {
        info["sparseIndex"] = json!({"embeddingModel": ""});
    }
    let fields = info.as_object_mut().expect("it was just made");
    fields.retain(|name, _| !state.faults.info_lacks.contains(&name.as_str()));
    info
}

fn range(state: &State, namespace: &str, body: &Value) -> Outcome {
    let limit = body["limit"].as_u64().unwrap_or(0) as usize;
    let (most, status) = state.faults.most_per_page.unwrap_or((MOST, 400));
    if limit == 0 || limit > most {
        return Err((status, format!("limit must be between 1 and {most}")));
    }
    let cursor = cursor(state, &body["cursor"]).ok_or((422, "Invalid cursor".to_owned()))?;
    let empty = json!({"nextCursor": "", "vectors": []});
    let Some(namespace) = state.index.namespaces.get(namespace) else {
        return Ok(empty);
    };
    if state.faults.empty_pages && !cursor.passed {
        return Ok(json!({"nextCursor": format!("{}!", cursor.position), "vectors": []}));
    }
    let prefix = body["prefix"].as_str().unwrap_or_default();
    let from = cursor.position.saturating_sub(state.faults.repeats);
    let limit = limit.max(state.faults.repeats + 1);
    let (found, next) = namespace.from(from, limit, prefix);
    let vectors = found.iter().map(|vector| shown(state, vector, body));
    let mut page = json!({"vectors": vectors.collect::<Vec<_>>()});
    match (next, state.faults.end) {
        (_, _) if state.faults.cursors_circle => {
            page["nextCursor"] = json!(circle(cursor.position))
        }
        (Some(next), _) => page["nextCursor"] = json!(next.to_string()),
        (None, End::Empty) => page["nextCursor"] = json!(""),
        (None, End::Null) => page["nextCursor"] = Value::Null,
        (None, End::Absent) => {}
    }
    Ok(page)
}

/// 0, 1, 2, 3, 1, 2, 3, …
fn circle(position: usize) -> String {
    (position % 3 + 1).to_string()
}

struct Cursor {
    position: usize,
    /// Whether an empty page was given for it.
    passed: bool,
}

/// `""` means the beginning too, and numbers are taken (the JS tests send one).
fn cursor(state: &State, given: &Value) -> Option<Cursor> {
    let text = match given {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let passed = text.ends_with('!');
    let text = text.trim_end_matches('!');
    let position = if text.is_empty() {
        0
    } else {
        text.parse().ok()?
    };
    let valid = position == 0 || !state.faults.cursors_invalid;
    valid.then_some(Cursor { position, passed })
}

fn fetch(state: &State, namespace: &str, body: &Value) -> Outcome {
    let Some(namespace) = state.index.namespaces.get(namespace) else {
        return Ok(match body["ids"].as_array() {
            Some(ids) => json!(vec![Value::Null; ids.len()]),
            None => json!([]),
        });
    };
    if let Some(prefix) = body["prefix"].as_str() {
        let (found, _) = namespace.from(0, MOST, prefix);
        return Ok(found
            .iter()
            .map(|vector| shown(state, vector, body))
            .collect());
    }
    let ids = body["ids"]
        .as_array()
        .ok_or((400, "ids or prefix is required".to_owned()))?;
    let (most, status) = state.faults.most_per_page.unwrap_or((MOST, 400));
    if ids.len() > most {
        return Err((status, format!("at most {most} ids")));
    }
    let one = |id: &Value| {
        let found = id_of(id).and_then(|id| namespace.get(&id));
        found.map_or(Value::Null, |vector| shown(state, vector, body))
    };
    Ok(ids.iter().map(one).collect())
}

/// A vector with the parts that were asked for.
pub(super) fn shown(state: &State, vector: &Map<String, Value>, body: &Value) -> Value {
    let mut shown = parts(vector, body, state.faults.null_fields);
    let id = vector["id"].as_str().unwrap_or_default();
    if let (true, Ok(number)) = (state.faults.numeric_ids, id.parse::<u64>()) {
        shown.insert("id".to_owned(), json!(number));
    }
    Value::Object(shown)
}

pub(super) fn parts(vector: &Map<String, Value>, body: &Value, nulls: bool) -> Map<String, Value> {
    let mut parts = Map::from_iter([("id".to_owned(), vector["id"].clone())]);
    for (name, flag) in [
        ("vector", "includeVectors"),
        ("sparseVector", "includeVectors"),
        ("metadata", "includeMetadata"),
        ("data", "includeData"),
    ] {
        match vector.get(name) {
            Some(part) if body[flag] == true => parts.insert(name.to_owned(), part.clone()),
            None if nulls => parts.insert(name.to_owned(), Value::Null),
            _ => None,
        };
    }
    parts
}

fn upsert(index: &mut Index, namespace: &str, body: &Value) -> Outcome {
    let vectors = match body {
        Value::Array(vectors) => vectors.clone(),
        one => vec![one.clone()],
    };
    for vector in &vectors {
        id_of(&vector["id"]).ok_or((400, "id may not be empty".to_owned()))?;
        if let Some(values) = vector["vector"].as_array()
            && values.len() != index.dimensions
        {
            let (found, expected) = (values.len(), index.dimensions);
            let text = format!("Invalid vector dimension: {found}, expected: {expected}");
            return Err((422, text));
        }
    }
    for vector in vectors {
        index.put(namespace, vector);
    }
    Ok(json!("Success"))
}

fn update(index: &mut Index, namespace: &str, body: &Value) -> Outcome {
    let id = id_of(&body["id"]).ok_or((400, "id may not be empty".to_owned()))?;
    let Some(vector) = index.namespace(namespace).get_mut(&id) else {
        return Ok(json!({"updated": 0}));
    };
    for part in ["vector", "sparseVector", "metadata", "data"] {
        if !body[part].is_null() {
            vector.insert(part.to_owned(), body[part].clone());
        }
    }
    Ok(json!({"updated": 1}))
}

/// Takes `{ids}`, `{prefix}`, a list, or one id.
fn delete(index: &mut Index, namespace: &str, body: &Value) -> Outcome {
    let namespace = index.namespace(namespace);
    let ids: Vec<String> = match (body, body["ids"].as_array(), body["prefix"].as_str()) {
        (_, Some(ids), _) => ids.iter().filter_map(id_of).collect(),
        (_, _, Some(prefix)) => {
            let (found, _) = namespace.from(0, usize::MAX, prefix);
            found
                .iter()
                .filter_map(|vector| id_of(&vector["id"]))
                .collect()
        }
        (Value::Array(ids), ..) => ids.iter().filter_map(id_of).collect(),
        (one, ..) => id_of(one).into_iter().collect(),
    };
    let deleted = ids.iter().filter(|id| namespace.delete(id)).count();
    Ok(json!({ "deleted": deleted }))
}
