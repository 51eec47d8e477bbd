//! The source read once more, after its records were verified: what it gives now is
//! held against the ledger, point by point and without an archive, to tell whether it
//! moved while we were at work.

use crate::error::Error;
use crate::ordinals::Ordinals;
use crate::point::Point;
use crate::progress::Step;
use crate::report::Findings;
use crate::source::{Page, Source};
use crate::stages::context::Migration;
use crate::transform::Transform;

/// How the source differs from what was migrated; nothing where it does not.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Points that are new or hold something else, by the ids of their records.
    pub(super) changed: Findings,
    /// How many records' points are not there any more.
    pub(super) vanished: u64,
    /// Points that cannot become records, then and now.
    pub(super) rejected: (u64, u64),
}

impl Moved {
    /// Whether source and records are equal.
    pub(super) fn is_nothing(&self) -> bool {
        self.changed.count == 0 && self.vanished == 0 && self.rejected.0 == self.rejected.1
    }
}

/// Reads the source to its end.
///
/// Errors: the source's, the ledger's, interruption.
pub(super) async fn second_look(
    migration: &Migration,
    source: &mut dyn Source,
    transform: &Transform,
) -> Result<Moved, Error> {
    migration.begin(Step::Confirm, source.count().await?);
    let lanes = source.draw_lanes().await?;
    source.read_along(&lanes);
    migration.ledger.begin_rejected_ids()?;
    let mut look = Look {
        migration,
        transform,
        seen: Ordinals::default(),
        found: Moved::default(),
    };
    let mut from = None;
    loop {
        migration.stop.check()?;
        let Page { points, next, .. } = source.page(from.as_ref()).await?;
        let read = points.len() as u64;
        for read in points {
            look.at(&read.point)?;
        }
        migration.progress.advance(Step::Confirm, read);
        match next {
            Some(next) => from = Some(next),
            None => return look.end(),
        }
    }
}

struct Look<'a> {
    migration: &'a Migration,
    transform: &'a Transform,
    /// The records whose points are as they were.
    seen: Ordinals,
    found: Moved,
}

impl Look<'_> {
    fn at(&mut self, point: &Point) -> Result<(), Error> {
        let Ok(made) = self.transform.apply(point) else {
            self.found.rejected.1 += 1;
            return Ok(());
        };
        let record = self.migration.ledger.record_of(made.record.id.as_str())?;
        match record {
            Some(row) => {
                self.seen.insert(row.ordinal);
                if row.digest != made.record.digest() {
                    self.found.changed.add(row.id);
                }
            }
            // Refused by Vectorize, or by its twin; or new.
            None if self.migration.ledger.is_rejected(made.record.id.as_str())? => {
                self.found.rejected.1 += 1;
            }
            None => self.found.changed.add(made.record.id.as_str()),
        }
        Ok(())
    }

    fn end(mut self) -> Result<Moved, Error> {
        let totals = self.migration.ledger.totals()?;
        self.found.rejected.0 = totals.rejected;
        self.found.vanished = totals.records.saturating_sub(self.seen.count());
        let summary = match self.found.is_nothing() {
            true => "the source is as it was migrated".to_owned(),
            false => "the source is not what it was when it was exported".to_owned(),
        };
        self.migration.progress.end(Step::Confirm, &summary);
        Ok(self.found)
    }
}
