//! Deletes the vectors that the migration brought into the index. Each is looked at
//! first: one that is not what was written was changed since, and stays. What is
//! left is found by listing, so that a kill at any instant costs nothing.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::look::{self, CALLS_AT_ONCE, IDS_AT_ONCE};
use crate::cloudflare::{MAX_DELETE_IDS, MutationId, StoredVector, Vectorize};
use crate::error::Error;
use crate::ledger::{BatchState, Ledger, TakenBack, Written};
use crate::progress::Step;
use crate::record::VectorId;
use crate::stages::barrier::{Evidence, await_applied};
use crate::stages::context::Migration;
use crate::stages::records::stored_digest;

/// Times that what is still there is deleted: a service may accept a deletion and
/// never apply it.
const ROUNDS: usize = 10;
/// Before ids that are listed and cannot be read are looked for again.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(10);

/// Whether the index may go as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The migration created it.
    Created,
    /// It was there before.
    Found,
}

/// What one look at all that is left came to.
#[derive(Debug, Default)]
struct Pass {
    evidence: Evidence,
    deleted: u64,
    /// Listed, and not there when read.
    unread: u64,
}

/// Waits until no upsert of the migration itself can be applied any more: what it
/// sent last may still be in the queue.
pub(super) async fn await_pending(migration: &Migration, index: &Vectorize) -> Result<(), Error> {
    let ledger = &migration.ledger;
    let pending =
        ledger.batches(BatchState::Sent)?.len() + ledger.batches(BatchState::Accepted)?.len();
    let pending = match pending {
        0 if ledger.next_doubted(1)?.is_empty() => return Ok(()),
        0 => "records that were set aside after they were sent".to_owned(),
        batches => format!("{batches} batches"),
    };
    if migration.is_dry_run() {
        migration.tell(format!(
            "{pending} may still be on their way into the index; the real rollback waits for them first"
        ));
        return Ok(());
    }
    migration.tell(format!(
        "{pending} may still be on their way into the index; waiting until they are applied"
    ));
    await_applied(migration, index, &Evidence::default()).await
}

/// Deletes what is ours, and waits until that is applied. Says whether the index
/// holds nothing else and may go as a whole; nothing was deleted then.
///
/// Errors: stopped where vectors are still there after several rounds.
pub(super) async fn take_back(
    migration: &Migration,
    index: &Vectorize,
    origin: Origin,
) -> Result<bool, Error> {
    let written = migration.ledger.written_vectors()?;
    migration.begin(Step::Rollback, Some(written));
    for round in 1..=ROUNDS {
        look::list(migration, index).await?;
        if origin == Origin::Created && migration.ledger.foreign_present()? == 0 {
            return Ok(true);
        }
        let pass = Round { migration, index }.pass().await?;
        if migration.is_dry_run() || pass.deleted + pass.unread == 0 {
            return Ok(false);
        }
        if pass.deleted > 0 {
            await_applied(migration, index, &pass.evidence).await?;
        } else if round < ROUNDS {
            let pause = BETWEEN_ROUNDS;
            migration.stop.pause(&migration.clock, pause).await?;
        }
    }
    Err(Error::stopped(format!(
        "vectors that were deleted {ROUNDS} times are still listed in the index"
    ))
    .advise("run the same command again later: only what is left is deleted"))
}

struct Round<'a> {
    migration: &'a Migration,
    index: &'a Vectorize,
}

impl Round<'_> {
    async fn pass(&self) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        let mut after = String::new();
        loop {
            self.migration.stop.check()?;
            let ids = self.migration.ledger.present_written(&after, IDS_AT_ONCE)?;
            let Some(last) = ids.last() else {
                return Ok(pass);
            };
            after.clone_from(last);
            self.look_at(ids, &mut pass).await?;
        }
    }

    async fn look_at(&self, ids: Vec<String>, pass: &mut Pass) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let stored = look::read(self.index, &ids).await?;
        let (mut ours, mut changed) = (Vec::new(), Vec::new());
        let looked = ids.len() as u64;
        for id in ids {
            match stored.get(&id) {
                None => pass.unread += 1,
                Some(vector) if is_written(ledger, vector)? => ours.push(id),
                Some(_) => changed.push(id),
            }
        }
        ledger.take_back(Written::Vector, &changed, TakenBack::Kept)?;
        ledger.take_back(Written::Vector, &ours, TakenBack::Deleted)?;
        self.delete(&ours, pass).await?;
        self.migration.progress.advance(Step::Rollback, looked);
        Ok(())
    }

    async fn delete(&self, ids: &[String], pass: &mut Pass) -> Result<(), Error> {
        let ids: Vec<VectorId> = ids
            .iter()
            .filter_map(|id| VectorId::new(id.as_str()).ok())
            .collect();
        pass.deleted += ids.len() as u64;
        if self.migration.is_dry_run() {
            return Ok(());
        }
        let calls: Vec<_> = ids
            .chunks(MAX_DELETE_IDS)
            .map(|ids| self.index.delete_by_ids(ids))
            .collect();
        let _: Vec<MutationId> = stream::iter(calls)
            .buffer_unordered(CALLS_AT_ONCE)
            .try_collect()
            .await?;
        pass.evidence.deleted(&ids);
        Ok(())
    }
}

/// Whether the vector is what the migration wrote under its id.
pub(super) fn is_written(ledger: &Ledger, vector: &StoredVector) -> Result<bool, Error> {
    let digest = stored_digest(vector);
    Ok(ledger.written_digests(&vector.id)?.contains(&digest))
}
