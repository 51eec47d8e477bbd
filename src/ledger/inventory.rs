//! The inventory: what the index and KV held before our first write, and which
//! entries we wrote since.

use rusqlite::types::{ToSql as _, ToSqlOutput};
use rusqlite::{OptionalExtension as _, Transaction};

use super::many::Many;
use super::records::{as_sql, from_sql};
use super::sorted::Sorted;
use super::touched::value_digest;
use super::{Ledger, Walk};
use crate::cloudflare::{KvPair, KvValue};
use crate::error::Error;

/// A KV entry as it was before our first write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryEntry {
    /// The KV namespace's id.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// The value; none when the key was not there.
    pub value: Option<String>,
    /// The metadata, as JSON text.
    pub metadata: Option<String>,
    /// When it expires, in Unix seconds.
    pub expiration: Option<u64>,
}

impl InventoryEntry {
    /// The entry under `key` that holds `stored`, or is not there.
    pub fn of(namespace: &str, key: &str, stored: Option<&KvValue>) -> Self {
        let metadata = stored.and_then(|stored| stored.metadata.as_ref());
        Self {
            namespace: namespace.to_owned(),
            key: key.to_owned(),
            value: stored.map(|stored| stored.value.clone()),
            metadata: metadata.map(ToString::to_string),
            expiration: stored.and_then(|stored| stored.expiration),
        }
    }
}

impl Ledger {
    /// What a walk that came to its end came by is the inventory, as far as no earlier
    /// generation of ours [brought](Self::held) it there, or [may have](Self::doubt), and
    /// what was there before ours.
    pub fn take_inventory(&self, walk: Walk<'_>) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "DELETE FROM inventory_vector
                 WHERE NOT EXISTS (SELECT 1 FROM held WHERE held.id = inventory_vector.id)
                 AND NOT EXISTS (SELECT 1 FROM doubted WHERE doubted.id = inventory_vector.id)",
                [],
            )?;
            {
                let mut held = transaction.prepare("SELECT id FROM held ORDER BY id")?;
                let mut held = Sorted::new(held.query([])?)?;
                let mut doubted = transaction.prepare("SELECT id FROM doubted ORDER BY id")?;
                let mut doubted = Sorted::new(doubted.query([])?)?;
                let insert = "INSERT OR IGNORE INTO inventory_vector";
                let mut inserted = Many::new(&transaction, insert, 1)?;
                let mut ids = walk.sorted()?;
                while let Some(id) = ids.next()? {
                    if held.find(id)?.is_none() && doubted.find(id)?.is_none() {
                        inserted.add([id.to_owned().into()])?;
                    }
                }
                inserted.finish()?;
            }
            transaction.commit()
        })
    }

    /// Of the ids that were asked for, those that are there belong to the inventory and
    /// the others do not any more.
    pub fn renew_vector_inventory(&self, asked: &[String], there: &[String]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for id in asked {
                transaction
                    .prepare_cached("DELETE FROM inventory_vector WHERE id = ?")?
                    .execute([id])?;
            }
            for id in there {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO inventory_vector VALUES (?)")?
                    .execute([id])?;
            }
            transaction.commit()
        })
    }

    /// Whether the index held this id before our first write.
    pub fn in_vector_inventory(&self, id: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM inventory_vector WHERE id = ?")?
                .query_row([id], |_| Ok(()))
                .optional()
        })
        .map(|row| row.is_some())
    }

    /// How many ids the index held that are not ours to write.
    pub fn foreign_vectors(&self) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT count(*) FROM inventory_vector
                 WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.id = inventory_vector.id)
                 AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = inventory_vector.id)",
                [],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// How many ids we would write were there already and not ours, and the first few.
    pub fn conflicts(&self, show: usize) -> Result<(u64, Vec<String>), Error> {
        self.with(|connection| {
            let count = connection.query_row(
                "SELECT count(*) FROM inventory_vector
                 WHERE EXISTS (SELECT 1 FROM record WHERE record.id = inventory_vector.id)
                 AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = inventory_vector.id)",
                [],
                |row| Ok(from_sql(row.get(0)?)),
            )?;
            if count == 0 {
                return Ok((0, Vec::new()));
            }
            let mut statement = connection.prepare(
                "SELECT id FROM inventory_vector
                 WHERE EXISTS (SELECT 1 FROM record WHERE record.id = inventory_vector.id)
                 AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = inventory_vector.id) LIMIT ?",
            )?;
            let rows = statement.query_map([as_sql(show as u64)], |row| row.get(0))?;
            Ok((count, rows.collect::<Result<_, _>>()?))
        })
    }

    /// Keeps entries as they were; one that is known already stays as it is.
    pub fn add_entry_inventory(&self, entries: &[InventoryEntry]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let insert = "INSERT OR IGNORE INTO inventory_entry";
                let mut insert = Many::new(&transaction, insert, 5)?;
                for entry in entries {
                    insert.add([
                        entry.namespace.as_str().into(),
                        entry.key.as_str().into(),
                        entry.value.to_sql()?,
                        entry.metadata.to_sql()?,
                        ToSqlOutput::Owned(entry.expiration.map(as_sql).into()),
                    ])?;
                }
                insert.finish()?;
            }
            transaction.commit()
        })
    }

    /// Remembers, before they are sent, the entries that we are about to write.
    pub fn add_entries(&self, namespace: &str, entries: &[KvPair]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let insert = "INSERT OR REPLACE INTO entry";
                let mut insert = Many::new(&transaction, insert, 3)?;
                let also = "INSERT OR IGNORE INTO entry_written";
                let mut also = Many::new(&transaction, also, 3)?;
                for pair in entries {
                    let (key, value) = (pair.key.as_str(), pair.value.as_str());
                    insert.add([namespace.into(), key.into(), value.into()])?;
                    // A crash may leave any of them in KV, not only the last.
                    let digest = value_digest(value).to_vec();
                    also.add([namespace.into(), key.into(), digest.into()])?;
                }
                insert.finish()?;
                also.finish()?;
            }
            forget_removed(&transaction, namespace, entries)?;
            note_bare(&transaction, namespace, entries)?;
            transaction.commit()
        })
    }

    /// The value we last wrote under this key.
    pub fn entry_value(&self, namespace: &str, key: &str) -> Result<Option<String>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT value FROM entry WHERE namespace = ? AND key = ?")?
                .query_row([namespace, key], |row| row.get(0))
                .optional()
        })
    }
}

/// Entries that are about to be written are removed no longer.
fn forget_removed(
    transaction: &Transaction<'_>,
    namespace: &str,
    entries: &[KvPair],
) -> Result<(), rusqlite::Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM entry_removed)";
    if !transaction.query_row(sql, [], |row| row.get(0))? {
        return Ok(());
    }
    let mut back =
        transaction.prepare_cached("DELETE FROM entry_removed WHERE namespace = ? AND key = ?")?;
    for pair in entries {
        back.execute([namespace, &pair.key])?;
    }
    Ok(())
}

/// Which of them had metadata before us and are about to be written without any.
fn note_bare(
    transaction: &Transaction<'_>,
    namespace: &str,
    entries: &[KvPair],
) -> Result<(), rusqlite::Error> {
    let mut bare = transaction.prepare_cached(
        "INSERT OR IGNORE INTO entry_bare SELECT namespace, key FROM inventory_entry
         WHERE namespace = ? AND key = ? AND metadata IS NOT NULL",
    )?;
    for pair in entries.iter().filter(|pair| pair.metadata.is_none()) {
        bare.execute([namespace, &pair.key])?;
    }
    Ok(())
}
