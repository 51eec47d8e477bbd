//! Records that are set aside, and that the index may hold all the same: they were sent
//! before, in a batch whose answer nobody kept. Once nothing of it can be in the queue any
//! more, they are looked for; what is there is ours, and a rollback knows it as that.

use rusqlite::params;

use super::Ledger;
use super::records::as_sql;
use crate::error::Error;
use crate::record::Digest;

/// A record that the index may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubted {
    /// Its id.
    pub id: String,
    /// Its digest.
    pub digest: Digest,
}

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
                        "INSERT OR REPLACE INTO doubted SELECT id, digest, 0 FROM record WHERE ordinal = ?",
                    )?
                    .execute([as_sql(*ordinal)])?;
            }
            transaction.commit()
        })
    }

    /// The next of them that were not looked for.
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be read.
    pub fn next_doubted(&self, limit: usize) -> Result<Vec<Doubted>, Error> {
        self.with(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT id, digest FROM doubted WHERE seen = 0 LIMIT ?")?;
            let rows = statement.query_map([as_sql(limit as u64)], |row| {
                Ok(Doubted {
                    id: row.get(0)?,
                    digest: Digest(row.get(1)?),
                })
            })?;
            rows.collect()
        })
    }

    /// Of these, those that `is_there` names are in the index, and the others are not.
    ///
    /// # Errors
    ///
    /// Where the ledger cannot be written.
    pub fn settle_doubt(
        &self,
        doubted: &[Doubted],
        is_there: impl Fn(&Doubted) -> bool,
    ) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for one in doubted {
                let sql = match is_there(one) {
                    true => "UPDATE doubted SET seen = 1 WHERE id = ? AND digest = ?",
                    false => "DELETE FROM doubted WHERE id = ? AND digest = ?",
                };
                let row = params![one.id, &one.digest.0[..]];
                transaction.prepare_cached(sql)?.execute(row)?;
            }
            transaction.commit()
        })
    }
}
