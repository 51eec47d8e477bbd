//! The keys of KV that this migration wrote or removed, and what was there before.

use rusqlite::{OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use super::records::{as_sql, from_sql};
use super::{InventoryEntry, Ledger, Written};
use crate::error::Error;

/// The keys of KV that a rollback is about at a time.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// The KV namespace's id.
    pub namespace: &'a str,
    /// The key of the count.
    pub count: &'a str,
    /// Entries, or the count: any other kind has no keys.
    pub kind: Written,
}

/// A KV key that we wrote or removed, with what was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The key.
    pub key: String,
    /// Whether we removed it last.
    pub removed: bool,
    /// Whether we ever wrote it without the metadata that it had before, because it had
    /// none any more.
    pub bare: bool,
    /// What was there; its value is none where nothing was.
    pub before: InventoryEntry,
}

impl Ledger {
    /// The next keys after `after` that we wrote or removed.
    pub fn touched(
        &self,
        keys: Keys<'_>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Touched>, Error> {
        let Keys {
            namespace,
            count,
            kind,
        } = keys;
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT touched.key, entry_removed.key IS NOT NULL, entry_bare.key IS NOT NULL, value, metadata, expiration FROM (
                     SELECT key FROM entry WHERE namespace = ?1
                     UNION SELECT key FROM entry_removed WHERE namespace = ?1) AS touched
                 LEFT JOIN entry_removed ON entry_removed.namespace = ?1 AND entry_removed.key = touched.key
                 LEFT JOIN entry_bare ON entry_bare.namespace = ?1 AND entry_bare.key = touched.key
                 LEFT JOIN inventory_entry ON inventory_entry.namespace = ?1 AND inventory_entry.key = touched.key
                 WHERE touched.key > ?2 AND (touched.key = ?3) = ?4 ORDER BY touched.key LIMIT ?5",
            )?;
            let is_count = kind == Written::Count;
            let asked = params![namespace, after, count, is_count, as_sql(limit as u64)];
            let rows = statement.query_map(asked, |row| read_touched(namespace, row))?;
            rows.collect()
        })
    }

    /// What is known of one key that we wrote or removed.
    pub fn touched_entry(&self, keys: Keys<'_>, key: &str) -> Result<Option<Touched>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT ?2, EXISTS (SELECT 1 FROM entry_removed WHERE namespace = ?1 AND key = ?2),
                         EXISTS (SELECT 1 FROM entry_bare WHERE namespace = ?1 AND key = ?2),
                         value, metadata, expiration
                     FROM (SELECT 1) LEFT JOIN inventory_entry ON namespace = ?1 AND key = ?2",
                )?
                .query_row([keys.namespace, key], |row| read_touched(keys.namespace, row))
                .optional()
        })
    }

    /// How many keys of that kind we wrote or removed.
    pub fn count_touched(&self, keys: Keys<'_>) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT count(*) FROM (SELECT key FROM entry WHERE namespace = ?1
                 UNION SELECT key FROM entry_removed WHERE namespace = ?1) WHERE (key = ?2) = ?3",
                params![keys.namespace, keys.count, keys.kind == Written::Count],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// Whether we ever wrote this value under this key.
    pub fn wrote_entry(&self, namespace: &str, key: &str, value: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM entry_written WHERE namespace = ?1 AND key = ?2 AND digest = ?3
                     UNION SELECT 1 FROM entry WHERE namespace = ?1 AND key = ?2 AND value = ?4",
                )?
                .query_row(params![namespace, key, value_digest(value), value], |_| {
                    Ok(())
                })
                .optional()
        })
        .map(|row| row.is_some())
    }

    /// Whether we ever wrote or removed this key.
    pub fn touched_key(&self, namespace: &str, key: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM entry WHERE namespace = ?1 AND key = ?2
                     UNION SELECT 1 FROM entry_removed WHERE namespace = ?1 AND key = ?2",
                )?
                .query_row([namespace, key], |_| Ok(()))
                .optional()
        })
        .map(|row| row.is_some())
    }

    /// Remembers, before they are removed, entries that we remove.
    pub fn add_removed_entries(&self, namespace: &str, keys: &[String]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for key in keys {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO entry_removed VALUES (?, ?)")?
                    .execute([namespace, key])?;
            }
            transaction.commit()
        })
    }
}

fn read_touched(namespace: &str, row: &Row<'_>) -> Result<Touched, rusqlite::Error> {
    let key: String = row.get(0)?;
    Ok(Touched {
        removed: row.get(1)?,
        bare: row.get(2)?,
        before: InventoryEntry {
            namespace: namespace.to_owned(),
            key: key.clone(),
            value: row.get(3)?,
            metadata: row.get(4)?,
            expiration: row.get::<_, Option<i64>>(5)?.map(from_sql),
        },
        key,
    })
}

/// What the ledger keeps of a value: values can be megabytes.
pub(super) fn value_digest(value: &str) -> [u8; 16] {
    let full = Sha256::digest(value.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&full[..16]);
    half
}
