//! Records that are set aside, and that the index may hold all the same: they were sent
//! before, in a batch whose answer nobody kept. A rollback knows them as ours.

use super::Ledger;
use super::records::as_sql;
use crate::error::Error;

impl Ledger {
    /// The index may hold the records of these ordinals, which are to be
    /// [rejected](Self::reject).
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be written.
    pub fn doubt(&self, ordinals: &[u64]) -> Result<(), Error> {
        if ordinals.is_empty() {
            return Ok(());
        }
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for ordinal in ordinals {
                transaction
                    .prepare_cached(
                        "INSERT OR IGNORE INTO doubted SELECT id, digest FROM record WHERE ordinal = ?",
                    )?
                    .execute([as_sql(*ordinal)])?;
            }
            transaction.commit()
        })
    }

    /// Whether there are such records.
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be read.
    pub fn has_doubted(&self) -> Result<bool, Error> {
        self.with(|connection| {
            connection.query_row("SELECT EXISTS (SELECT 1 FROM doubted)", [], |row| {
                row.get(0)
            })
        })
    }
}
