//! A point that cannot become a record, and why: one line of `rejected.ndjson`.
//! The reasons' names are stable and listed in `docs/mapping.md`.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::field::Found;
use super::file::FileKeyProblem;
use super::notes::{Note, Notes};
use super::rename::Rename;
use super::truncate::Uncut;
use crate::point::PointId;
use crate::record::{LimitError, VectorId};

/// The most characters of an offending value that a rejection keeps.
pub const MAX_VALUE_CHARS: usize = 200;

/// Why a point cannot become a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The point lacks the vector that was chosen.
    #[error("the point has no {}", super::resolve::vector_called(.name))]
    MissingVector {
        /// The vector's name; empty for the unnamed one.
        name: String,
    },
    /// The vector's length is not what the index, or shortening, needs.
    #[error("the vector has {found} numbers; {wanted} are needed")]
    WrongDimensions {
        /// The vector's length.
        found: usize,
        /// The index's dimensions; where vectors are shortened, the collection's.
        wanted: usize,
    },
    /// NaN or an infinity in the vector.
    #[error("the vector's number at position {position} (counted from 0) is not finite")]
    NotFinite {
        /// Where it stands, counted from 0.
        position: usize,
    },
    /// The `--id` or `--namespace` template names a field that gives no text.
    #[error("the template '{template}' needs the field '{field}', which is {found}")]
    MissingField {
        /// The template.
        template: String,
        /// The field, as the template names it.
        field: String,
        /// What is there instead.
        found: Found,
    },
    /// The id breaks a limit.
    #[error("{limit}{remedy}", limit = .0, remedy = remedy(.0))]
    Id(LimitError),
    /// The namespace breaks a limit.
    #[error(transparent)]
    Namespace(LimitError),
    /// The metadata breaks a limit.
    #[error("{limit}{remedy}", limit = .0, remedy = remedy(.0))]
    Metadata(LimitError),
    /// The metadata is too large, and `--truncate` could not help.
    #[error("{large}; --truncate names '{field}', {uncut}")]
    Untruncated {
        /// The limit it breaks.
        large: LimitError,
        /// The field that was to be cut.
        field: String,
        /// Why that did not help.
        uncut: Uncut,
    },
    /// The point has a text beside its payload, and the payload has the key
    /// under which that would go.
    #[error(
        "the point has data beside its payload, and the payload has the key '{field}' already; choose another one with --data-field"
    )]
    DataFieldTaken {
        /// The key.
        field: String,
    },
    /// The `--map` program gave no payload.
    #[error("--map failed: {message}")]
    MapFailed {
        /// What went wrong, in jq's own words where it has some.
        message: String,
    },
    /// `--rename` gives a name that another key has.
    #[error("--rename {0} gives a name that another key of the payload has")]
    RenameTaken(Rename),
    /// `--fix-keys` makes one key of two.
    #[error("--fix-keys makes '{to}' of both keys {first:?} and {second:?}")]
    KeysCollide {
        /// The one key.
        first: String,
        /// The other.
        second: String,
        /// What would become of both.
        to: String,
    },
    /// An integer that f64 need not hold exactly, under `--big-ints reject`.
    #[error(
        "the integer {digits} at '{path}' is beyond 2^53, where Vectorize's numbers lose digits; --big-ints string or number would send it"
    )]
    BigInteger {
        /// Where it stands: `a.b[2]`.
        path: String,
        /// Its digits.
        digits: String,
    },
    /// A number that f64 cannot hold at all.
    #[error("the number at '{path}' is beyond the range of f64")]
    NumberOutOfRange {
        /// Where it stands: `a.b[2]`.
        path: String,
    },
    /// A form that Vectorize's contract leaves open, under
    /// [`super::UnsettledPolicy::Reject`].
    #[error("{}", .0.explanation())]
    Unsettled(Note),
    /// A file key that KV cannot hold, where a file index is wanted.
    #[error(transparent)]
    FileKey(FileKeyProblem),
    /// Two points give one vector id. Found by whoever sees all points.
    #[error(
        "the vector id '{id}' is also that of the point {}; a template such as --id '{{namespace}}:{{id}}' tells them apart",
        point_called(.other, .other_namespace.as_deref())
    )]
    Collision {
        /// The other point's id.
        other: PointId,
        /// The other point's namespace.
        other_namespace: Option<String>,
        /// The id that both give.
        id: VectorId,
    },
    /// Vectorize refused the record, alone in a batch.
    #[error("Vectorize refused the record with code {code}: {message}")]
    RefusedByVectorize {
        /// Cloudflare's error code.
        code: i64,
        /// Cloudflare's message.
        message: String,
    },
    /// Not sent, because Vectorize refused several records of the same form.
    #[error(
        "set aside unasked with its class ({class}): Vectorize refused others of that form, the first with code {code}: {message}"
    )]
    RefusedClass {
        /// What the class has in common.
        class: Notes,
        /// Cloudflare's error code for the first of them.
        code: i64,
        /// Cloudflare's message for the first of them.
        message: String,
    },
}

