//! The payload's way to metadata: the mapping's steps in their documented order,
//! first to where templates look at it, then on to what is sent.

use serde_json::Value;

use super::changes::Change;
use super::mapping::Mapping;
use super::notes::{Note, Notes};
use super::rejection::{Reason, Refused};
use super::select::Nulls;
use super::{payload, rename, select, truncate};
use crate::point::{Payload, Point};
use crate::record::{LimitError, MAX_METADATA_BYTES, Metadata, RefusedMetadata};

/// What is seen on the way from a point to its record.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) notes: Notes,
    pub(super) changes: Vec<Change>,
}

impl Mapping {
    /// The payload as templates see it.
    pub(super) fn shape(&self, point: &mut Point, seen: &mut Seen) -> Result<(), Refused> {
        self.place_data(point)?;
        if let Some(program) = &self.map {
            point.payload = program.apply(&point.payload)?;
        }
        rename::rename(&mut point.payload, &self.rename, &mut seen.changes)
    }

    fn place_data(&self, point: &mut Point) -> Result<(), Refused> {
        let Some(text) = point.data.take() else {
            return Ok(());
        };
        let field = &self.data_field;
        if let Some(there) = point.payload.get(field) {
            let field = field.clone();
            return Err(Refused::new(
                Reason::DataFieldTaken { field },
                there.to_string(),
            ));
        }
        point.payload.insert(field.clone(), Value::String(text));
        Ok(())
    }

    /// What of the payload is sent.
    pub(super) fn metadata(
        &self,
        mut payload: Payload,
        seen: &mut Seen,
    ) -> Result<Metadata, Refused> {
        select::keep(&mut payload, &self.keep, &mut seen.changes);
        select::drop_keys(&mut payload, &self.drop, &mut seen.changes);
        if self.nulls == Nulls::Drop && select::drop_nulls(&mut payload) > 0 {
            seen.notes.insert(Note::NullsDropped);
        }
        if let Some(filler) = self.fix_keys
            && filler.fix(&mut payload, &mut seen.changes)? > 0
        {
            seen.notes.insert(Note::KeysFixed);
        }
        payload::settle_numbers(&mut payload, self.big_ints)?;
        let metadata = self.within_limits(payload, seen)?;
        let unsettled = payload::unsettled(metadata.object());
        seen.notes.extend(unsettled.iter());
        Ok(metadata)
    }

    /// The metadata, cut where that was asked for and is needed.
    fn within_limits(&self, payload: Payload, seen: &mut Seen) -> Result<Metadata, Refused> {
        let refused = match Metadata::build(payload) {
            Ok(metadata) => return Ok(metadata),
            Err(refused) => refused,
        };
        let (Some(field), LimitError::LargeMetadata { bytes }) = (&self.truncate, &refused.error)
        else {
            return Err(refused_metadata(refused));
        };
        let mut object = refused.object;
        match truncate::truncate(&mut object, field, *bytes, MAX_METADATA_BYTES) {
            Ok(bytes) => {
                seen.notes.insert(Note::Truncated);
                seen.changes.push(Change::Cut(bytes));
                Metadata::build(object).map_err(refused_metadata)
            }
            Err(uncut) => {
                let value = payload::largest_entry(&object).unwrap_or_default();
                let reason = Reason::Untruncated {
                    large: refused.error,
                    field: field.clone(),
                    uncut,
                };
                Err(Refused::new(reason, value))
            }
        }
    }
}

fn refused_metadata(refused: RefusedMetadata) -> Refused {
    let value = match &refused.error {
        LimitError::Key { key, .. } => key.clone(),
        _ => payload::largest_entry(&refused.object).unwrap_or_default(),
    };
    Refused::new(Reason::Metadata(refused.error), value)
}
