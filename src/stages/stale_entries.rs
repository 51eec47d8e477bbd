//! Entries none of whose vectors exists: told, or removed. A value that KV gave may
//! be a minute old, and a vector may not be applied yet, so an entry is removed
//! only when it still is stale 90 seconds later.

use std::time::Duration;

use crate::cloudflare::MAX_GET_KEYS;
use crate::error::Error;
use crate::file_index::{AGAIN, FileIndex};
use crate::ledger::{InventoryEntry, Suspect};
use crate::stages::context::Migration;
use crate::stages::index::StaleEntries;
use crate::stages::kv_bulk::{OldestLook, Removing, delete_all};
use crate::transform::Template;

/// Suspects looked at together, in one call: little time lies between the look and the
/// deletion.
const KEYS_AT_ONCE: usize = MAX_GET_KEYS;

/// Refuses to remove keys that do not tell that they belong to the file index.
pub(super) fn check_prune(stale: StaleEntries, file_key: &Template) -> Result<(), Error> {
    if stale == StaleEntries::Report || !file_key.literal_prefix().is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "--prune cannot tell entries of the file index from other keys: keys of the form {file_key} begin with nothing of their own"
    ))
    .advise("leave --prune away and remove stale entries by hand, or choose a --file-key that begins with a text, such as 'file:{file_id}'"))
}

/// How many entries are stale, or were removed.
pub(super) async fn report_or_prune(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    wanted: StaleEntries,
) -> Result<u64, Error> {
    check_prune(wanted, &file_index.plan.file_key)?;
    if !file_index.plan.knows_its_keys() {
        tell_unlooked(migration, file_index);
        return Ok(0);
    }
    migration.ledger.clear_suspects()?;
    suspect_all(migration, file_index).await?;
    let found = migration.ledger.suspects()?;
    match wanted {
        _ if found == 0 => Ok(0),
        StaleEntries::Report => {
            migration.warn(format!(
                "{found} entries name only vectors that do not exist; --prune removes them"
            ));
            Ok(found)
        }
        _ if migration.is_dry_run() => Ok(found),
        _ => prune(migration, file_index, found).await,
    }
}

/// Says why nothing is called stale.
pub(crate) fn tell_unlooked(migration: &Migration, file_index: &FileIndex<'_>) {
    migration.tell(format!(
        "stale entries were not looked for: any key could be of the form {}",
        file_index.plan.file_key
    ));
}

/// Makes suspects of all stale entries.
pub(crate) async fn suspect_all(
    migration: &Migration,
    file_index: &FileIndex<'_>,
) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        migration.stop.check()?;
        match file_index.suspect_stale(after.as_deref()).await? {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn prune(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    found: u64,
) -> Result<u64, Error> {
    let pause: Duration = AGAIN.iter().sum();
    migration.tell(format!(
        "{found} entries name only vectors that do not exist; those of which that is still so in {} seconds are removed",
        pause.as_secs()
    ));
    migration.stop.pause(&migration.clock, pause).await?;
    file_index.list().await?;
    let (mut after, mut removed): (Option<String>, u64) = (None, 0);
    let (mut removing, mut oldest) = (Removing::default(), OldestLook::default());
    loop {
        migration.stop.check()?;
        let page = migration
            .ledger
            .suspects_after(after.as_deref(), KEYS_AT_ONCE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        let looked = migration.clock.now();
        let keys = to_remove(migration, file_index, page).await?;
        removed += keys.len() as u64;
        for key in keys {
            oldest.note(looked);
            if let Some(full) = removing.add(key) {
                delete_all(migration, file_index.kv, full).await?;
            }
        }
        if oldest.is_due(&migration.clock) {
            delete_all(migration, file_index.kv, removing.take()).await?;
        }
    }
    delete_all(migration, file_index.kv, removing.take()).await?;
    Ok(removed)
}

/// The keys that still are stale; what they hold is in the inventory.
async fn to_remove(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    suspects: Vec<Suspect>,
) -> Result<Vec<String>, Error> {
    let keys: Vec<String> = suspects.into_iter().map(|suspect| suspect.key).collect();
    let stale = file_index.still_stale(&keys).await?;
    let namespace = &file_index.plan.namespace;
    let before: Vec<InventoryEntry> = stale
        .iter()
        .map(|stale| InventoryEntry::of(namespace, &stale.key, Some(&stale.stored)))
        .collect();
    migration.ledger.add_entry_inventory(&before)?;
    Ok(stale.into_iter().map(|stale| stale.key).collect())
}
