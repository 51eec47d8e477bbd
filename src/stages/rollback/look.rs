//! Looking at the index: which ids it lists, and what it holds under some of them.

use std::collections::HashMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::cloudflare::{ApiError, MAX_GET_IDS, StoredVector, Vectorize};
use crate::error::Error;
use crate::record::VectorId;
use crate::stages::context::Migration;
use crate::stages::inventory::{BETWEEN_WALKS, WALKS};

/// Calls on the wire at once.
pub(super) const CALLS_AT_ONCE: usize = 4;
/// Ids looked at together: bounds memory.
pub(super) const IDS_AT_ONCE: usize = 400;

/// Writes down which ids the index lists now.
///
/// Errors: stopped where the list keeps breaking off.
pub(super) async fn list(migration: &Migration, index: &Vectorize) -> Result<(), Error> {
    for walked in 1.. {
        if walk(migration, index).await? {
            break;
        }
        if walked >= WALKS {
            return Err(Error::stopped(format!(
                "the list of ids broke off {WALKS} times because the index is being written to"
            ))
            .advise("pause what else writes to the index, then run the same command again"));
        }
        migration.warn(
            "the list of ids broke off because the index is being written to; walking it again",
        );
        migration
            .stop
            .pause(&migration.clock, BETWEEN_WALKS)
            .await?;
    }
    Ok(())
}

/// Whether a walk came to its end.
async fn walk(migration: &Migration, index: &Vectorize) -> Result<bool, Error> {
    migration.ledger.begin_presence()?;
    let mut cursor = None;
    loop {
        migration.stop.check()?;
        let page = match index.list(cursor.as_ref()).await {
            Err(ApiError::CursorBroken(_)) => return Ok(false),
            other => other?,
        };
        migration.ledger.add_present(&page.ids)?;
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(true),
        }
    }
}

/// What the index holds under these ids, of which there are at most
/// [`IDS_AT_ONCE`]; absent ones are left out.
pub(super) async fn read(
    index: &Vectorize,
    ids: &[String],
) -> Result<HashMap<String, StoredVector>, Error> {
    let ids: Vec<VectorId> = ids
        .iter()
        .filter_map(|id| VectorId::new(id.as_str()).ok())
        .collect();
    let groups: Vec<Vec<VectorId>> = ids.chunks(MAX_GET_IDS).map(<[VectorId]>::to_vec).collect();
    let answers: Vec<Vec<StoredVector>> = stream::iter(groups)
        .map(|ids| async move { index.get_by_ids(&ids).await })
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(answers
        .into_iter()
        .flatten()
        .map(|vector| (vector.id.clone(), vector))
        .collect())
}
