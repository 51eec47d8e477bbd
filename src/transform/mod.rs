//! Point → record or rejection, with the operator's mapping and Vectorize's
//! limits. Pure: no I/O, no clock, no state between points; collisions are for
//! whoever sees all points. The rules for operators are in `docs/mapping.md`.

mod changes;
mod field;
mod file;
mod jq;
mod keys;
mod long_ids;
mod mapping;
mod notes;
mod payload;
mod rejection;
mod rename;
mod resolve;
mod select;
mod shaping;
mod shorten;
pub mod template;
#[cfg(test)]
mod tests;
mod truncate;
mod words;

pub use changes::{Change, ChangeKind};
pub use field::{Found, MissingField};
pub use file::{FileKey, FileKeyProblem, FileSlot, MAX_KEY_BYTES, Order};
pub use jq::{Program, ProgramError};
pub use keys::{KeyFiller, KeyFillerError};
pub use long_ids::{LongIds, short_id};
pub use mapping::{BigInts, Mapping, UnsettledPolicy};
pub use notes::{Note, Notes};
pub use rejection::{MAX_VALUE_CHARS, Reason, Rejection};
pub use rename::{Rename, RenameError};
pub use resolve::{ResolveError, choose_dense};
pub use select::Nulls;
pub use shorten::{Length, Shortening};
pub use template::Template;
pub use truncate::Uncut;
pub use words::UnknownWord;

use std::borrow::Cow;

use crate::point::{Point, Shape};
use crate::record::{Dimensions, Metadata, Metric, Namespace, Record, VectorId};
use rejection::Refused;
use shaping::Seen;

/// A point's place in the file index, none without a file; or why KV cannot hold
/// its key.
pub type FileResult = Result<Option<FileSlot>, FileKeyProblem>;

/// The payload field that the sync system's ids begin with.
const FILE_ID: &str = "file_id";

/// What of the index decides whether a vector fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its dimensions.
    pub dimensions: Dimensions,
    /// Its metric.
    pub metric: Metric,
}

/// A mapping, resolved for one collection and one index.
#[derive(Debug, Clone)]
pub struct Transform {
    mapping: Mapping,
    target: Target,
    /// The chosen vector's position in [`Shape::dense`], and its name.
    position: usize,
    vector: String,
    /// The chosen vector's length in the source.
    dimensions: usize,
    shortening: Option<Shortening>,
}

/// A point that became a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformed {
    /// The record.
    pub record: Record,
    /// Its place in the file index. A key that KV cannot hold is for the caller
    /// to reject ([`Reason::FileKey`]), where a file index is wanted.
    pub file: FileResult,
    /// What the operator should hear about it.
    pub notes: Notes,
    /// What was changed, by name and amount.
    pub changes: Vec<Change>,
}

/// All of a record but its vector and metadata.
struct Address {
    id: VectorId,
    namespace: Option<Namespace>,
    file: FileResult,
}

#[expect(
    clippy::result_large_err,
    reason = "a rejection is no larger than the record in whose place it stands"
)]
impl Transform {
    /// Finds the dense vector and checks its dimensions.
    pub fn resolve(mapping: Mapping, shape: &Shape, target: Target) -> Result<Self, ResolveError> {
        let (position, shortening) = resolve::choose_vector(&mapping, shape, target)?;
        Ok(Self {
            vector: shape.dense[position].name.clone(),
            dimensions: shape.dense[position].dimensions,
            shortening,
            mapping,
            target,
            position,
        })
    }

    /// The mapping.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The position in [`Shape::dense`] of the vector that goes to Vectorize.
    pub fn vector_position(&self) -> usize {
        self.position
    }

    /// What of the index decides whether a vector fits.
    pub fn target(&self) -> Target {
        self.target
    }

    /// What is done to the vectors' length; none where they stay as they are.
    pub fn shortening(&self) -> Option<Shortening> {
        self.shortening
    }

    /// The length of the chosen vectors in the source.
    pub fn untouched_dimensions(&self) -> usize {
        self.dimensions
    }

