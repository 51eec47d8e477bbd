//! What Vectorize holds: a record whose every part obeys the published limits,
//! because the only way to make one is a constructor that checks.
//!
//! Limits: Cloudflare's Vectorize limits page and the live floor of 32
//! dimensions; metadata key rules from the insert-vectors page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::point::Distance;

mod digest;
mod dimensions;
mod metadata;

pub use digest::{Digest, number_as_f64, same_json};
pub use dimensions::{Dimensions, NotDimensions};
pub use metadata::{Metadata, RefusedMetadata, key_problem};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 64;
/// The longest namespace name, in bytes.
pub const MAX_NAMESPACE_BYTES: usize = 64;
/// The largest metadata of one record, in bytes of compact JSON.
pub const MAX_METADATA_BYTES: usize = 10_240;
/// The deepest metadata, itself counted: readers of JSON take 128 levels, and an answer
/// has some around it. Vectorize publishes no bound of its own.
pub const MAX_METADATA_LEVELS: usize = 100;
/// The fewest dimensions of an index.
pub const MIN_DIMENSIONS: usize = 32;
/// The most dimensions of an index.
pub const MAX_DIMENSIONS: usize = 1_536;

/// Why a value cannot be part of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// An empty id.
    #[error("the vector id is empty")]
    EmptyId,
    /// An id over [`MAX_ID_BYTES`].
    #[error("the vector id has {bytes} bytes; Vectorize takes at most {MAX_ID_BYTES}")]
    LongId {
        /// Its length.
        bytes: usize,
    },
    /// An empty namespace name.
    #[error("the namespace is empty")]
    EmptyNamespace,
    /// A namespace over [`MAX_NAMESPACE_BYTES`].
    #[error("the namespace has {bytes} bytes; Vectorize takes at most {MAX_NAMESPACE_BYTES}")]
    LongNamespace {
        /// Its length.
        bytes: usize,
    },
    /// Dimensions outside of what an index can have.
    #[error("{dimensions} dimensions; Vectorize takes {MIN_DIMENSIONS} to {MAX_DIMENSIONS}")]
    Dimensions {
        /// How many there are.
        dimensions: usize,
    },
    /// Metadata over [`MAX_METADATA_BYTES`].
    #[error(
        "the metadata has {bytes} bytes as compact JSON; Vectorize takes at most {MAX_METADATA_BYTES}"
    )]
    LargeMetadata {
        /// Its size.
        bytes: usize,
    },
    /// Metadata that nests deeper than [`MAX_METADATA_LEVELS`].
    #[error(
        "the metadata nests {levels} levels deep; more than {MAX_METADATA_LEVELS} cannot be read back from an answer"
    )]
    DeepMetadata {
        /// How deep.
        levels: usize,
    },
    /// A metadata key that Vectorize refuses.
    #[error("the metadata key {key:?} {rule}")]
    Key {
        /// The key.
        key: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

impl LimitError {
    /// The limit's stable name, as `rejected.ndjson` has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EmptyId => "id_empty",
            Self::LongId { .. } => "id_too_long",
            Self::EmptyNamespace => "namespace_empty",
            Self::LongNamespace { .. } => "namespace_too_long",
            Self::Dimensions { .. } => "dimensions",
            Self::LargeMetadata { .. } => "metadata_too_large",
            Self::DeepMetadata { .. } => "metadata_too_deep",
            Self::Key { .. } => "metadata_key",
        }
    }
}

/// A vector's id: 1 to 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VectorId(String);

impl VectorId {
    /// Checks the length.
    pub fn new(text: impl Into<String>) -> Result<Self, LimitError> {
        let text = text.into();
        match text.len() {
            0 => Err(LimitError::EmptyId),
            1..=MAX_ID_BYTES => Ok(Self(text)),
            bytes => Err(LimitError::LongId { bytes }),
        }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VectorId {
    type Error = LimitError;

    fn try_from(text: String) -> Result<Self, LimitError> {
        Self::new(text)
    }
}

impl From<VectorId> for String {
    fn from(id: VectorId) -> Self {
        id.0
    }
}

impl fmt::Display for VectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A namespace's name: 1 to 64 bytes. No namespace is `Option::None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(String);

impl Namespace {
    /// Checks the length.
    pub fn new(text: impl Into<String>) -> Result<Self, LimitError> {
        let text = text.into();
        match text.len() {
            0 => Err(LimitError::EmptyNamespace),
            1..=MAX_NAMESPACE_BYTES => Ok(Self(text)),
            bytes => Err(LimitError::LongNamespace { bytes }),
        }
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Namespace {
    type Error = LimitError;

    fn try_from(text: String) -> Result<Self, LimitError> {
        Self::new(text)
    }
}

impl From<Namespace> for String {
    fn from(namespace: Namespace) -> Self {
        namespace.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an index compares vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Cosine similarity.
    Cosine,
    /// L2 distance.
    Euclidean,
    /// Negative dot product.
    DotProduct,
}

impl Metric {
    /// The metric that orders neighbours as `distance` does; none for Manhattan.
    pub fn from_distance(distance: Distance) -> Option<Self> {
        match distance {
            Distance::Cosine => Some(Self::Cosine),
            Distance::Euclid => Some(Self::Euclidean),
            Distance::Dot => Some(Self::DotProduct),
            Distance::Manhattan => None,
        }
    }

    /// The metric's name in Cloudflare's API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::DotProduct => "dot-product",
        }
    }
}

/// A word that is no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a metric; use one of: cosine, euclidean, dot-product")]
pub struct UnknownMetric(String);

impl std::str::FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(word: &str) -> Result<Self, UnknownMetric> {
        [Self::Cosine, Self::Euclidean, Self::DotProduct]
            .into_iter()
            .find(|metric| metric.name() == word)
            .ok_or_else(|| UnknownMetric(word.to_owned()))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One record, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id, unique in the whole index.
    pub id: VectorId,
    /// Its namespace.
    pub namespace: Option<Namespace>,
    /// Its vector: finite numbers, as many as the index has dimensions.
    pub values: Vec<f32>,
    /// Its metadata.
    pub metadata: Metadata,
}

impl Record {
    /// The record's digest.
    pub fn digest(&self) -> Digest {
        Digest::of(
            self.namespace.as_ref().map(Namespace::as_str),
            &self.values,
            self.metadata.object(),
        )
    }
}

#[cfg(test)]
mod tests;
