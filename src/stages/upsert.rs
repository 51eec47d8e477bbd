//! Archive → Vectorize. Every batch is known to the ledger before it is sent;
//! one whose answer was lost keeps its range and is sent again, which an upsert
//! allows. Which batches are to be sent is decided here, how they fly in
//! [`super::flights`].

use bytes::Bytes;

use crate::archive::Generation;
use crate::batch::{Batch as CutBatch, BatchLimits, Cutter};
use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::heap;
use crate::ledger::{Batch, BatchState};
use crate::progress::Step;
use crate::stages::batch_size::BatchSize;
use crate::stages::context::Migration;
use crate::stages::estimate::{of_upload, what_bound};
use crate::stages::flights::Flights;
use crate::stages::records::Records;
use crate::stages::refusals::Refusals;
use crate::transform::Transform;

/// What an upsert did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Upserted {
    /// Batches that were sent.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// Sends every record that no accepted batch carries yet.
///
/// Errors: a refusal that is not about single records, interruption, and what
/// the account answers; everything accepted so far is in the ledger.
pub(super) async fn upsert(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    index: &Vectorize,
) -> Result<Upserted, Error> {
    let mut feed = Feed::new(migration, generation, transform)?;
    let Some(left) = feed.points_left()? else {
        return Ok(Upserted::default());
    };
    migration.begin(Step::Upsert, Some(left));
    if migration.is_dry_run() {
        return feed.only_count();
    }
    // The bodies to come are the most memory that a migration takes.
    heap::give_back();
    let (began, waited) = (migration.clock.now(), index.counters().waited);
    let refusals = Refusals::new(migration, generation, transform)?;
    let mut flights = Flights::new(migration, index, refusals);
    let outcome = flights.send_all(&mut feed).await;
    // What is on the wire is finished whatever stopped us: each answer that is
    // known is a batch that need not be sent again.
    let drained = flights.drain().await;
    let (done, mut refused_whole) = flights.end();
    // Of the others an earlier start may have brought a part through, and not lived to
    // keep the answer.
    refused_whole.retain(|first| feed.is_fresh(*first));
    migration.ledger.forget_refused(&refused_whole)?;
    outcome.and(drained)?;
    let (took, waits) = (
        migration.clock.now() - began,
        index.counters().waited - waited,
    );
    let bound = what_bound(&done, took, waits, &migration.pace);
    let bound = bound.map_or(String::new(), |bound| format!(", {bound}"));
    let (records, batches) = (done.records, done.batches);
    let told = format!("{records} records in {batches} batches accepted{bound}");
    migration.progress.end(Step::Upsert, &told);
    Ok(done)
}

/// The batches that are to be sent: first those whose answer was lost, in their
/// old ranges, then new ones.
pub(super) struct Feed<'a> {
    migration: &'a Migration,
    generation: &'a Generation,
    transform: &'a Transform,
    unanswered: std::vec::IntoIter<Batch>,
    first_unbatched: u64,
    fresh: Option<Fresh<'a>>,
}

struct Fresh<'a> {
    records: Records<'a>,
    cutter: Option<Cutter>,
}

impl<'a> Feed<'a> {
    fn new(
        migration: &'a Migration,
        generation: &'a Generation,
        transform: &'a Transform,
    ) -> Result<Self, Error> {
        let unanswered = migration.ledger.batches(BatchState::Sent)?.into_iter();
        let first_unbatched = migration.ledger.first_unbatched()?;
        let last = generation.points().saturating_sub(1);
        let next = migration.ledger.sent_between(first_unbatched, last, 1)?;
        let fresh = match next.first() {
            Some(next) => Some(Fresh {
                records: Records::sent(
                    &migration.ledger,
                    generation,
                    transform,
                    next.ordinal..=last,
                ),
                cutter: Some(Cutter::new(BatchSize::new(&migration.pace).limits()?)),
            }),
            None => None,
        };
        Ok(Self {
            migration,
            generation,
            transform,
            unanswered,
            first_unbatched,
            fresh,
        })
    }

    /// Whether the batch that begins there was first sent by this start.
    fn is_fresh(&self, first: u64) -> bool {
        first >= self.first_unbatched
    }

