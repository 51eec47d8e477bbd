//! Batches on their way. While one is encoded several are under way: a few whose bodies
//! are being sent, and others that wait for their answers, as far as memory allows. So
//! the line is not idle because encoding, or the service, takes its time.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use crate::batch::Batch as CutBatch;
use crate::cloudflare::{ApiError, MutationId, Vectorize};
use crate::error::Error;
use crate::http::OnGone;
use crate::ledger::BatchState;
use crate::progress::Step;
use crate::stages::apart::TakenPart;
use crate::stages::batch_size::{BatchSize, Held};
use crate::stages::context::Migration;
use crate::stages::refusals::{Refusals, Unsent};
use crate::stages::upsert::{Feed, Upserted};

/// The upserts under way.
pub(super) struct Flights<'a> {
    migration: &'a Migration,
    index: &'a Vectorize,
    refusals: Refusals<'a>,
    /// Whether an error has ended it: what is refused now is not taken apart.
    stopped: bool,
    flying: JoinSet<Landed>,
    /// Their bodies.
    held: Held,
    /// The body of one that is over, whose memory is free.
    spare: Option<Bytes>,
    /// What bodies that are being sent take of it.
    line: Arc<Semaphore>,
    size: BatchSize,
    /// Batches of which nothing was taken, by their first ordinal.
    refused_whole: Vec<u64>,
    done: Upserted,
}

/// An upsert that is over.
type Landed = (CutBatch, Result<MutationId, ApiError>);

impl<'a> Flights<'a> {
    /// None yet.
    pub(super) fn new(
        migration: &'a Migration,
        index: &'a Vectorize,
        refusals: Refusals<'a>,
    ) -> Self {
        let size = BatchSize::new(&migration.pace);
        Self {
            migration,
            index,
            refusals,
            stopped: false,
            flying: JoinSet::new(),
            held: Held::default(),
            spare: None,
            line: Arc::new(Semaphore::new(size.line())),
            size,
            refused_whole: Vec::new(),
            done: Upserted::default(),
        }
    }

    /// What was done, and the batches of which nothing was taken, by their first
    /// ordinal.
    pub(super) fn end(self) -> (Upserted, Vec<u64>) {
        (self.done, self.refused_whole)
    }

    /// Sends every batch; some may still be under way at the end.
    pub(super) async fn send_all(&mut self, feed: &mut Feed<'_>) -> Result<(), Error> {
        let limits = self.size.limits()?;
        loop {
            while !self.size.may_encode(self.held, feed.next_bytes(limits)) {
                self.land_one().await?;
            }
            if let Some(body) = self.spare.take() {
                feed.reuse(body);
            }
            let Some(batch) = feed.next(&self.refusals)? else {
                return Ok(());
            };
            while !self.size.may_send(self.held) {
                self.land_one().await?;
            }
            let permit = self.on_the_line(batch.body.len()).await?;
            self.migration.stop.check()?;
            self.migration.ledger.batch_sent(batch.first, batch.last)?;
            self.spawn(batch, permit);
        }
    }

    /// Waits until a body may be sent; what is answered meanwhile lands.
    async fn on_the_line(&mut self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let share = self.size.share_of_line(bytes);
        loop {
            tokio::select! {
                biased;
                permit = Arc::clone(&self.line).acquire_many_owned(share) => {
                    return Ok(permit.expect("nobody closes it"));
                }
                Some(joined) = self.flying.join_next() => self.landed(joined).await?,
            }
        }
    }

    fn spawn(&mut self, batch: CutBatch, permit: OwnedSemaphorePermit) {
        self.held.upserts += 1;
        self.held.bytes += batch.body.len();
        let index = self.index.clone();
        let permit = Mutex::new(Some(permit));
        let on_gone = OnGone::new(move || {
            drop(permit.lock().unwrap_or_else(PoisonError::into_inner).take());
        });
        self.flying.spawn(async move {
            let answer = index.upsert_telling(batch.body.clone(), on_gone).await;
            (batch, answer)
        });
    }

    /// Waits for every batch in flight; the first error wins, the others'
    /// acceptances are kept all the same.
    pub(super) async fn drain(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while !self.flying.is_empty() {
            let landed = self.land_one().await;
            outcome = outcome.and(landed);
        }
        outcome
    }

    async fn land_one(&mut self) -> Result<(), Error> {
        match self.flying.join_next().await {
            Some(joined) => self.landed(joined).await,
            None => Ok(()),
        }
    }

    async fn landed(&mut self, joined: Result<Landed, JoinError>) -> Result<(), Error> {
        let (batch, answer) = joined
            .map_err(|panic| Error::failed("sending a batch ended unexpectedly").because(panic))?;
        self.held.upserts -= 1;
        self.held.bytes -= batch.body.len();
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
            Ok(parts) => {
                self.land(&batch, &parts)?;
                self.spare = Some(batch.body);
                Ok(())
            }
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
