//! What a vector must satisfy to be accepted, and the form in which its metadata
//! is kept. Limits: Vectorize limits page and insert page.

use serde_json::{Map, Value};

use super::super::Unsettled;
use super::super::reply::Failure;
use super::index::{Index, Metric};
use super::line::Line;
use super::vector::float64;

const LONGEST_ID: usize = 64;
const LONGEST_NAMESPACE: usize = 64;
const LARGEST_METADATA: usize = 10_240;

/// Checks one vector for an index; the failure names the vector.
pub(super) fn check(index: &Index, line: &Line, unsettled: Unsettled) -> Result<(), Failure> {
    check_id(&line.id)?;
    check_namespace(line)?;
    check_values(index, line, unsettled)?;
    match &line.metadata {
        Some(metadata) => check_metadata(&line.id, metadata, unsettled),
        None => Ok(()),
    }
}

fn check_id(id: &str) -> Result<(), Failure> {
    if id.is_empty() {
        return Err(upstream(40008, "id must not be empty"));
    }
    if id.len() > LONGEST_ID {
        let got = id.len();
        let message = format!("id too long; max {LONGEST_ID} bytes, got {got} bytes: {id:?}");
        return Err(upstream(40008, &message));
    }
    Ok(())
}

fn check_namespace(line: &Line) -> Result<(), Failure> {
    let got = line.namespace.as_ref().map_or(0, String::len);
    if got <= LONGEST_NAMESPACE {
        return Ok(());
    }
    let id = &line.id;
    let message =
        format!("namespace too long for id {id:?}; max {LONGEST_NAMESPACE} bytes, got {got} bytes");
    Err(upstream(40009, &message))
}

fn check_values(index: &Index, line: &Line, unsettled: Unsettled) -> Result<(), Failure> {
    let (id, wanted, got) = (&line.id, index.dimensions, line.values.len());
    if got != wanted {
        let message = format!(
            "invalid vector for id {id:?}, expected {wanted} dimensions, and got {got} dimensions"
        );
        return Err(upstream(40012, &message));
    }
    let in_doubt = unsettled == Unsettled::Strict && index.metric == Metric::Cosine;
    if in_doubt && is_zero(&line.values) {
        let message = format!("invalid vector for id {id:?}, all values are zero");
        return Err(upstream(40012, &message));
    }
    Ok(())
}

fn is_zero(values: &[f32]) -> bool {
    values.iter().all(|value| *value == 0.0)
}

fn check_metadata(
    id: &str,
    metadata: &Map<String, Value>,
    unsettled: Unsettled,
) -> Result<(), Failure> {
    check_keys(id, metadata)?;
    let bytes = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
    if bytes > LARGEST_METADATA {
        let message = format!(
            "metadata for id {id:?} is too large; max {LARGEST_METADATA} bytes, got {bytes} bytes"
        );
        return Err(upstream(40016, &message));
    }
    for (key, value) in metadata {
        if unsettled == Unsettled::Strict && !is_published(value) {
            let message = format!("metadata for id {id:?} has an unsupported value at key {key:?}");
            return Err(upstream(40018, &message));
        }
    }
    Ok(())
}

fn check_keys(id: &str, object: &Map<String, Value>) -> Result<(), Failure> {
    for (key, value) in object {
        if key.is_empty() || key.starts_with('$') || key.contains(['.', '"']) {
            let message =
                format!("metadata for id {id:?} has a key with a forbidden character: {key:?}");
            return Err(upstream(40018, &message));
        }
        check_keys_below(id, value)?;
    }
    Ok(())
}

fn check_keys_below(id: &str, value: &Value) -> Result<(), Failure> {
    match value {
        Value::Object(object) => check_keys(id, object),
        Value::Array(items) => items.iter().try_for_each(|item| check_keys_below(id, item)),
        _ => Ok(()),
    }
}

/// Whether a value has a type that Cloudflare publishes: string, number, boolean,
/// array of strings, and one level of object with those.
fn is_published(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.values().all(is_flat),
        other => is_flat(other),
    }
}

fn is_flat(value: &Value) -> bool {
    match value {
        Value::Null | Value::Object(_) => false,
        Value::Array(items) => items.iter().all(Value::is_string),
        _ => true,
    }
}

/// A failure of the service behind the API.
pub(super) fn upstream(code: u32, what: &str) -> Failure {
    Failure::bad(code, format!("vectorize.upstream_error - {what}"))
}

/// Metadata as it is kept: numbers as float64. None when a number is beyond it.
pub(super) fn kept(metadata: Map<String, Value>) -> Option<String> {
    let kept = keep(Value::Object(metadata))?;
    Some(kept.to_string())
}

fn keep(value: Value) -> Option<Value> {
    Some(match value {
        Value::Number(number) => Value::Number(float64(&number)?),
        Value::Array(items) => Value::Array(items.into_iter().map(keep).collect::<Option<_>>()?),
        Value::Object(object) => {
            let entries = object
                .into_iter()
                .map(|(key, value)| Some((key, keep(value)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
        other => other,
    })
}
