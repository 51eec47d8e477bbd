//! Which of a collection's dense vectors is the one, and whether it fits the
//! index: found out once, before any point is looked at.

use super::Target;
use super::mapping::Mapping;
use super::shorten::Shortening;
use crate::error::Error;
use crate::point::{DenseField, Shape};
use crate::record::{Dimensions, MAX_DIMENSIONS, MIN_DIMENSIONS};

/// Why a mapping cannot be used for a collection and an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The collection has no dense vector.
    #[error("the source has no dense vector")]
    NoDenseVector,
    /// Several dense vectors, and none was chosen.
    #[error("the source has several dense vectors: {}", listed(.names))]
    SeveralVectors {
        /// Their names.
        names: Vec<String>,
    },
    /// The chosen vector is not there.
    #[error("the source has no {}; it has {}", vector_called(.name), listed(.names))]
    UnknownVector {
        /// The chosen name.
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// `--dims` asks for more than there is.
    #[error("the {} has {found} dimensions, --dims asks for {asked}", vector_called(.name))]
    TooFewToKeep {
        /// The vector's name.
        name: String,
        /// Its dimensions.
        found: usize,
        /// What `--dims` asks for.
        asked: Dimensions,
    },
    /// What is sent of the vector has not the index's dimensions.
    #[error("the {} has {found} dimensions, the index has {wanted}", vector_called(.name))]
    Dimensions {
        /// The vector's name.
        name: String,
        /// Its dimensions, those that `--dims` keeps.
        found: usize,
        /// The index's.
        wanted: usize,
    },
}

impl ResolveError {
    /// What the operator can do.
    pub fn advice(&self) -> String {
        match self {
            Self::NoDenseVector => {
                "Vectorize holds one dense vector a record; sparse and multiple vectors have no place there".into()
            }
            Self::SeveralVectors { .. } | Self::UnknownVector { .. } => {
                "choose one of them with --vector NAME".into()
            }
            Self::TooFewToKeep { found, .. } => {
                format!("--dims only shortens: leave it out, or give at most {found}")
            }
            Self::Dimensions { found, .. } if Dimensions::new(*found).is_ok() => {
                format!("migrate into an index with {found} dimensions")
            }
            Self::Dimensions { .. } => format!(
                "Vectorize takes {MIN_DIMENSIONS} to {MAX_DIMENSIONS} dimensions; shorten longer vectors with --dims, or embed the texts again with a model in that range"
            ),
        }
    }
}

impl From<ResolveError> for Error {
    fn from(error: ResolveError) -> Self {
        Self::refused(error.to_string()).advise(error.advice())
    }
}

/// The position in [`Shape::dense`] of the vector of that name; without a name,
/// of the only one, or of the unnamed one among several.
pub fn choose_dense(shape: &Shape, name: Option<&str>) -> Result<usize, ResolveError> {
    let fields = shape.dense.as_slice();
    match (name, fields) {
        (_, []) => Err(ResolveError::NoDenseVector),
        (None, [_]) => Ok(0),
        (None, _) => shape
            .dense_position("")
            .ok_or_else(|| ResolveError::SeveralVectors {
                names: names(fields),
            }),
        (Some(name), _) => shape
            .dense_position(name)
            .ok_or_else(|| ResolveError::UnknownVector {
                name: name.to_owned(),
                names: names(fields),
            }),
    }
}

/// The position in [`Shape::dense`] of the vector to send, and what is done to its
/// length; then it fits the index.
pub(super) fn choose_vector(
    mapping: &Mapping,
    shape: &Shape,
    target: Target,
) -> Result<(usize, Option<Shortening>), ResolveError> {
    let position = choose_dense(shape, mapping.vector.as_deref())?;
    let field = &shape.dense[position];
    let name = || field.name.clone();
    let kept = mapping.dims.map_or(field.dimensions, Dimensions::get);
    match mapping.dims {
        Some(asked) if kept > field.dimensions => Err(ResolveError::TooFewToKeep {
            name: name(),
            found: field.dimensions,
            asked,
        }),
        _ if kept != target.dimensions.get() => Err(ResolveError::Dimensions {
            name: name(),
            found: kept,
            wanted: target.dimensions.get(),
        }),
        _ => Ok((position, Shortening::between(field.dimensions, target))),
    }
}

fn names(fields: &[DenseField]) -> Vec<String> {
    fields.iter().map(|field| field.name.clone()).collect()
}

fn listed(names: &[String]) -> String {
    let called: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    called.join(", ")
}

fn quoted(name: &str) -> String {
    match name {
        "" => "an unnamed one".to_owned(),
        _ => format!("'{name}'"),
    }
}

/// A vector as messages call it.
pub(super) fn vector_called(name: &str) -> String {
    match name {
        "" => "unnamed vector".to_owned(),
        _ => format!("vector '{name}'"),
    }
}
