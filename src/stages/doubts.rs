//! Records that were set aside after an earlier start had sent them: whether the index
//! holds them is seen once nothing of that start can be in the queue any more.

use crate::cloudflare::{MAX_GET_IDS, Vectorize};
use crate::error::Error;
use crate::record::VectorId;
use crate::stages::barrier::{Evidence, await_applied};
use crate::stages::context::Migration;
use crate::stages::records::stored_digest;

/// Waits until nothing of them can be in the queue, and looks. For where nothing that was
/// sent behind them tells.
///
/// Errors: stopped where that cannot be told within the settle timeout.
pub(super) async fn await_all(migration: &Migration, index: &Vectorize) -> Result<(), Error> {
    if migration.ledger.next_doubted(1)?.is_empty() {
        return Ok(());
    }
    migration.tell(
        "records that were set aside after they were sent may still be on their way into the index; waiting until they are applied",
    );
    await_applied(migration, index, &Evidence::default()).await?;
    look(migration, index).await
}

/// Which of them are in the index, when nothing of them is in the queue any more.
pub(super) async fn look(migration: &Migration, index: &Vectorize) -> Result<(), Error> {
    let ledger = &migration.ledger;
    loop {
        let doubted = ledger.next_doubted(MAX_GET_IDS)?;
        if doubted.is_empty() {
            return Ok(());
        }
        let ids: Vec<VectorId> = doubted
            .iter()
            .filter_map(|one| VectorId::new(one.id.as_str()).ok())
            .collect();
        let stored = index.get_by_ids(&ids).await?;
        ledger.settle_doubt(&doubted, |one| {
            stored
                .iter()
                .any(|vector| vector.id == one.id && stored_digest(vector) == one.digest)
        })?;
    }
}
