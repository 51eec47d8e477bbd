//! Accepted is not settled: waits until the index has applied every accepted
//! batch. One record is sent again alone as a barrier; the queue is applied in
//! order, so once the barrier is applied, everything before it is. Where another
//! writer's mutation overtakes the barrier's marker, a record of each batch is
//! read back instead (Vectorize insert page, on asynchrony).

use std::collections::HashSet;
use std::time::Duration;

use crate::archive::Generation;
use crate::batch::{BatchLimits, Cutter};
use crate::cloudflare::{IndexInfo, MutationId, Vectorize};
use crate::error::Error;
use crate::ledger::{Batch, BatchState, Milestone, RecordRow};
use crate::progress::Step;
use crate::record::VectorId;
use crate::stages::context::Migration;
use crate::stages::records::{Records, stored_digest};
use crate::transform::Transform;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;

/// Waits until every accepted batch is applied; says how many records that were.
///
/// Errors: [`crate::error::Kind::Stopped`] when the index makes no progress for
/// the settle timeout.
pub(super) async fn settle(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    index: &Vectorize,
) -> Result<u64, Error> {
    let accepted = migration.ledger.batches(BatchState::Accepted)?;
    if accepted.is_empty() || migration.is_dry_run() {
        return Ok(0);
    }
    let records = migration.ledger.records_in(BatchState::Accepted)?;
    migration.begin(Step::Settle, Some(accepted.len() as u64));
    let mut marks = marks(migration, &accepted)?;
    if let Some(last) = marks.last() {
        let barrier = send_barrier(migration, generation, transform, index, last).await?;
        wait(migration, index, &barrier, &mut marks).await?;
    }
    migration.ledger.settle_accepted()?;
    migration.reach(Milestone::Settled)?;
    migration.progress.end(
        Step::Settle,
        &format!("{records} records applied by the index"),
    );
    Ok(records)
}

/// The last record of each batch.
fn marks(migration: &Migration, batches: &[Batch]) -> Result<Vec<RecordRow>, Error> {
    let mut marks = Vec::with_capacity(batches.len());
    for batch in batches {
        marks.extend(
            migration
                .ledger
                .last_record_between(batch.first, batch.last)?,
        );
    }
    Ok(marks)
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
    for record in Records::new(&migration.ledger, generation, transform, range)? {
        let (ordinal, record) = record?;
        let full = cutter.push(ordinal, &record);
        debug_assert!(full.is_none(), "one record fits a batch");
    }
    let batch = cutter.finish().ok_or_else(|| {
        Error::failed(format!(
            "the ledger's record {} is not in the archive",
            mark.id
        ))
    })?;
    Ok(index.upsert(batch.body).await?)
}

async fn wait(
    migration: &Migration,
    index: &Vectorize,
    barrier: &MutationId,
    unconfirmed: &mut Vec<RecordRow>,
) -> Result<(), Error> {
    let ours = our_mutations(migration)?;
    let mut seen: Option<IndexInfo> = None;
    let mut progressed = migration.clock.now();
    let mut pause = FIRST_PAUSE;
    loop {
        let info = index.info().await?;
        if info.processed_up_to.as_ref() == Some(barrier) {
            return Ok(());
        }
        let moved = seen.as_ref() != Some(&info);
        let overtaken = overtaken(&info, &ours);
        let is_late = migration.clock.now() - progressed >= migration.pace.settle_timeout;
        let before = unconfirmed.len();
        // Late, because the marker may have been overtaken between two looks.
        if (is_late || moved && overtaken) && read_back(migration, index, unconfirmed).await? {
            return Ok(());
        }
        // Another writer's progress is none of ours: it may go on for ever.
        if moved && !overtaken || unconfirmed.len() < before {
            progressed = migration.clock.now();
        } else if is_late {
            return Err(no_progress(migration, unconfirmed.len()));
        }
        seen = Some(info);
        migration.stop.pause(&migration.clock, pause).await?;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn our_mutations(migration: &Migration) -> Result<HashSet<String>, Error> {
    migration
        .ledger
        .accepted_mutations()
        .map(HashSet::from_iter)
}

/// A marker that is none of ours: somebody else's mutation came after.
fn overtaken(info: &IndexInfo, ours: &HashSet<String>) -> bool {
    info.processed_up_to
        .as_ref()
        .is_some_and(|marker| !ours.contains(marker.as_str()))
}

/// Reads back a record of each batch that is not confirmed yet, up to the first
/// that is not as it was sent: batches are applied in about the order in which
/// they were accepted, so behind it asking only costs calls. Whether all are.
async fn read_back(
    migration: &Migration,
    index: &Vectorize,
    unconfirmed: &mut Vec<RecordRow>,
) -> Result<bool, Error> {
    let mut still = Vec::new();
    let mut unasked = unconfirmed.chunks(READ_AT_ONCE);
    for rows in unasked.by_ref() {
        let ids: Vec<VectorId> = rows
            .iter()
            .filter_map(|row| VectorId::new(&*row.id).ok())
            .collect();
        let stored = index.get_by_ids(&ids).await?;
        let confirmed = |row: &RecordRow| {
            stored
                .iter()
                .any(|vector| vector.id == row.id && stored_digest(vector) == row.digest)
        };
        still.extend(rows.iter().filter(|row| !confirmed(row)).cloned());
        if !still.is_empty() {
            break;
        }
    }
    still.extend(unasked.flatten().cloned());
    migration
        .progress
        .advance(Step::Settle, (unconfirmed.len() - still.len()) as u64);
    *unconfirmed = still;
    Ok(unconfirmed.is_empty())
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
