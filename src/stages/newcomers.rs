//! Looking before a later generation's first write: are its new ids in the index
//! already, by somebody else's hand? Asked in whichever way takes fewer calls.

use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::progress::Step;
use crate::record::VectorId;
use crate::stages::context::Migration;
use crate::stages::inventory::take;

/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;
/// A page of the list has up to 1,000 (Vectorize list page).
const LISTED_AT_ONCE: u64 = 1_000;

/// Adds to the inventory what of the new ids is there; or all that is there and not
/// ours, where listing everything takes fewer calls.
pub(super) async fn look(migration: &Migration, index: &Vectorize) -> Result<(), Error> {
    let new = migration.ledger.new_records()?;
    if new == 0 {
        return Ok(());
    }
    let known = migration.ledger.held()? + migration.ledger.foreign_vectors()?;
    let there = index.info().await?.vector_count.unwrap_or(known);
    if new.div_ceil(READ_AT_ONCE as u64) <= there.div_ceil(LISTED_AT_ONCE) {
        ask(migration, index, new).await
    } else {
        take(migration, index).await
    }
}

async fn ask(migration: &Migration, index: &Vectorize, new: u64) -> Result<(), Error> {
    migration.begin(Step::Inventory, Some(new));
    let (mut after, mut found): (Option<String>, u64) = (None, 0);
    loop {
        migration.stop.check()?;
        let asked = migration
            .ledger
            .new_ids_after(after.as_deref(), READ_AT_ONCE)?;
        let Some(last) = asked.last() else { break };
        after = Some(last.clone());
        let ids: Vec<VectorId> = asked
            .iter()
            .filter_map(|id| VectorId::new(id.as_str()).ok())
            .collect();
        let stored = index.get_by_ids(&ids).await?;
        let there: Vec<String> = stored.into_iter().map(|vector| vector.id).collect();
        found += there.len() as u64;
        migration.ledger.renew_vector_inventory(&asked, &there)?;
        let looked_at = asked.len() as u64;
        migration.progress.advance(Step::Inventory, looked_at);
    }
    migration.progress.end(
        Step::Inventory,
        &format!("{found} of {new} new ids are in the index already"),
    );
    Ok(())
}
