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
use crate::point::{Point, PointId};
use crate::record::{Digest, Record};
use crate::transform::{FileResult, Notes, Rejection, Transform, Transformed};

/// Rows that are asked from the ledger at a time.
const WINDOW: usize = 4_096;
/// Points between two records that are read over; beyond so many the archive is
/// opened again where the next record is.
const READ_OVER: u64 = 4_096;

/// The records of a range of points, by ordinal.
pub struct Records<'a> {
    ledger: &'a Ledger,
    generation: Generation,
    transform: &'a Transform,
    wanted: Wanted,
    points: Option<PointReader>,
    /// The ordinal of the point that `points` gives next.
    at: u64,
    rows: VecDeque<RecordRow>,
    /// The first ordinal whose row was not asked for yet.
    unasked: u64,
    last: u64,
}

/// Which records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// Those that are not in the index as they are already.
    Sent,
}

/// A record, made anew.
pub(super) struct Made {
    /// Its point's place in the archive.
    pub(super) ordinal: u64,
    pub(super) record: Record,
    /// What was noticed about its point.
    pub(super) notes: Notes,
    /// Its place in the file index.
    pub(super) file: FileResult,
}

impl<'a> Records<'a> {
    /// All of them, from the first ordinal of `range` on.
    pub fn new(
        ledger: &'a Ledger,
        generation: &Generation,
        transform: &'a Transform,
        range: RangeInclusive<u64>,
    ) -> Self {
        Self::of(ledger, generation, transform, range, Wanted::All)
    }

    /// Those that are to be sent, or were; parts of the archive without any are not
    /// read.
    pub(super) fn sent(
        ledger: &'a Ledger,
        generation: &Generation,
        transform: &'a Transform,
        range: RangeInclusive<u64>,
    ) -> Self {
        Self::of(ledger, generation, transform, range, Wanted::Sent)
    }

    fn of(
        ledger: &'a Ledger,
        generation: &Generation,
        transform: &'a Transform,
        range: RangeInclusive<u64>,
        wanted: Wanted,
    ) -> Self {
        let (first, last) = range.into_inner();
        Self {
            ledger,
            generation: generation.clone(),
            transform,
            wanted,
            points: None,
            at: first,
            rows: VecDeque::new(),
            unasked: first,
            last,
        }
    }

    /// The next record, with what was noticed about it.
    pub(super) fn next_made(&mut self) -> Result<Option<Made>, Error> {
        let Some(row) = self.next_row()? else {
            return Ok(None);
        };
        let point = self.point(row.ordinal)?;
        let made = as_remembered(&point.id.clone(), self.transform.apply_owned(point), &row)?;
        Ok(Some(Made {
            ordinal: row.ordinal,
            record: made.record,
            notes: made.notes,
            file: made.file,
        }))
    }

    fn next_row(&mut self) -> Result<Option<RecordRow>, Error> {
        if self.rows.is_empty() && self.unasked <= self.last {
            self.ask_rows()?;
        }
        Ok(self.rows.pop_front())
    }

    fn ask_rows(&mut self) -> Result<(), Error> {
        let (first, last) = (self.unasked, self.last);
        let rows = match self.wanted {
            Wanted::Sent => self.ledger.sent_between(first, last, WINDOW)?,
            Wanted::All => self.ledger.records_from(first, last, WINDOW)?,
        };
        self.unasked = match rows.last() {
            Some(row) if rows.len() == WINDOW => row.ordinal + 1,
            _ => last + 1,
        };
        self.rows = rows.into();
        Ok(())
    }

    fn point(&mut self, ordinal: u64) -> Result<Point, Error> {
        if self.points.is_none() || ordinal - self.at > READ_OVER {
            self.points = Some(self.generation.read(ordinal..self.last + 1)?);
        }
        let points = self.points.iter_mut().flatten();
        for read in points {
            let (read, point) = read?;
            self.at = read + 1;
            if read == ordinal {
                return Ok(point);
            }
        }
        Err(Error::failed(format!(
            "the ledger has a record of the point {ordinal}, which is not in the archive"
        ))
        .advise("the archive or the ledger was changed; start over in a new folder with --dir"))
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
    as_remembered(&point.id, transform.apply(point), row).map(|made| made.record)
}

/// What the point with that id gave, where it is what the ledger remembers.
fn as_remembered(
    point: &PointId,
    made: Result<Transformed, Rejection>,
    row: &RecordRow,
) -> Result<Transformed, Error> {
    match made {
        Ok(made) if made.record.id.as_str() == row.id && made.record.digest() == row.digest => {
            Ok(made)
        }
        _ => Err(Error::failed(format!(
            "point {point} of the archive no longer gives the record {} that was checked",
            row.id
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
