//! What shows that a batch is applied where the index's marker cannot, because
//! another writer's mutation came after ours: reading back. A batch is applied
//! whole, so one record tells, provided that the index did not hold it as it is
//! before: it is new, or known to be changed. Of a batch that has none, all records
//! are compared.

use std::collections::VecDeque;

use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::ledger::{Batch, RecordRow};
use crate::progress::Step;
use crate::record::VectorId;
use crate::stages::context::Migration;
use crate::stages::records::stored_digest;

/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;

/// What is still to be seen in the index.
pub(super) struct Evidence<'a> {
    migration: &'a Migration,
    index: &'a Vectorize,
    /// Of each batch that has one, a record that the index did not hold as it is.
    new: Vec<Mark>,
    /// Of batches that only replace, what was not seen as it should be yet.
    replacing: VecDeque<Stretch>,
}

/// A record that shows whether its batch is applied.
#[derive(Clone)]
struct Mark {
    batch: Batch,
    row: RecordRow,
}

/// The points `next..=last`.
struct Stretch {
    next: u64,
    last: u64,
}

impl<'a> Evidence<'a> {
    /// For these batches, of which nothing was seen yet. `barrier` is the ordinal
    /// of the record that was sent again alone: it tells nothing of its batch.
    pub(super) fn of(
        migration: &'a Migration,
        index: &'a Vectorize,
        batches: &[Batch],
        barrier: u64,
    ) -> Result<Self, Error> {
        let (mut new, mut replacing) = (Vec::new(), VecDeque::new());
        for &batch in batches {
            let Batch { first, last, .. } = batch;
            // A batch of that record alone has arrived with the barrier.
            let carries_barrier = first < barrier && barrier <= last;
            let until = if carries_barrier { barrier - 1 } else { last };
            let telling = |first, last| migration.ledger.last_telling_record_between(first, last);
            match telling(first, until)? {
                Some(row) => new.push(Mark { batch, row }),
                None => {
                    replacing.push_back(Stretch { next: first, last });
                    // That it is there says nothing of the others; that it is not
                    // says that neither the batch nor the barrier was applied.
                    if carries_barrier && let Some(row) = telling(barrier, barrier)? {
                        new.push(Mark { batch, row });
                    }
                }
            }
        }
        Ok(Self {
            migration,
            index,
            new,
            replacing,
        })
    }

    /// How many batches were not seen applied yet.
    pub(super) fn missing_batches(&self) -> usize {
        self.new.len() + self.replacing.len()
    }

    /// Looks for what is missing, up to the first that is not there: batches are
    /// applied in about the order in which they were accepted, so behind it asking
    /// only costs calls. Whether anything was seen.
    pub(super) async fn look(&mut self) -> Result<bool, Error> {
        let batches = self.missing_batches();
        let seen_new = self.look_for_new().await?;
        let seen = match self.new.is_empty() {
            true => self.look_at_replaced().await? || seen_new,
            false => seen_new,
        };
        let applied = batches - self.missing_batches();
        self.migration
            .progress
            .advance(Step::Settle, applied as u64);
        Ok(seen)
    }

    async fn look_for_new(&mut self) -> Result<bool, Error> {
        let before = self.new.len();
        while !self.new.is_empty() {
            let asked = self.new.len().min(READ_AT_ONCE);
            let missing = self.missing_of(&self.new[..asked]).await?;
            let all_there = missing.is_empty();
            self.new.splice(..asked, missing);
            if !all_there {
                break;
            }
        }
        Ok(self.new.len() < before)
    }

    /// The batches that are not there although the index has passed them: it
    /// accepted and never applied them. Batches that only replace are left to
    /// verification: looking at every record of them would cost too much.
    pub(super) async fn lost(&self) -> Result<Vec<Batch>, Error> {
        let mut lost = Vec::new();
        for marks in self.new.chunks(READ_AT_ONCE) {
            let missing = self.missing_of(marks).await?;
            lost.extend(missing.into_iter().map(|mark| mark.batch));
        }
        Ok(lost)
    }

    /// Those of at most 20 marks that are not as they were sent.
    async fn missing_of(&self, marks: &[Mark]) -> Result<Vec<Mark>, Error> {
        let rows: Vec<RecordRow> = marks.iter().map(|mark| mark.row.clone()).collect();
        let missing = self.not_as_sent(&rows).await?;
        let is_missing = |mark: &&Mark| missing.iter().any(|row| row.ordinal == mark.row.ordinal);
        Ok(marks.iter().filter(is_missing).cloned().collect())
    }

    async fn look_at_replaced(&mut self) -> Result<bool, Error> {
        let mut seen = false;
        while let Some(Stretch { next, last }) = self.replacing.front() {
            let ledger = &self.migration.ledger;
            let rows = ledger.sent_between(*next, *last, READ_AT_ONCE)?;
            let until = match rows.last() {
                Some(row) if rows.len() == READ_AT_ONCE => row.ordinal,
                _ => *last,
            };
            if !self.not_as_sent(&rows).await?.is_empty() {
                break;
            }
            seen = true;
            match self.replacing.front_mut() {
                Some(stretch) if until < stretch.last => stretch.next = until + 1,
                _ => drop(self.replacing.pop_front()),
            }
        }
        Ok(seen)
    }

    /// Those of at most 20 records that the index holds otherwise, or not.
    async fn not_as_sent(&self, rows: &[RecordRow]) -> Result<Vec<RecordRow>, Error> {
        let ids: Vec<VectorId> = rows
            .iter()
            .filter_map(|row| VectorId::new(&*row.id).ok())
            .collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.index.get_by_ids(&ids).await?;
        let as_sent = |row: &&RecordRow| {
            stored
                .iter()
                .any(|vector| vector.id == row.id && stored_digest(vector) == row.digest)
        };
        Ok(rows.iter().filter(|row| !as_sent(row)).cloned().collect())
    }
}
