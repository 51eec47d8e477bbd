//! Accepted is not settled: waits until the index has applied every accepted
//! batch. One record is sent again alone as a barrier; the queue is applied in
//! order, so once the barrier is applied, everything before it is. Where another
//! writer's mutation overtakes the barrier's marker, what was sent is read back
//! instead: [`super::evidence`] (Vectorize insert page, on asynchrony).

use std::collections::HashSet;
use std::time::Duration;

use crate::archive::Generation;
use crate::batch::{BatchLimits, Cutter};
use crate::cloudflare::{IndexInfo, MutationId, Vectorize};
use crate::error::Error;
use crate::ledger::{Batch, BatchState, Milestone, RecordRow};
use crate::progress::Step;
use crate::stages::context::Migration;
use crate::stages::doubts;
use crate::stages::evidence::Evidence;
use crate::stages::records::Records;
use crate::transform::Transform;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long the marker may stand still before what was sent is read back: it may
/// have been overtaken between two looks, and a service may not give one at all.
const READ_BACK_AFTER: Duration = Duration::from_secs(20);

/// What became of the accepted batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settlement {
    /// Records that the index has applied.
    pub(super) records: u64,
    /// Batches that it accepted and passed over: they are to be sent again.
    pub(super) lost: usize,
}

/// Waits until every accepted batch is applied. Batches that the index passed
/// over are to be sent again, with the range they had.
///
/// Errors: [`crate::error::Kind::Stopped`] when the index makes no progress for
/// the settle timeout.
pub(super) async fn settle(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    index: &Vectorize,
) -> Result<Settlement, Error> {
    let accepted = migration.ledger.batches(BatchState::Accepted)?;
    let nothing = Settlement {
        records: 0,
        lost: 0,
    };
    if migration.is_dry_run() {
        return Ok(nothing);
    }
    let last = last_record(migration, &accepted)?;
    if last.is_none() {
        doubts::await_all(migration, index).await?;
    }
    if accepted.is_empty() {
        migration.reach(Milestone::Settled)?;
        return Ok(nothing);
    }
    migration.begin(Step::Settle, Some(accepted.len() as u64));
    let mut lost = Vec::new();
    // All of a batch may have been rejected since; then there is nothing to send.
    if let Some(last) = last {
        let before = index.info().await?;
        let barrier = send_barrier(migration, generation, transform, index, &last).await?;
        let mut evidence = Evidence::of(migration, index, &accepted, last.ordinal)?;
        Wait::new(migration, index, barrier, before)?
            .until_applied(&mut evidence)
            .await?;
        lost = evidence.lost().await?;
        doubts::look(migration, index).await?;
    }
    for batch in &lost {
        migration
            .ledger
            .set_batch_state(batch.first, BatchState::Sent)?;
    }
    conclude(migration, lost.len())
}

fn conclude(migration: &Migration, lost: usize) -> Result<Settlement, Error> {
    let records = migration.ledger.records_in(BatchState::Accepted)?;
    migration.ledger.settle_accepted()?;
    if lost == 0 {
        migration.reach(Milestone::Settled)?;
    } else {
        let batches = if lost == 1 { "batch" } else { "batches" };
        migration.warn(format!(
            "{lost} {batches} were accepted by the index and never applied; sending them again"
        ));
    }
    migration.progress.end(
        Step::Settle,
        &format!("{records} records applied by the index"),
    );
    Ok(Settlement { records, lost })
}

fn last_record(migration: &Migration, batches: &[Batch]) -> Result<Option<RecordRow>, Error> {
    for batch in batches.iter().rev() {
        let last = migration
            .ledger
            .last_sent_between(batch.first, batch.last)?;
        if last.is_some() {
            return Ok(last);
        }
    }
    Ok(None)
}

async fn send_barrier(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    index: &Vectorize,
    mark: &RecordRow,
) -> Result<MutationId, Error> {
    let range = mark.ordinal..=mark.ordinal;
    let mut cutter = Cutter::new(BatchLimits::LARGEST);
    for record in Records::new(&migration.ledger, generation, transform, range) {
        let (ordinal, record) = record?;
        // Nothing can overflow: the range is one record.
        cutter.push(ordinal, &record);
    }
    let batch = cutter.finish().ok_or_else(|| {
        Error::failed(format!(
            "the ledger's record {} is not in the archive",
            mark.id
        ))
    })?;
    Ok(index.upsert(batch.body).await?)
}

/// Waits for the barrier, or for evidence that it was overtaken.
struct Wait<'a> {
    migration: &'a Migration,
    index: &'a Vectorize,
    barrier: MutationId,
    /// The mutations of the accepted batches.
    ours: HashSet<String>,
    /// What the index said last.
    seen: IndexInfo,
}

impl<'a> Wait<'a> {
    /// `before`: what the index said before the barrier was sent.
    fn new(
        migration: &'a Migration,
        index: &'a Vectorize,
        barrier: MutationId,
        before: IndexInfo,
    ) -> Result<Self, Error> {
        let ours = HashSet::from_iter(migration.ledger.accepted_mutations()?);
        Ok(Self {
            migration,
            index,
            barrier,
            ours,
            seen: before,
        })
    }

    async fn until_applied(mut self, evidence: &mut Evidence<'_>) -> Result<(), Error> {
        let Self { migration, .. } = self;
        let mut progressed = migration.clock.now();
        let mut looked = progressed;
        let mut pause = FIRST_PAUSE;
        loop {
            let info = self.index.info().await?;
            if info.processed_up_to.as_ref() == Some(&self.barrier) {
                return Ok(());
            }
            let is_late = migration.clock.now() - progressed >= migration.pace.settle_timeout;
            let moved = info != self.seen;
            let overtaken = moved && !self.is_ours(&info);
            let stands = migration.clock.now() - looked >= READ_BACK_AFTER;
            let looks = overtaken || is_late || stands;
            let seen_more = looks && evidence.look().await?;
            if looks || moved {
                looked = migration.clock.now();
            }
            if evidence.missing_batches() == 0 {
                return Ok(());
            }
            // Another writer's progress is none of ours: it may go on for ever.
            if seen_more || moved && !overtaken {
                progressed = migration.clock.now();
            } else if is_late {
                return Err(no_progress(migration, evidence.missing_batches()));
            }
            self.seen = info;
            migration.stop.pause(&migration.clock, pause).await?;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the marker is at one of our mutations, or nothing was ever applied.
    fn is_ours(&self, info: &IndexInfo) -> bool {
        let marker = info.processed_up_to.as_ref();
        marker.is_none_or(|marker| self.ours.contains(marker.as_str()))
    }
}

fn no_progress(migration: &Migration, batches: usize) -> Error {
    let waited = humantime::format_duration(migration.pace.settle_timeout);
    let batches = match batches {
        1 => "1 accepted batch is".to_owned(),
        several => format!("{several} accepted batches are"),
    };
    Error::stopped(format!(
        "the index has applied nothing of ours for {waited}; {batches} not confirmed yet"
    ))
    .advise("everything accepted is in Vectorize's queue and in the ledger: run the same command again later, or wait longer with --settle-timeout")
}
