//! Looking before the first write: which ids the index holds already. One that
//! we would write refuses the run unless overwriting was asked for; all others
//! are foreign and stay. A later generation looks only for what it has new. And
//! which entries of our files KV holds.

use crate::cloudflare::{ApiError, Vectorize};
use crate::error::Error;
use crate::file_index::{Compared, FileIndex, Standing};
use crate::ledger::{InventoryEntry, Milestone};
use crate::progress::Step;
use crate::stages::context::Migration;
use crate::stages::entries::next_page;
use crate::stages::index::unreadable;
use crate::stages::newcomers;

/// Walks that may break before we give up: the list's cursor breaks while the
/// index applies writes (code 40052), and a new walk is the only remedy.
pub(crate) const WALKS: usize = 3;
/// Between two walks: an index is rarely busy for longer.
pub(crate) const BETWEEN_WALKS: std::time::Duration = std::time::Duration::from_secs(10);

/// What to do about ids that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Refuse,
    /// Replace them.
    Overwrite,
    /// Replace them, and save before what they are.
    KeepOverwritten,
}

/// Takes the inventory unless batches are out already, and refuses where it
/// holds ids of ours.
///
/// Errors: [`crate::error::Kind::Refused`] on such ids; stopped when the list
/// cannot be walked while others write.
pub async fn inventory(
    migration: &Migration,
    index: &Vectorize,
    existing: Existing,
) -> Result<(), Error> {
    // Once a batch is out, what is in the index is partly ours; before that,
    // an older look may no longer be true.
    if migration.ledger.first_unbatched()? > 0 {
        return Ok(());
    }
    let catches_up = migration.ledger.held()? > 0;
    match catches_up {
        true => newcomers::look(migration, index).await?,
        false => take(migration, index).await?,
    }
    let (conflicts, examples) = migration.ledger.conflicts(5)?;
    if conflicts == 0 {
        return Ok(());
    }
    let kept = match existing {
        Existing::Refuse => {
            if catches_up {
                // The source may be mended until the next start, so it is read again then.
                migration.reach(Milestone::Refused)?;
            }
            return Err(conflict(conflicts, &examples));
        }
        Existing::Overwrite => {
            "a rollback could not bring their old values back, which --keep-overwritten would save first"
        }
        Existing::KeepOverwritten => "their old values are saved first, for a rollback",
    };
    migration.warn(format!(
        "{conflicts} vectors that are in the index already will be replaced; {kept}"
    ));
    Ok(())
}

fn conflict(conflicts: u64, examples: &[String]) -> Error {
    Error::refused(format!(
        "{conflicts} of the ids to be written are in the index already, for example {}",
        examples.join(", ")
    ))
    .advise("give --overwrite to replace them, another --id template, or another index; nothing was written")
}

pub(super) async fn take(migration: &Migration, index: &Vectorize) -> Result<(), Error> {
    migration.begin(Step::Inventory, None);
    let mut walks = 0;
    let ids = loop {
        walks += 1;
        match walk(migration, index).await {
            Ok(ids) => break ids,
            Err(Broken::Cursor) if walks < WALKS => {
                migration.warn("the list of ids broke off because the index is being written to; walking it again");
                migration
                    .stop
                    .pause(&migration.clock, BETWEEN_WALKS)
                    .await?;
            }
            Err(Broken::Cursor) => {
                return Err(Error::stopped(format!(
                    "the index's ids could not be listed: {WALKS} walks broke off because it is being written to"
                ))
                .advise("pause what writes to the index, then run the same command again; nothing was written"));
            }
            Err(Broken::Other(error)) => return Err(error),
        }
    };
    migration.reach(Milestone::VectorsInventoried)?;
    migration.progress.end(
        Step::Inventory,
        &format!("{ids} vectors in the index before the first write"),
    );
    Ok(())
}

enum Broken {
    Cursor,
    Other(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

async fn walk(migration: &Migration, index: &Vectorize) -> Result<u64, Broken> {
    let mut walk = migration.ledger.walk();
    let mut cursor = None;
    let mut ids = 0;
    loop {
        migration.stop.check()?;
        let page = match index.list(cursor.as_ref()).await {
            Ok(page) => page,
            Err(ApiError::CursorBroken(_)) => return Err(Broken::Cursor),
            Err(error) => return Err(Broken::Other(error.into())),
        };
        walk.add(&page.ids)?;
        ids += page.ids.len() as u64;
        migration
            .progress
            .advance(Step::Inventory, page.ids.len() as u64);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    migration.ledger.take_inventory(walk)?;
    Ok(ids)
}

/// Reads the entries of our files that are there already into the inventory, and
/// refuses where one holds something else than ids: found out only after the
/// records are written, it would leave the migration halfway.
pub async fn inventory_entries(
    migration: &Migration,
    file_index: &FileIndex<'_>,
) -> Result<(), Error> {
    file_index.list().await?;
    let namespace = &file_index.plan.namespace;
    let mut after: Option<String> = None;
    loop {
        let page = next_page(migration, file_index, after.as_deref()).await?;
        let there: Vec<&Compared> = page
            .compared
            .iter()
            .filter(|entry| entry.stored.is_some())
            .collect();
        if let Some(entry) = there
            .iter()
            .find(|entry| entry.standing == Standing::Unreadable)
        {
            return Err(unreadable(&entry.key));
        }
        let entries: Vec<InventoryEntry> = there
            .into_iter()
            .map(|entry| before(namespace, entry))
            .collect();
        file_index.ledger.add_entry_inventory(&entries)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// An entry as it is, for the inventory.
pub(super) fn before(namespace: &str, entry: &Compared) -> InventoryEntry {
    InventoryEntry::of(namespace, &entry.key, entry.stored.as_ref())
}