    /// How many points have no accepted batch; none when nothing is left.
    fn points_left(&self) -> Result<Option<u64>, Error> {
        let again: u64 = self
            .unanswered
            .as_slice()
            .iter()
            .map(|batch| batch.last - batch.first + 1)
            .fold(0, u64::saturating_add);
        let fresh = match &self.fresh {
            Some(_) => self.generation.points() - self.migration.ledger.first_unbatched()?,
            None => 0,
        };
        Ok(Some(again.saturating_add(fresh)).filter(|left| *left > 0))
    }

    /// The most bytes that the next batch can have; one that was cut before keeps its
    /// range, under whatever limits that was.
    pub(super) fn next_bytes(&self, limits: BatchLimits) -> usize {
        match self.unanswered.as_slice() {
            [] => limits.bytes(),
            _ => BatchLimits::LARGEST.bytes(),
        }
    }

    /// Takes over the memory of a body that was sent.
    pub(super) fn reuse(&mut self, body: Bytes) {
        if let Some(cutter) = self.fresh.as_mut().and_then(|fresh| fresh.cutter.as_mut()) {
            cutter.reuse(body);
        }
    }

    pub(super) fn next(&mut self, refusals: &Refusals<'_>) -> Result<Option<CutBatch>, Error> {
        while let Some(batch) = self.unanswered.next() {
            if let Some(cut) = self.recut(batch, refusals)? {
                return Ok(Some(cut));
            }
            self.migration
                .ledger
                .set_batch_state(batch.first, BatchState::Settled)?;
        }
        let Some(fresh) = &mut self.fresh else {
            return Ok(None);
        };
        fresh.next(refusals)
    }

    /// The batch with the range it had; none when each of its records was
    /// rejected since.
    fn recut(&self, batch: Batch, refusals: &Refusals<'_>) -> Result<Option<CutBatch>, Error> {
        let mut cutter = Cutter::new(BatchLimits::LARGEST);
        let ledger = &self.migration.ledger;
        let range = batch.first..=batch.last;
        let mut records = Records::sent(ledger, self.generation, self.transform, range);
        let mut sieve = refusals.sieve();
        while let Some(made) = sieve.next(&mut records)? {
            // The largest limits hold whatever was cut under any setting; what
            // does not fit all the same must not be taken for sent.
            if cutter.push(made.ordinal, &made.record).is_some() {
                return Err(Error::failed(format!(
                    "the batch of the points {} to {} was sent once and no longer fits one request",
                    batch.first, batch.last
                ))
                .advise("another version of cf-migrate may have begun this folder; use that one"));
            }
        }
        sieve.keep()?;
        Ok(cutter.finish().map(|cut| CutBatch {
            first: batch.first,
            last: batch.last,
            ..cut
        }))
    }

    fn only_count(mut self) -> Result<Upserted, Error> {
        let mut would = Upserted::default();
        let refusals = Refusals::new(self.migration, self.generation, self.transform)?;
        while let Some(batch) = self.next(&refusals)? {
            self.migration.stop.check()?;
            would.count(&batch);
            self.migration
                .progress
                .advance(Step::Upsert, batch.count as u64);
        }
        let (requests, bytes) = (would.batches, would.bytes);
        let time = of_upload(requests, bytes, &self.migration.pace);
        let time = time.map_or(String::new(), |time| format!(": {time}"));
        self.migration.progress.end(
            Step::Upsert,
            &format!(
                "would send {} records in {requests} batches, {bytes} bytes{time}",
                would.records
            ),
        );
        Ok(would)
    }
}

impl Fresh<'_> {
    fn next(&mut self, refusals: &Refusals<'_>) -> Result<Option<CutBatch>, Error> {
        let Some(cutter) = &mut self.cutter else {
            return Ok(None);
        };
        let mut sieve = refusals.sieve();
        let mut full = None;
        while full.is_none()
            && let Some(made) = sieve.next(&mut self.records)?
        {
            full = cutter.push(made.ordinal, &made.record);
        }
        sieve.keep()?;
        match full {
            Some(batch) => Ok(Some(batch)),
            None => Ok(self.cutter.take().and_then(|mut cutter| cutter.finish())),
        }
    }
}

impl Upserted {
    pub(super) fn count(&mut self, batch: &CutBatch) {
        self.batches += 1;
        self.records += batch.count as u64;
        self.bytes += batch.body.len() as u64;
    }
}