impl Reason {
    /// Its stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MissingVector { .. } => "missing_vector",
            Self::WrongDimensions { .. } => "wrong_dimensions",
            Self::NotFinite { .. } => "not_finite",
            Self::MissingField { .. } => "missing_field",
            Self::Id(limit) | Self::Namespace(limit) | Self::Metadata(limit) => limit.name(),
            Self::Untruncated { large, .. } => large.name(),
            Self::DataFieldTaken { .. } => "data_field_taken",
            Self::MapFailed { .. } => "map_failed",
            Self::RenameTaken(_) => "rename_taken",
            Self::KeysCollide { .. } => "keys_collide",
            Self::BigInteger { .. } => "big_integer",
            Self::NumberOutOfRange { .. } => "number_out_of_range",
            Self::Unsettled(note) => note.name(),
            Self::FileKey(_) => "file_key",
            Self::Collision { .. } => "collision",
            Self::RefusedByVectorize { .. } => "refused_by_vectorize",
            Self::RefusedClass { .. } => "refused_class",
        }
    }
}

/// The option that would help, as the end of a sentence.
fn remedy(limit: &LimitError) -> &'static str {
    match limit {
        LimitError::LongId { .. } => "; --long-ids hash would shorten it",
        LimitError::LargeMetadata { .. } => "; --truncate FIELD would cut a text of it",
        LimitError::Key { .. } => "; --fix-keys _ would change it",
        _ => "",
    }
}

fn point_called(id: &PointId, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("'{id}' in the namespace '{namespace}'"),
        None => format!("'{id}'"),
    }
}

/// A point that cannot become a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the point {} is rejected: {reason}", point_called(.source_id, .namespace.as_deref()))]
pub struct Rejection {
    /// The point's id in the source.
    pub source_id: PointId,
    /// The point's namespace in the source.
    pub namespace: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The offending value as text, at most [`MAX_VALUE_CHARS`] characters; a
    /// longer one ends in `…`.
    pub value: String,
}

impl Rejection {
    /// A rejection of the point of that id and namespace; `value` is shortened.
    pub fn new(source_id: PointId, namespace: Option<String>, reason: Reason, value: &str) -> Self {
        Self {
            source_id,
            namespace,
            reason,
            value: shortened(value),
        }
    }
}

fn shortened(value: &str) -> String {
    if value.chars().nth(MAX_VALUE_CHARS).is_none() {
        return value.to_owned();
    }
    let mut text: String = value.chars().take(MAX_VALUE_CHARS - 1).collect();
    text.push('…');
    text
}

impl Serialize for Rejection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("Rejection", 6)?;
        line.serialize_field("source_id", &self.source_id.to_string())?;
        line.serialize_field("id_kind", self.source_id.kind())?;
        line.serialize_field("namespace", &self.namespace)?;
        line.serialize_field("reason", self.reason.name())?;
        line.serialize_field("message", &self.reason.to_string())?;
        line.serialize_field("value", &self.value)?;
        line.end()
    }
}

/// A reason with its value, before the point's name is put to it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) value: String,
}

impl Refused {
    pub(super) fn new(reason: Reason, value: impl Into<String>) -> Self {
        Self {
            reason,
            value: value.into(),
        }
    }

    pub(super) fn of(self, source_id: PointId, namespace: Option<String>) -> Rejection {
        Rejection::new(source_id, namespace, self.reason, &self.value)
    }
}