    /// The chosen vector as the source has it; none where the point lacks it, or
    /// it is one that would be rejected.
    pub fn untouched_vector<'a>(&self, point: &'a Point) -> Option<&'a [f32]> {
        self.checked_vector(point).ok()
    }

    /// The record that the point becomes, or the first reason why it cannot, in
    /// this order: vector, payload, id, namespace, metadata.
    pub fn apply(&self, point: &Point) -> Result<Transformed, Rejection> {
        self.apply_owned(self.needed_of(point))
    }

    /// As [`Transform::apply`], without copying vector and payload.
    pub fn apply_owned(&self, mut point: Point) -> Result<Transformed, Rejection> {
        self.transform(&mut point)
            .map_err(|refused| refused.of(point.id, point.namespace))
    }

    /// The id that the point's record has, or would have if it were not rejected; none
    /// where the point does not give one.
    pub fn vector_id(&self, point: &Point) -> Option<VectorId> {
        let (mut point, mut seen) = (self.needed_of(point), Seen::default());
        self.mapping.shape(&mut point, &mut seen).ok()?;
        self.id(&point, &mut seen).ok()
    }

    /// A copy of the point without the vectors that do not matter.
    fn needed_of(&self, point: &Point) -> Point {
        let dense = point.dense.iter().enumerate();
        Point {
            id: point.id.clone(),
            namespace: point.namespace.clone(),
            dense: dense
                .map(|(position, vector)| vector.as_ref().filter(|_| position == self.position))
                .map(Option::<&Vec<f32>>::cloned)
                .collect(),
            sparse: Vec::new(),
            payload: point.payload.clone(),
            data: point.data.clone(),
        }
    }

    /// The steps, in their documented order.
    fn transform(&self, point: &mut Point) -> Result<Transformed, Refused> {
        let mut seen = Seen::default();
        let values = self.vector(point, &mut seen)?;
        self.mapping.shape(point, &mut seen)?;
        let address = self.address(point, &mut seen)?;
        let metadata = self
            .mapping
            .metadata(std::mem::take(&mut point.payload), &mut seen)?;
        self.judge(seen.notes, &metadata)?;
        Ok(Transformed {
            record: Record {
                id: address.id,
                namespace: address.namespace,
                values,
                metadata,
            },
            file: address.file,
            notes: seen.notes,
            changes: seen.changes,
        })
    }

    /// The vector as it is sent.
    fn vector(&self, point: &mut Point, seen: &mut Seen) -> Result<Vec<f32>, Refused> {
        self.checked_vector(point)?;
        let mut values = point.dense[self.position].take().unwrap_or_default();
        if let Some(shortening) = self.shortening {
            shortening.shorten(&mut values);
        }
        if self.target.metric == Metric::Cosine && values.iter().all(|value| *value == 0.0) {
            seen.notes.insert(Note::ZeroVector);
        }
        Ok(values)
    }

    /// Where the record goes.
    fn address(&self, point: &Point, seen: &mut Seen) -> Result<Address, Refused> {
        let address = Address {
            id: self.id(point, seen)?,
            namespace: self.namespace(point)?,
            file: self.mapping.file_slot(point),
        };
        seen.notes.extend(self.file_notes(point, &address.file));
        Ok(address)
    }

    fn checked_vector<'a>(&self, point: &'a Point) -> Result<&'a [f32], Refused> {
        let Some(Some(values)) = point.dense.get(self.position) else {
            let name = self.vector.clone();
            return Err(Refused::new(Reason::MissingVector { name }, "null"));
        };
        let (found, wanted) = (values.len(), self.dimensions);
        if found != wanted {
            let reason = Reason::WrongDimensions { found, wanted };
            return Err(Refused::new(reason, found.to_string()));
        }
        if all_finite(values) {
            return Ok(values);
        }
        let finite = values.iter().take_while(|value| value.is_finite());
        let position = finite.count();
        let reason = Reason::NotFinite { position };
        Err(Refused::new(reason, values[position].to_string()))
    }

    fn id(&self, point: &Point, seen: &mut Seen) -> Result<VectorId, Refused> {
        let text = render(&self.mapping.id, point)?;
        let written = self.mapping.long_ids.written(&text);
        if matches!(written, Cow::Owned(_)) {
            seen.notes.insert(Note::IdHashed);
        }
        VectorId::new(written).map_err(|error| Refused::new(Reason::Id(error), text))
    }

    fn namespace(&self, point: &Point) -> Result<Option<Namespace>, Refused> {
        let text = match &self.mapping.namespace {
            Some(template) => Some(render(template, point)?),
            None => point.namespace.clone(),
        };
        text.map(|text| {
            Namespace::new(text.as_str())
                .map_err(|error| Refused::new(Reason::Namespace(error), text))
        })
        .transpose()
    }

    fn file_notes(&self, point: &Point, file: &FileResult) -> impl Iterator<Item = Note> {
        let order = match file {
            Ok(Some(slot)) => Some(&slot.order),
            _ => None,
        };
        let no_file = matches!(file, Ok(None)).then_some(Note::NoFile);
        let no_order = matches!(order, Some(Order::Missing)).then_some(Note::NoOrder);
        let source_id = (self.mapping.keeps_source_ids() && point.payload.contains_key(FILE_ID))
            .then_some(Note::SourceId);
        [no_file, no_order, source_id].into_iter().flatten()
    }

    fn judge(&self, notes: Notes, metadata: &Metadata) -> Result<(), Refused> {
        let unsettled = notes.iter().find(|note| note.is_unsettled());
        match (self.mapping.unsettled, unsettled) {
            (UnsettledPolicy::Reject, Some(note)) => {
                let value = payload::first_with(metadata.object(), note);
                Err(Refused::new(
                    Reason::Unsettled(note),
                    value.unwrap_or_else(|| "0".to_owned()),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Looks at all of them, whatever is found: that is many times as fast as stopping early.
fn all_finite(values: &[f32]) -> bool {
    values
        .iter()
        .fold(true, |all, value| all & value.is_finite())
}

fn render(template: &Template, point: &Point) -> Result<String, Refused> {
    template.render(point).map_err(|missing| {
        let value = missing.value(point).map(ToString::to_string);
        let reason = Reason::MissingField {
            template: template.to_string(),
            field: missing.field,
            found: missing.found,
        };
        Refused::new(reason, value.unwrap_or_default())
    })
}
