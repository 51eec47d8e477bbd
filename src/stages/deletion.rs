//! Deletes from the index what the ledger says is doomed, and waits until that is
//! applied: only then is it held no longer. Deleting again what is gone already is
//! allowed (Vectorize API, delete_by_ids), so a lost answer costs one call.

use std::time::Duration;

use crate::cloudflare::{IndexInfo, MutationId, StoredVector, Vectorize};
use crate::error::Error;
use crate::ledger::DeletionMark;
use crate::progress::Step;
use crate::record::VectorId;
use crate::stages::barrier::await_applied_or;
use crate::stages::context::Migration;
use crate::stages::records::stored_digest;

/// delete_by_ids takes 100 ids a call.
const DELETED_AT_ONCE: usize = 100;
/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;
/// Rounds of deleting again what was accepted and never applied.
const ROUNDS: usize = 10;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long the marker may stand still before what was deleted is asked for.
const READ_BACK_AFTER: Duration = Duration::from_secs(20);

/// Deletes all of it; says how many vectors.
///
/// Errors: stopped where the index applies nothing of it for the settle timeout.
pub(super) async fn delete_doomed(migration: &Migration, index: &Vectorize) -> Result<u64, Error> {
    let doomed = migration.ledger.to_delete()?;
    if doomed == 0 {
        return Ok(0);
    }
    if migration.is_dry_run() {
        migration.tell(format!(
            "would delete {doomed} vectors that vanished from the source"
        ));
        return Ok(0);
    }
    migration.begin(Step::Prune, Some(doomed));
    await_earlier(migration, index).await?;
    for round in 1..=ROUNDS {
        if let Some(last) = send(migration, index).await? {
            wait(migration, index, last).await?;
        }
        let lost = forget_unapplied(migration, index).await?;
        if lost == 0 {
            let deleted = migration.ledger.deleted()?;
            let summary = format!("{deleted} vectors deleted");
            migration.progress.end(Step::Prune, &summary);
            return Ok(deleted);
        }
        if round < ROUNDS {
            migration.warn(format!(
                "{lost} deletions were accepted by the index and never applied; asking for them again"
            ));
        }
    }
    Err(
        Error::stopped("the index keeps accepting deletions that it never applies")
            .advise("run the same command again later: only what is still there is deleted"),
    )
}

/// What an earlier start asked for is in the queue, applied, or passed over, and the
/// index's marker does not tell that start's calls from anybody's. Only once nothing of
/// it can be in the queue any more is what is still there to be asked for again: a second
/// deletion would take what somebody wrote behind the first.
async fn await_earlier(migration: &Migration, index: &Vectorize) -> Result<(), Error> {
    if shows_any(migration, index).await? {
        let is_gone = async || Ok(!shows_any(migration, index).await?);
        await_applied_or(migration, index, is_gone).await?;
        forget_unapplied(migration, index).await?;
    }
    Ok(())
}

/// One call after the other, so that the last answer is the last in the queue; none where
/// nothing was left to ask for.
async fn send(migration: &Migration, index: &Vectorize) -> Result<Option<MutationId>, Error> {
    let mut last = None;
    loop {
        migration.stop.check()?;
        let doomed = migration.ledger.next_doomed(DELETED_AT_ONCE)?;
        if doomed.is_empty() {
            return Ok(last);
        }
        let mutation = index.delete_by_ids(&vector_ids(&doomed)).await?;
        migration
            .ledger
            .deletion_accepted(&doomed, mutation.as_str())?;
        migration.progress.advance(Step::Prune, doomed.len() as u64);
        last = Some(mutation);
    }
}

