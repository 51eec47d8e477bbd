//! Waiting until the index has applied what was sent. The queue is applied in
//! order (Vectorize insert page), so a marker behind everything tells: the deletion
//! of an id that nobody has, which changes nothing. Where other writers' mutations
//! overtake the marker, reading back tells.

use std::collections::HashSet;
use std::time::Duration;

use crate::cloudflare::{MAX_GET_IDS, MutationId, Vectorize};
use crate::error::Error;
use crate::record::{Digest, VectorId};
use crate::stages::context::Migration;
use crate::stages::records::stored_digest;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A marker that was not seen for so long was overtaken, or lost: another is sent.
const NEXT_MARKER_AFTER: Duration = Duration::from_secs(20);

/// What can be seen in the index once the last of our writes is applied.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    gone: Vec<VectorId>,
    back: Vec<(VectorId, Digest)>,
}

impl Evidence {
    /// These were there, and their deletion was accepted last.
    pub(super) fn deleted(&mut self, ids: &[VectorId]) {
        keep_last(&mut self.gone, ids);
    }

    /// These were other, and their restoration was accepted last.
    pub(super) fn restored(&mut self, ids: &[(VectorId, Digest)]) {
        keep_last(&mut self.back, ids);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.back.is_empty()
    }

    /// Whether all of it can be seen; nothing shows nothing.
    async fn is_seen(&self, index: &Vectorize) -> Result<bool, Error> {
        if self.is_empty() {
            return Ok(false);
        }
        let gone = self.gone.is_empty() || index.get_by_ids(&self.gone).await?.is_empty();
        if !gone || self.back.is_empty() {
            return Ok(gone);
        }
        let ids: Vec<VectorId> = self.back.iter().map(|(id, _)| id.clone()).collect();
        let stored = index.get_by_ids(&ids).await?;
        Ok(self.back.iter().all(|(id, digest)| {
            stored
                .iter()
                .any(|vector| vector.id == id.as_str() && stored_digest(vector) == *digest)
        }))
    }
}

fn keep_last<T: Clone>(kept: &mut Vec<T>, new: &[T]) {
    kept.extend_from_slice(new);
    let surplus = kept.len().saturating_sub(MAX_GET_IDS);
    kept.drain(..surplus);
}

/// Waits until everything that was accepted before is applied.
///
/// Errors: [`crate::error::Kind::Stopped`] where that cannot be told within the
/// settle timeout.
pub(super) async fn await_applied(
    migration: &Migration,
    index: &Vectorize,
    evidence: &Evidence,
) -> Result<(), Error> {
    await_applied_or(migration, index, async || evidence.is_seen(index).await).await
}

/// The same, with something else that tells: `is_seen` is asked at every marker.
pub(super) async fn await_applied_or(
    migration: &Migration,
    index: &Vectorize,
    is_seen: impl AsyncFn() -> Result<bool, Error>,
) -> Result<(), Error> {
    let begun = migration.clock.now();
    let mut markers = HashSet::new();
    loop {
        markers.insert(send_marker(index).await?);
        if is_passed(migration, index, &markers).await? || is_seen().await? {
            return Ok(());
        }
        if migration.clock.now() - begun >= migration.pace.settle_timeout {
            return Err(not_told(migration));
        }
    }
}

/// Whether one of the markers is what the index applied last, at one of the looks
/// until the next marker is due.
async fn is_passed(
    migration: &Migration,
    index: &Vectorize,
    markers: &HashSet<MutationId>,
) -> Result<bool, Error> {
    let begun = migration.clock.now();
    let mut pause = FIRST_PAUSE;
    while migration.clock.now() - begun < NEXT_MARKER_AFTER {
        let applied = index.info().await?.processed_up_to;
        if applied.is_some_and(|applied| markers.contains(&applied)) {
            return Ok(true);
        }
        migration.stop.pause(&migration.clock, pause).await?;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
    Ok(false)
}

async fn send_marker(index: &Vectorize) -> Result<MutationId, Error> {
    let id = VectorId::new(format!("cf-migrate-marker-{:032x}", rand::random::<u128>()))
        .expect("50 bytes are within an id's limit");
    Ok(index.delete_by_ids(&[id]).await?)
}

fn not_told(migration: &Migration) -> Error {
    let waited = humantime::format_duration(migration.pace.settle_timeout);
    Error::stopped(format!(
        "for {waited} it could not be told whether the index has applied what was sent to it"
    ))
    .advise("pause what else writes to the index, then run the same command again later, or wait longer with --settle-timeout")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_one_call_can_read_is_kept_as_evidence() {
        let mut evidence = Evidence::default();
        assert!(evidence.is_empty());
        let ids: Vec<VectorId> = (0..50)
            .map(|number| VectorId::new(format!("v{number}")).unwrap())
            .collect();
        evidence.deleted(&ids[..30]);
        evidence.deleted(&ids[30..]);
        assert_eq!(evidence.gone, ids[30..]);
        evidence.deleted(&ids[..1]);
        assert_eq!(evidence.gone.len(), MAX_GET_IDS);
        assert_eq!(evidence.gone[MAX_GET_IDS - 1], ids[0]);
    }
}
