//! Records that an earlier generation brought into the index and that the source has no
//! longer: told, or deleted where that was asked for. What could be a mistake is not
//! deleted: more than half of all, what was there before us, and what belongs to points
//! that are there and were rejected.

use crate::archive::Generation;
use crate::error::Error;
use crate::ledger::{Milestone, Vanishing};
use crate::stages::context::Migration;
use crate::stages::index::StaleEntries;
use crate::transform::Transform;

/// Rejected points that are looked up in the archive at a time.
const REJECTED_AT_ONCE: usize = 512;

/// What may be deleted of what vanished.
struct Deletable {
    vanishing: Vanishing,
    /// Rejected points that do not tell which records they once were.
    unknown: u64,
}

impl Deletable {
    fn of(
        migration: &Migration,
        generation: &Generation,
        transform: &Transform,
    ) -> Result<Self, Error> {
        let unknown = note_rejected_ids(migration, generation, transform)?;
        let vanishing = migration.ledger.vanishing()?;
        Ok(Self { vanishing, unknown })
    }

    /// How many are deleted under that permission.
    fn under(&self, wanted: StaleEntries) -> u64 {
        match wanted {
            StaleEntries::Report => 0,
            StaleEntries::Prune if self.unknown > 0 => 0,
            _ => self.vanishing.deletable,
        }
    }
}

/// Says, before the first write, what vanished and what will become of it.
///
/// Errors: refused where more than half of what is held would be deleted.
pub(super) fn gate(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    wanted: StaleEntries,
) -> Result<(), Error> {
    let (ledger, begun) = (&migration.ledger, migration.ledger.to_delete()?);
    if begun > 0 {
        migration.tell(format!(
            "the deletion of {begun} vectors that vanished from the source was begun, and is finished"
        ));
        return Ok(());
    }
    let vanished = ledger.vanished()?;
    if vanished == 0 {
        return Ok(());
    }
    if wanted == StaleEntries::Report {
        migration.warn(format!(
            "{vanished} records vanished from the source; their vectors stay in the index. --prune deletes them"
        ));
        return Ok(());
    }
    let found = Deletable::of(migration, generation, transform)?;
    tell_kept(migration, &found, wanted);
    let (deleted, held) = (found.under(wanted), ledger.held()?);
    if deleted > held / 2 && wanted != StaleEntries::PruneAnyway {
        // The source may be mended until the next start, so it is read again then.
        migration.reach(Milestone::Refused)?;
        return Err(too_many(deleted, held));
    }
    if deleted > 0 {
        migration.warn(format!(
            "{deleted} vectors vanished from the source; they are deleted from the index once all else is written"
        ));
    }
    Ok(())
}

fn too_many(deleted: u64, held: u64) -> Error {
    Error::refused(format!(
        "{deleted} of the {held} records that were migrated vanished from the source: --prune would delete more than half"
    ))
    .advise("see whether the source is whole (a collection that is restored or rebuilt may lack most of its points for a while); without --prune they stay, and --prune-anyway deletes them. Nothing was written")
}

fn tell_kept(migration: &Migration, found: &Deletable, wanted: StaleEntries) {
    let Vanishing {
        deletable,
        overwritten,
        rejected,
    } = found.vanishing;
    if overwritten > 0 {
        migration.warn(format!(
            "{overwritten} records vanished from the source whose ids were in the index before this migration: their vectors are not deleted"
        ));
    }
    if rejected > 0 {
        migration.warn(format!(
            "{rejected} records are in the index as they were, because their points cannot become records any more: their vectors are not deleted"
        ));
    }
    if found.unknown > 0 && deletable > 0 && wanted == StaleEntries::Prune {
        migration.warn(format!(
            "{} rejected points give no vector id, so their earlier records may be among the {deletable} that vanished: none of these is deleted. Mend the points, or give --prune-anyway",
            found.unknown
        ));
    }
}

/// Decides what is deleted: after the last record was written or refused.
pub(super) fn doom(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    wanted: StaleEntries,
) -> Result<(), Error> {
    if wanted == StaleEntries::Report || migration.ledger.vanished()? == 0 {
        return Ok(());
    }
    let found = Deletable::of(migration, generation, transform)?;
    match found.under(wanted) {
        0 => Ok(()),
        _ => migration.ledger.doom(),
    }
}

/// Notes which ids the rejected points would have; says how many points do not tell.
fn note_rejected_ids(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
) -> Result<u64, Error> {
    let ledger = &migration.ledger;
    ledger.begin_rejected_ids()?;
    let (mut first, mut unknown) = (0, 0);
    loop {
        migration.stop.check()?;
        let ordinals = ledger.untransformed_from(first, REJECTED_AT_ONCE)?;
        let Some(last) = ordinals.last() else {
            return Ok(unknown);
        };
        first = last + 1;
        let points = generation.points_at(&ordinals)?;
        let ids: Vec<String> = points
            .iter()
            .filter_map(|(_, point)| transform.vector_id(point))
            .map(String::from)
            .collect();
        unknown += (points.len() - ids.len()) as u64;
        ledger.add_rejected_ids(&ids)?;
    }
}
