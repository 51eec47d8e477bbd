//! How many vectors the index holds, for the count that KV keeps.

use std::time::Duration;

use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::stages::context::Migration;

/// The index's own count lags behind what it has applied; verification is as
/// patient before it calls a difference a finding.
const PATIENCE: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(8),
    Duration::from_secs(18),
    Duration::from_secs(60),
];

/// The index's own count, once it agrees with what it must hold: our records and
/// the foreign vectors of the inventory. Where it does not come to agree, others
/// write meanwhile, and the index's word stands.
pub(super) async fn in_index(migration: &Migration, index: &Vectorize) -> Result<u64, Error> {
    let expected = migration.ledger.totals()?.records + migration.ledger.foreign_vectors()?;
    if migration.is_dry_run() {
        return Ok(expected);
    }
    let mut counted = index.info().await?.vector_count;
    for pause in PATIENCE {
        if counted == expected {
            return Ok(counted);
        }
        migration.stop.pause(&migration.clock, pause).await?;
        counted = index.info().await?.vector_count;
    }
    if counted != expected {
        migration.warn(format!(
            "the index counts {counted} vectors, {expected} were expected: something else writes to it, or records are missing (verification will tell)"
        ));
    }
    Ok(counted)
}