/// Until the index is at the last deletion, or shows nothing of it any more: its marker may
/// be another writer's. What was asked for before is applied then, or passed over. Where it
/// showed nothing of the last one to begin with, until it shows nothing of any.
async fn wait(migration: &Migration, index: &Vectorize, last: MutationId) -> Result<(), Error> {
    let mut seen = index.info().await?;
    let (mut progressed, mut pause) = (migration.clock.now(), FIRST_PAUSE);
    let mut looked = progressed;
    let is_told = shows(migration, index, &last).await?;
    loop {
        if seen.processed_up_to.as_ref() == Some(&last) {
            return Ok(());
        }
        let now = migration.clock.now();
        if now - looked >= READ_BACK_AFTER {
            looked = now;
            let shows = match is_told {
                true => shows(migration, index, &last).await?,
                false => shows_any(migration, index).await?,
            };
            if !shows {
                return Ok(());
            }
        }
        if now - progressed >= migration.pace.settle_timeout {
            return Err(no_progress(migration));
        }
        migration.stop.pause(&migration.clock, pause).await?;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        let info = index.info().await?;
        // Another writer's progress is none of ours: it may go on for ever.
        if info != seen && is_ours(migration, &info)? {
            progressed = migration.clock.now();
        }
        seen = info;
    }
}

/// Whether the marker is at one of our deletions, or nothing was ever applied.
fn is_ours(migration: &Migration, info: &IndexInfo) -> Result<bool, Error> {
    match &info.processed_up_to {
        Some(marker) => migration.ledger.is_accepted_deletion(marker.as_str()),
        None => Ok(true),
    }
}

fn no_progress(migration: &Migration) -> Error {
    let waited = humantime::format_duration(migration.pace.settle_timeout);
    Error::stopped(format!(
        "the index has not applied the deletion of what vanished for {waited}"
    ))
    .advise("everything accepted is in Vectorize's queue and in the ledger: run the same command again later, or wait longer with --settle-timeout")
}

/// Whether the index shows anything of that deletion.
async fn shows(
    migration: &Migration,
    index: &Vectorize,
    deletion: &MutationId,
) -> Result<bool, Error> {
    match migration.ledger.deletion_mark(deletion.as_str())? {
        Some(mark) => Ok(!still_there(index, vec![mark]).await?.is_empty()),
        None => Ok(false),
    }
}

/// Whether the index shows anything of what was deleted.
async fn shows_any(migration: &Migration, index: &Vectorize) -> Result<bool, Error> {
    let mut after: Option<String> = None;
    loop {
        let marks = migration
            .ledger
            .deletion_marks(after.as_deref(), READ_AT_ONCE)?;
        let Some(last) = marks.last() else {
            return Ok(false);
        };
        after = Some(last.mutation.clone());
        if !still_there(index, marks).await?.is_empty() {
            return Ok(true);
        }
    }
}

/// Forgets that deletions were accepted whose vectors are still there; says how many.
async fn forget_unapplied(migration: &Migration, index: &Vectorize) -> Result<u64, Error> {
    let ledger = &migration.ledger;
    let (mut after, mut forgotten): (Option<String>, u64) = (None, 0);
    loop {
        let marks = ledger.deletion_marks(after.as_deref(), READ_AT_ONCE)?;
        let Some(last) = marks.last() else {
            return Ok(forgotten);
        };
        after = Some(last.mutation.clone());
        for mark in still_there(index, marks).await? {
            ledger.deletion_lost(&mark.mutation)?;
            forgotten += 1;
        }
    }
}

/// Those that the index holds as we brought them there: what is there otherwise was
/// written anew by somebody.
async fn still_there(
    index: &Vectorize,
    marks: Vec<DeletionMark>,
) -> Result<Vec<DeletionMark>, Error> {
    let ids: Vec<String> = marks.iter().map(|mark| mark.id.clone()).collect();
    let stored: Vec<StoredVector> = index.get_by_ids(&vector_ids(&ids)).await?;
    let is_there = |mark: &DeletionMark| {
        stored
            .iter()
            .any(|vector| vector.id == mark.id && stored_digest(vector) == mark.digest)
    };
    Ok(marks.into_iter().filter(is_there).collect())
}

/// What was migrated had ids that Vectorize takes.
fn vector_ids(ids: &[String]) -> Vec<VectorId> {
    ids.iter()
        .filter_map(|id| VectorId::new(id.as_str()).ok())
        .collect()
}
