//! The number of vectors in the index, under its key in KV.

use crate::cloudflare::{Kv, KvPair, KvValue};
use crate::error::Error;
use crate::file_index::{AGAIN, FileIndexPlan, Reading, read_key};
use crate::ledger::InventoryEntry;
use crate::stages::context::Migration;
use crate::stages::entries::unread;
use crate::stages::kv_bulk::put_all;

/// What became of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It held the number already.
    Already,
    /// It was written, or would be in a dry run.
    Written,
}

/// Makes the key hold the number; what it held before is in the inventory then.
///
/// Errors: stopped where the key is there and cannot be read.
pub(super) async fn keep(
    migration: &Migration,
    plan: &FileIndexPlan,
    kv: &Kv,
    vectors: u64,
) -> Result<Kept, Error> {
    let (key, value) = (&plan.count, vectors.to_string());
    let stored = held(migration, kv, &key.key).await?;
    let same = stored.as_ref().is_some_and(|stored| {
        stored.value.trim() == value && stored.expiration.is_some() == plan.ttl.is_some()
    });
    if same {
        return Ok(Kept::Already);
    }
    if migration.is_dry_run() {
        return Ok(Kept::Written);
    }
    let ledger = &migration.ledger;
    ledger.add_entry_inventory(&[InventoryEntry::of(
        &key.namespace,
        &key.key,
        stored.as_ref(),
    )])?;
    let pairs = vec![KvPair {
        key: key.key.clone(),
        value,
        expiration_ttl: plan.ttl,
        expiration: None,
        // Somebody else's metadata is not ours to lose.
        metadata: stored.and_then(|stored| stored.metadata),
    }];
    ledger.add_entries(&key.namespace, &pairs)?;
    put_all(migration, kv, pairs).await?;
    Ok(Kept::Written)
}

/// What the key holds, once it can be read.
async fn held(migration: &Migration, kv: &Kv, key: &str) -> Result<Option<KvValue>, Error> {
    let mut reading = read_key(kv, key).await?;
    for pause in AGAIN {
        match reading {
            Reading::Absent => return Ok(None),
            Reading::Held(value) => return Ok(Some(value)),
            Reading::Unread => migration.stop.pause(&migration.clock, pause).await?,
        }
        reading = read_key(kv, key).await?;
    }
    match reading {
        Reading::Absent => Ok(None),
        Reading::Held(value) => Ok(Some(value)),
        Reading::Unread => Err(unread(key)),
    }
}
