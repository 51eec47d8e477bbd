//! What Vectorize holds: a record whose every part obeys the published limits,
//! because the only way to make one is a constructor that checks.
//!
//! Limits: Cloudflare's Vectorize limits page and the live floor of 32
//! dimensions; metadata key rules from the insert-vectors page.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::point::{Distance, Payload};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 64;
/// The longest namespace name, in bytes.
pub const MAX_NAMESPACE_BYTES: usize = 64;
/// The largest metadata of one record, in bytes of compact JSON.
pub const MAX_METADATA_BYTES: usize = 10_240;
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
    /// A metadata key that Vectorize refuses.
    #[error("the metadata key {key:?} {rule}")]
    Key {
        /// The key.
        key: String,
        /// The rule it breaks.
        rule: &'static str,
    },
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many dimensions an index has: 32 to 1,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "usize", into = "usize")]
pub struct Dimensions(u16);

impl Dimensions {
    /// Checks the range.
    pub fn new(dimensions: usize) -> Result<Self, LimitError> {
        match u16::try_from(dimensions) {
            Ok(small) if (MIN_DIMENSIONS..=MAX_DIMENSIONS).contains(&dimensions) => Ok(Self(small)),
            _ => Err(LimitError::Dimensions { dimensions }),
        }
    }

    /// The number of dimensions.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl TryFrom<usize> for Dimensions {
    type Error = LimitError;

    fn try_from(dimensions: usize) -> Result<Self, LimitError> {
        Self::new(dimensions)
    }
}

impl From<Dimensions> for usize {
    fn from(dimensions: Dimensions) -> Self {
        dimensions.get()
    }
}

impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A record's metadata: a JSON object with keys that Vectorize takes, at most
/// 10,240 bytes as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    object: Payload,
    json: String,
}

impl Metadata {
    /// Checks keys at every level and the size of the compact JSON.
    pub fn new(object: Payload) -> Result<Self, LimitError> {
        check_keys(&object)?;
        let json = crate::point::canonical_json(&object);
        if json.len() > MAX_METADATA_BYTES {
            return Err(LimitError::LargeMetadata { bytes: json.len() });
        }
        Ok(Self { object, json })
    }

    /// The object.
    pub fn object(&self) -> &Payload {
        &self.object
    }

    /// The text that is sent: compact, keys sorted.
    pub fn json(&self) -> &str {
        &self.json
    }
}

fn check_keys(object: &Payload) -> Result<(), LimitError> {
    for (key, value) in object {
        if let Some(rule) = broken_key_rule(key) {
            return Err(LimitError::Key {
                key: key.clone(),
                rule,
            });
        }
        check_keys_within(value)?;
    }
    Ok(())
}

fn check_keys_within(value: &serde_json::Value) -> Result<(), LimitError> {
    match value {
        serde_json::Value::Object(object) => check_keys(object),
        serde_json::Value::Array(items) => items.iter().try_for_each(check_keys_within),
        _ => Ok(()),
    }
}

fn broken_key_rule(key: &str) -> Option<&'static str> {
    match key {
        "" => Some("is empty"),
        _ if key.starts_with('$') => Some("begins with '$'"),
        _ if key.contains('.') => Some("contains '.'"),
        _ if key.contains('"') => Some("contains '\"'"),
        _ => None,
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

/// The first 16 bytes of a SHA-256 over everything that equality looks at: two
/// records have the same digest when verification would call them equal
/// (vectors bit for bit with −0 as 0, metadata as JSON values with numbers as
/// f64, the namespace), whatever their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The digest of these parts.
    pub fn of(namespace: Option<&str>, values: &[f32], metadata: &Payload) -> Self {
        let mut hash = Sha256::new();
        hash.update([u8::from(namespace.is_some())]);
        hash_text(&mut hash, namespace.unwrap_or_default());
        hash.update((values.len() as u64).to_le_bytes());
        for value in values {
            // Adding zero turns -0 into 0 and changes nothing else.
            hash.update((value + 0.0).to_le_bytes());
        }
        hash_object(&mut hash, metadata);
        let full = hash.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&full[..16]);
        Self(half)
    }
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

fn hash_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn hash_object(hash: &mut Sha256, object: &Payload) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
    hash.update(b"{");
    hash.update((entries.len() as u64).to_le_bytes());
    for (key, value) in entries {
        hash_text(hash, key);
        hash_value(hash, value);
    }
}

fn hash_value(hash: &mut Sha256, value: &serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(false) => hash.update(b"f"),
        Value::Bool(true) => hash.update(b"t"),
        Value::Number(number) => {
            hash.update(b"#");
            hash.update((number_as_f64(number) + 0.0).to_le_bytes());
        }
        Value::String(text) => {
            hash.update(b"s");
            hash_text(hash, text);
        }
        Value::Array(items) => {
            hash.update(b"[");
            hash.update((items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| hash_value(hash, item));
        }
        Value::Object(object) => hash_object(hash, object),
    }
}

/// A JSON number as Vectorize holds it. Digits beyond f64's range become an
/// infinity, which only equals another such number.
pub fn number_as_f64(number: &serde_json::Number) -> f64 {
    number
        .as_f64()
        .or_else(|| number.as_str().parse().ok())
        .unwrap_or(f64::INFINITY)
}
