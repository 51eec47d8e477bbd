//! What the server says about a collection before its first page: which vectors
//! there are and which one goes to Vectorize, what strict mode allows, and what
//! the operator should know. Pure; refusals have their own message each.

use std::collections::HashMap;

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionInfo, CollectionParams, Distance as WireDistance, StrictModeConfig, VectorParams,
};

use super::fields::{Fields, called};
use super::warnings::{field_warnings, state_warnings};
use crate::error::Error;
use crate::point::{DenseField, Distance, Shape};

/// A collection as it was when it was opened.
#[derive(Debug)]
pub(super) struct Description {
    /// Its vectors.
    pub(super) fields: Fields,
    /// The name of the dense vector that a record will get; empty where none was
    /// asked for.
    pub(super) chosen: String,
    /// What the server allows.
    pub(super) limits: Limits,
    /// About how many points there are; none where the server does not say.
    pub(super) points: Option<u64>,
    /// Sentences for the operator.
    pub(super) warnings: Vec<String>,
}

/// What strict mode (`config.strict_mode_config`) allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// The most points of one page.
    pub(super) page_points: Option<u32>,
    /// The longest timeout a request may ask for, in seconds.
    pub(super) timeout_s: Option<u64>,
    /// Whether an exact count may be asked for.
    pub(super) exact_count: ExactCount,
}

/// Whether the server counts exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExactCount {
    Allowed,
    Refused,
}

/// Reads the server's description of `collection`, as Vectorize can take it;
/// `vector` is the operator's choice.
pub(super) fn describe(
    collection: &str,
    vector: Option<&str>,
    info: CollectionInfo,
) -> Result<Description, Error> {
    let mut description = described(info);
    description.chosen = choose(collection, vector, &description.fields)?;
    Ok(description)
}

/// Reads the server's description of a collection, whatever Vectorize makes of it.
pub(super) fn described(info: CollectionInfo) -> Description {
    let mut warnings = state_warnings(&info);
    let points = info.points_count;
    let config = info.config.unwrap_or_default();
    let params = config.params.unwrap_or_default();
    let dense = dense_params(&params);
    let fields = fields(&dense, &params);
    let limits = limits(config.strict_mode_config.as_ref());
    warnings.extend(field_warnings(&fields, &dense));
    if limits.exact_count == ExactCount::Refused {
        warnings.push(
            "Strict mode does not allow an exact count (search_allow_exact), \
             so the number of points read cannot be compared with the server's."
                .to_owned(),
        );
    }
    Description {
        fields,
        chosen: String::new(),
        limits,
        points,
        warnings,
    }
}

/// Dense vectors of both kinds by name.
pub(super) fn dense_params(params: &CollectionParams) -> HashMap<String, VectorParams> {
    match params
        .vectors_config
        .as_ref()
        .and_then(|c| c.config.as_ref())
    {
        None => HashMap::new(),
        Some(Config::Params(unnamed)) => HashMap::from([(String::new(), *unnamed)]),
        Some(Config::ParamsMap(named)) => named.map.clone(),
    }
}

pub(super) fn fields(dense: &HashMap<String, VectorParams>, params: &CollectionParams) -> Fields {
    let is_multi = |params: &VectorParams| params.multivector_config.is_some();
    let mut shape = Shape {
        dense: dense
            .iter()
            .filter(|(_, params)| !is_multi(params))
            .map(|(name, params)| DenseField {
                name: name.clone(),
                dimensions: usize::try_from(params.size).unwrap_or(usize::MAX),
                distance: distance(params.distance()),
            })
            .collect(),
        sparse: match &params.sparse_vectors_config {
            Some(config) => config.map.keys().cloned().collect(),
            None => Vec::new(),
        },
        data: false,
    };
    shape.dense.sort_by(|a, b| a.name.cmp(&b.name));
    shape.sparse.sort();
    let multi = dense.iter().filter(|(_, params)| is_multi(params));
    let mut left_out: Vec<_> = multi.map(|(name, _)| name.clone()).collect();
    left_out.sort();
    Fields { shape, left_out }
}

