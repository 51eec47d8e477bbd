//! Archive → Vectorize. Every batch is known to the ledger before it is sent;
//! one whose answer was lost keeps its range and is sent again, which an upsert
//! allows. Several are on the wire at once, as far as memory allows.

use tokio::task::JoinSet;

use crate::archive::Generation;
use crate::batch::{Batch as CutBatch, BatchLimits, Cutter};
use crate::cloudflare::{ApiError, MutationId, Vectorize};
use crate::error::Error;
use crate::ledger::{Batch, BatchState};
use crate::progress::Step;
use crate::stages::apart::TakenPart;
use crate::stages::batch_size::BatchSize;
use crate::stages::context::Migration;
use crate::stages::records::Records;
use crate::stages::refusals::{Refusals, Unsent};
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
    let mut flights = Flights {
        migration,
        index,
        refusals: Refusals::new(migration, generation, transform)?,
        stopped: false,
        refused_whole: Vec::new(),
        flying: JoinSet::new(),
        done: Upserted::default(),
    };
    let outcome = flights.send_all(&mut feed).await;
    // What is on the wire is finished whatever stopped us: each answer that is
    // known is a batch that need not be sent again.
    let drained = flights.drain().await;
    migration.ledger.forget_refused(&flights.refused_whole)?;
    outcome.and(drained)?;
    let done = flights.done;
    migration.progress.end(
        Step::Upsert,
        &format!(
            "{} records in {} batches accepted",
            done.records, done.batches
        ),
    );
    Ok(done)
}

/// The batches that are to be sent: first those whose answer was lost, in their
/// old ranges, then new ones.
struct Feed<'a> {
    migration: &'a Migration,
    generation: &'a Generation,
    transform: &'a Transform,
    unanswered: std::vec::IntoIter<Batch>,
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
        let first = migration.ledger.first_unbatched()?;
        let last = generation.points().saturating_sub(1);
        let next = migration.ledger.sent_between(first, last, 1)?;
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
            fresh,
        })
    }

    /// How many points have no accepted batch; none when nothing is left.
    fn points_left(&self) -> Result<Option<u64>, Error> {
        let again: u64 = self
            .unanswered
            .as_slice()
            .iter()
            .map(|batch| batch.last - batch.first + 1)
            .sum();
        let fresh = match &self.fresh {
            Some(_) => self.generation.points() - self.migration.ledger.first_unbatched()?,
            None => 0,
        };
        Ok(Some(again + fresh).filter(|left| *left > 0))
    }

    fn set_limits(&mut self, limits: BatchLimits) {
        if let Some(cutter) = self.fresh.as_mut().and_then(|fresh| fresh.cutter.as_mut()) {
            cutter.set_limits(limits);
        }
    }

    fn next(&mut self, refusals: &Refusals<'_>) -> Result<Option<CutBatch>, Error> {
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
        self.migration.progress.end(
            Step::Upsert,
            &format!(
                "would send {} records in {} batches, {} bytes",
                would.records, would.batches, would.bytes
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
    fn count(&mut self, batch: &CutBatch) {
        self.batches += 1;
        self.records += batch.count as u64;
        self.bytes += batch.body.len() as u64;
    }
}

struct Flights<'a> {
    migration: &'a Migration,
    index: &'a Vectorize,
    refusals: Refusals<'a>,
    /// Whether an error has ended it: what is refused now is not taken apart.
    stopped: bool,
    flying: JoinSet<(CutBatch, Result<MutationId, ApiError>)>,
    /// Batches of which nothing was taken, by their first ordinal.
    refused_whole: Vec<u64>,
    done: Upserted,
}

impl Flights<'_> {
    async fn send_all(&mut self, feed: &mut Feed<'_>) -> Result<(), Error> {
        let mut size = BatchSize::new(&self.migration.pace);
        let mut waits = self.index.counters().waited;
        while let Some(batch) = feed.next(&self.refusals)? {
            while self.flying.len() >= size.in_flight() {
                self.land_one().await?;
            }
            // A wait for a turn since the last batch: requests are what binds.
            if self.index.counters().waited > waits && size.grow() {
                waits = self.index.counters().waited;
                feed.set_limits(size.limits()?);
            }
            self.migration.stop.check()?;
            self.migration.ledger.batch_sent(batch.first, batch.last)?;
            let index = self.index.clone();
            self.flying.spawn(async move {
                let answer = index.upsert(batch.body.clone()).await;
                (batch, answer)
            });
        }
        Ok(())
    }

    /// Waits for every batch in flight; the first error wins, the others'
    /// acceptances are kept all the same.
    async fn drain(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while !self.flying.is_empty() {
            let landed = self.land_one().await;
            outcome = outcome.and(landed);
        }
        outcome
    }

    async fn land_one(&mut self) -> Result<(), Error> {
        let Some(joined) = self.flying.join_next().await else {
            return Ok(());
        };
        let (batch, answer) = joined
            .map_err(|panic| Error::failed("sending a batch ended unexpectedly").because(panic))?;
        let taken = match answer {
            Ok(mutation) => {
                self.refusals.note_accepted();
                Ok(vec![TakenPart {
                    first: batch.first,
                    mutation,
                }])
            }
            Err(error) if error.blames_a_record() && self.stopped => Err(Unsent {
                error: error.into(),
                whole: true,
            }),
            Err(error) if error.blames_a_record() => {
                self.refusals.take_apart(self.index, &batch, error).await
            }
            Err(error) => Err(Unsent {
                error: error.into(),
                whole: false,
            }),
        };
        match taken {
            Ok(parts) => self.land(&batch, &parts),
            Err(unsent) => Err(self.explain(&batch, unsent)),
        }
    }

    fn land(&mut self, batch: &CutBatch, parts: &[TakenPart]) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        match parts {
            // Nothing of it was taken, so there is nothing to wait for.
            [] => ledger.set_batch_state(batch.first, BatchState::Settled)?,
            [whole] => ledger.batch_accepted(batch.first, whole.mutation.as_str())?,
            parts => {
                let parts: Vec<_> = parts
                    .iter()
                    .map(|part| (part.first, part.mutation.as_str()))
                    .collect();
                ledger.batch_accepted_in_parts(batch.first, batch.last, &parts)?;
            }
        }
        self.done.count(batch);
        self.migration
            .progress
            .advance(Step::Upsert, batch.last - batch.first + 1);
        Ok(())
    }

    fn explain(&mut self, batch: &CutBatch, unsent: Unsent) -> Error {
        self.stopped = true;
        if unsent.whole {
            self.refused_whole.push(batch.first);
        }
        self.migration.warn(format!(
            "the batch of the points {} to {} was not accepted",
            batch.first, batch.last
        ));
        unsent.error
    }
}
