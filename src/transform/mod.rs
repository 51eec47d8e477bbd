//! Point → record or rejection, with the operator's mapping and Vectorize's
//! limits. Pure: no I/O, no clock, no state between points; collisions are for
//! whoever sees all points. The rules for operators are in `docs/mapping.md`.

mod field;
mod file;
mod mapping;
mod notes;
mod payload;
mod rejection;
mod resolve;
mod shorten;
pub mod template;
#[cfg(test)]
mod tests;

pub use field::{Found, MissingField};
pub use file::{FileKey, FileKeyProblem, FileSlot, MAX_KEY_BYTES, Order};
pub use mapping::{BigInts, Mapping, UnknownWord, UnsettledPolicy};
pub use notes::{Note, Notes};
pub use rejection::{MAX_VALUE_CHARS, Reason, Rejection};
pub use resolve::{ResolveError, choose_dense};
pub use shorten::{Length, Shortening};
pub use template::Template;

use crate::point::{Payload, Point, Shape};
use crate::record::{
    Dimensions, LimitError, Metadata, Metric, Namespace, Record, RefusedMetadata, VectorId,
};
use rejection::Refused;

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
}

/// All of a record but its vector and metadata.
struct Address {
    id: VectorId,
    namespace: Option<Namespace>,
    file: FileResult,
    notes: Notes,
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
    /// this order: vector, id, namespace, metadata.
    pub fn apply(&self, point: &Point) -> Result<Transformed, Rejection> {
        self.address(point)
            .and_then(|(address, values)| {
                self.complete(address, values.to_vec(), point.payload.clone())
            })
            .map_err(|refused| refused.of(point.id.clone(), point.namespace.clone()))
    }

    /// As [`Transform::apply`], without copying vector and payload.
    pub fn apply_owned(&self, mut point: Point) -> Result<Transformed, Rejection> {
        let address = self.address(&point).map(|(address, _)| address);
        address
            .and_then(|address| {
                let mut values = point.dense[self.position].take().unwrap_or_default();
                values.truncate(self.target.dimensions.get());
                self.complete(address, values, std::mem::take(&mut point.payload))
            })
            .map_err(|refused| refused.of(point.id, point.namespace))
    }

    /// What can be said while the point is whole, and the numbers that are kept.
    fn address<'a>(&self, point: &'a Point) -> Result<(Address, &'a [f32]), Refused> {
        let values = &self.checked_vector(point)?[..self.target.dimensions.get()];
        let mut address = Address {
            id: self.id(point)?,
            namespace: self.namespace(point)?,
            file: self.mapping.file_slot(point),
            notes: Notes::default(),
        };
        if self.target.metric == Metric::Cosine && values.iter().all(|value| *value == 0.0) {
            address.notes.insert(Note::ZeroVector);
        }
        address.notes.extend(self.file_notes(point, &address.file));
        Ok((address, values))
    }

    /// The payload's way to metadata, step by step, and the policy on the result.
    fn complete(
        &self,
        address: Address,
        mut values: Vec<f32>,
        mut payload: Payload,
    ) -> Result<Transformed, Refused> {
        if let Some(shortening) = self.shortening {
            shortening.settle_length(&mut values);
        }
        payload::settle_numbers(&mut payload, self.mapping.big_ints)?;
        let metadata = Metadata::build(payload).map_err(refused_metadata)?;
        let mut notes = address.notes;
        notes.extend(payload::unsettled(metadata.object()).iter());
        self.judge(notes, &metadata)?;
        Ok(Transformed {
            record: Record {
                id: address.id,
                namespace: address.namespace,
                values,
                metadata,
            },
            file: address.file,
            notes,
        })
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
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(position) => {
                let reason = Reason::NotFinite { position };
                Err(Refused::new(reason, values[position].to_string()))
            }
        }
    }

    fn id(&self, point: &Point) -> Result<VectorId, Refused> {
        let text = render(&self.mapping.id, point)?;
        VectorId::new(text.as_str()).map_err(|error| Refused::new(Reason::Id(error), text))
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

fn refused_metadata(refused: RefusedMetadata) -> Refused {
    let value = match &refused.error {
        LimitError::Key { key, .. } => key.clone(),
        _ => payload::largest_entry(&refused.object).unwrap_or_default(),
    };
    Refused::new(Reason::Metadata(refused.error), value)
}