pub(super) fn distance(wire: WireDistance) -> Option<Distance> {
    match wire {
        WireDistance::Cosine => Some(Distance::Cosine),
        WireDistance::Euclid => Some(Distance::Euclid),
        WireDistance::Dot => Some(Distance::Dot),
        WireDistance::Manhattan => Some(Distance::Manhattan),
        WireDistance::UnknownDistance => None,
    }
}

/// The dense vector for Vectorize: the operator's, or the unnamed one, or the
/// only one.
fn choose(collection: &str, vector: Option<&str>, fields: &Fields) -> Result<String, Error> {
    let of = format!("of collection {collection:?}");
    if fields.shape.dense.is_empty() {
        return Err(no_dense(collection, fields));
    }
    let name = match vector {
        Some(name) => name,
        None => default_name(collection, fields)?,
    };
    let Some(position) = fields.shape.dense_position(name) else {
        return Err(not_dense(&of, name, fields));
    };
    if fields.shape.dense[position].distance == Some(Distance::Manhattan) {
        return Err(Error::refused(format!(
            "{} {of} is compared by Manhattan distance, which Vectorize does not have",
            called(name)
        ))
        .advise(format!(
            "Vectorize has cosine, euclidean and dot-product. {}",
            other_choice(name, fields)
        )));
    }
    Ok(name.to_owned())
}

fn default_name<'a>(collection: &str, fields: &'a Fields) -> Result<&'a str, Error> {
    match fields.shape.dense.as_slice() {
        [unnamed, ..] if unnamed.name.is_empty() => Ok(""),
        [only] => Ok(&only.name),
        several => Err(Error::usage(format!(
            "collection {collection:?} has {} dense vectors, and a Vectorize record holds one",
            several.len()
        ))
        .advise(format!("Choose one with --vector: {}", list(fields)))),
    }
}

fn no_dense(collection: &str, fields: &Fields) -> Error {
    let (problem, advice) = if !fields.left_out.is_empty() {
        (
            "has multivectors (several vectors a point), and a Vectorize record holds one vector",
            "Reduce each to one dense vector in Qdrant first, for example by averaging into a new named vector",
        )
    } else if !fields.shape.sparse.is_empty() {
        (
            "has only sparse vectors, and Vectorize holds dense ones",
            "Add a named dense vector to the collection first; its sparse vectors have no place in Vectorize",
        )
    } else {
        (
            "has no vectors at all",
            "Vectorize needs one dense vector for each record; see whether this is the right collection",
        )
    };
    Error::refused(format!("collection {collection:?} {problem}")).advise(advice)
}

fn not_dense(of: &str, name: &str, fields: &Fields) -> Error {
    let vector = called(name);
    let choice = other_choice(name, fields);
    if fields.left_out.iter().any(|multi| multi == name) {
        Error::refused(format!(
            "{vector} {of} is a multivector, and a Vectorize record holds one vector"
        ))
        .advise(choice)
    } else if fields.shape.sparse.iter().any(|sparse| sparse == name) {
        Error::refused(format!(
            "{vector} {of} is sparse, and Vectorize holds dense ones"
        ))
        .advise(choice)
    } else {
        Error::usage(format!("{vector} {of} does not exist")).advise(choice)
    }
}

fn other_choice(name: &str, fields: &Fields) -> String {
    match fields.shape.dense.as_slice() {
        [only] if only.name == name => {
            "The collection has no other dense vector to choose".to_owned()
        }
        [only] if only.name.is_empty() => {
            "Leave --vector out: the collection has one unnamed dense vector".to_owned()
        }
        _ => format!("Choose a dense vector with --vector: {}", list(fields)),
    }
}

fn list(fields: &Fields) -> String {
    let names = fields.shape.dense.iter().map(|field| match &*field.name {
        "" => "'' (the unnamed one)".to_owned(),
        name => name.to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
}

fn limits(strict: Option<&StrictModeConfig>) -> Limits {
    let strict = strict.filter(|strict| strict.enabled != Some(false));
    let exact = strict.and_then(|strict| strict.search_allow_exact);
    Limits {
        page_points: strict.and_then(|strict| strict.max_query_limit),
        timeout_s: strict.and_then(|strict| strict.max_timeout).map(u64::from),
        exact_count: match exact {
            Some(false) => ExactCount::Refused,
            _ => ExactCount::Allowed,
        },
    }
}

#[cfg(test)]
mod tests;
