//! The records of a generation, made anew from the archive: what the upsert
//! sends and what verification compares with. The ledger says which points are
//! records and what each must consist of; anything else is an error, never a
//! different record.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use crate::archive::{Generation, PointReader};
use crate::cloudflare::StoredVector;
use crate::error::Error;
use crate::ledger::{Ledger, RecordRow};
use crate::point::Point;
use crate::record::{Digest, Record};
use crate::transform::{Notes, Transform, Transformed};

/// Rows that are asked from the ledger at a time.
const WINDOW: u64 = 4_096;

/// The records of a range of points, by ordinal.
pub struct Records<'a> {
    ledger: &'a Ledger,
    transform: &'a Transform,
    points: PointReader,
    rows: VecDeque<RecordRow>,
    /// The first ordinal whose row was not asked for yet.
    unasked: u64,
    last: u64,
}

/// A record, made anew.
pub(super) struct Made {
    /// Its point's place in the archive.
    pub(super) ordinal: u64,
    pub(super) record: Record,
    /// What was noticed about its point.
    pub(super) notes: Notes,
}

impl<'a> Records<'a> {
    /// Begins at the first ordinal of `range`.
    pub fn new(
        ledger: &'a Ledger,
        generation: &Generation,
        transform: &'a Transform,
        range: RangeInclusive<u64>,
    ) -> Result<Self, Error> {
        let (first, last) = range.into_inner();
        let points = generation.read(first..last + 1)?;
        Ok(Self {
            ledger,
            transform,
            points,
            rows: VecDeque::new(),
            unasked: first,
            last,
        })
    }

    /// The next record, with what was noticed about it.
    pub(super) fn next_made(&mut self) -> Result<Option<Made>, Error> {
        loop {
            let Some(read) = self.points.next() else {
                return Ok(None);
            };
            let (ordinal, point) = read?;
            self.ask_rows(ordinal)?;
            if self.rows.front().is_some_and(|row| row.ordinal == ordinal)
                && let Some(row) = self.rows.pop_front()
            {
                let Transformed { record, notes, .. } = transformed(self.transform, &point, &row)?;
                return Ok(Some(Made {
                    ordinal,
                    record,
                    notes,
                }));
            }
        }
    }

    fn ask_rows(&mut self, ordinal: u64) -> Result<(), Error> {
        if ordinal >= self.unasked {
            let until = (ordinal + WINDOW - 1).min(self.last);
            self.rows = self.ledger.records_between(ordinal, until)?.into();
            self.unasked = until + 1;
        }
        Ok(())
    }
}

impl Iterator for Records<'_> {
    type Item = Result<(u64, Record), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let made = self.next_made().transpose()?;
        Some(made.map(|made| (made.ordinal, made.record)))
    }
}

/// The record that was checked, made again from its point.
///
/// Errors: when the point gives another record than the ledger remembers.
pub fn remake(transform: &Transform, point: &Point, row: &RecordRow) -> Result<Record, Error> {
    transformed(transform, point, row).map(|made| made.record)
}

fn transformed(
    transform: &Transform,
    point: &Point,
    row: &RecordRow,
) -> Result<Transformed, Error> {
    match transform.apply(point) {
        Ok(made) if made.record.id.as_str() == row.id && made.record.digest() == row.digest => {
            Ok(made)
        }
        _ => Err(Error::failed(format!(
            "point {} of the archive no longer gives the record {} that was checked",
            point.id, row.id
        ))
        .advise("the archive or the ledger was changed, or another version of cf-migrate began this folder; use that version, or start over in a new folder with --dir")),
    }
}

/// The digest of what the index holds, comparable with a record's.
pub fn stored_digest(vector: &StoredVector) -> Digest {
    let empty = crate::point::Payload::new();
    let metadata = vector.metadata.as_ref().unwrap_or(&empty);
    Digest::of(vector.namespace.as_deref(), &vector.values, metadata)
}
