//! How a collection that is there compares with one that is wanted: conflicts, which
//! would change what points are or how they are compared, and other differences.
//! Pure.

use std::collections::{BTreeSet, HashMap};

use qdrant_client::qdrant::{
    CollectionParams, Datatype, Distance, SparseVectorParams, VectorParams,
};
use serde_json::Value;

use super::super::configuration::Settings;
use super::super::fields::called;
use super::super::shape::dense_params;
use super::blueprint::distance_name;

/// Why points of `wanted` are not what `held` is for. A distance that is not known
/// stands against none.
pub(super) fn conflicts(wanted: &Settings, held: &Settings) -> Vec<String> {
    let (wanted, held) = (params(wanted), params(held));
    let mut found = dense_conflicts(&dense_params(&wanted), &dense_params(&held));
    found.extend(sparse_conflicts(
        &sparse_params(&wanted),
        &sparse_params(&held),
    ));
    found
}

fn params(settings: &Settings) -> CollectionParams {
    settings.config.params.clone().unwrap_or_default()
}

fn sparse_params(params: &CollectionParams) -> HashMap<String, SparseVectorParams> {
    let sparse = params.sparse_vectors_config.as_ref();
    sparse.map(|config| config.map.clone()).unwrap_or_default()
}

/// The names of both, sorted.
fn names<'a, T>(one: &'a HashMap<String, T>, other: &'a HashMap<String, T>) -> BTreeSet<&'a str> {
    one.keys().chain(other.keys()).map(String::as_str).collect()
}

fn dense_conflicts(
    wanted: &HashMap<String, VectorParams>,
    held: &HashMap<String, VectorParams>,
) -> Vec<String> {
    let of = |name: &str| match (wanted.get(name), held.get(name)) {
        (Some(wanted), Some(held)) => dense_conflict(name, wanted, held),
        (Some(_), None) => Some(format!("it has no {}", without_the(name))),
        (None, _) => Some(format!(
            "{}, which it has, is not in the archive",
            called(name)
        )),
    };
    names(wanted, held).into_iter().filter_map(of).collect()
}

fn without_the(name: &str) -> String {
    called(name).trim_start_matches("the ").to_owned()
}

fn dense_conflict(name: &str, wanted: &VectorParams, held: &VectorParams) -> Option<String> {
    let has = |what: String, instead: String| {
        Some(format!(
            "{} {what} there, {instead} in the archive",
            called(name)
        ))
    };
    if wanted.size != held.size {
        return has(
            format!("has {} dimensions", held.size),
            wanted.size.to_string(),
        );
    }
    let (ours, theirs) = (wanted.distance(), held.distance());
    if ours != theirs && ours != Distance::UnknownDistance {
        let theirs = distance_name(theirs);
        return has(
            format!("is compared by {theirs}"),
            format!("by {}", distance_name(ours)),
        );
    }
    if numbers(wanted) != numbers(held) {
        return has(
            format!("is stored as {}", numbers(held)),
            format!("as {}", numbers(wanted)),
        );
    }
    match (&wanted.multivector_config, &held.multivector_config) {
        (Some(_), None) => has("is one vector".to_owned(), "a multivector".to_owned()),
        (None, Some(_)) => has("is a multivector".to_owned(), "one vector".to_owned()),
        _ => None,
    }
}

fn numbers(params: &VectorParams) -> String {
    match params.datatype() {
        Datatype::Default | Datatype::Float32 => "float32".to_owned(),
        other => other.as_str_name().to_lowercase(),
    }
}

fn sparse_conflicts(
    wanted: &HashMap<String, SparseVectorParams>,
    held: &HashMap<String, SparseVectorParams>,
) -> Vec<String> {
    let of = |name: &str| match (wanted.get(name), held.get(name)) {
        (Some(wanted), Some(held)) if wanted.modifier() == held.modifier() => None,
        (Some(wanted), Some(held)) => Some(format!(
            "sparse {} has the modifier {} there, {} in the archive",
            called(name),
            held.modifier().as_str_name(),
            wanted.modifier().as_str_name()
        )),
        (Some(_), None) => Some(format!("it has no sparse {}", without_the(name))),
        (None, _) => Some(format!(
            "sparse {}, which it has, is not in the archive",
            called(name)
        )),
    };
    names(wanted, held).into_iter().filter_map(of).collect()
}

/// Settings of `wanted` that `held` has otherwise. What only `held` has is a newer
/// server's own.
pub(super) fn differences(wanted: &Settings, held: &Settings) -> Vec<String> {
    let mut found = Vec::new();
    collect(&wanted.to_json(), &held.to_json(), "", &mut found);
    found
}

fn collect(wanted: &Value, held: &Value, path: &str, found: &mut Vec<String>) {
    let (Value::Object(members), Value::Object(others)) = (wanted, held) else {
        if wanted != held && !wanted.is_null() {
            found.push(format!("{path} is {held}, not {wanted}"));
        }
        return;
    };
    for (name, value) in members {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        collect(
            value,
            others.get(name).unwrap_or(&Value::Null),
            &path,
            found,
        );
    }
}

#[cfg(test)]
mod tests;
