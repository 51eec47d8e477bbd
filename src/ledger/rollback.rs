//! What a rollback asks: which of the vectors that are listed now this migration
//! wrote, which entries it changed, and what became of each so far.

use rusqlite::{OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use super::records::{as_sql, from_sql};
use super::schema::FORMAT;
use super::tally::FORGET_ALL;
use super::{InventoryEntry, Ledger, Milestone};
use crate::error::Error;
use crate::record::Digest;

/// What a rollback did with something that this migration wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// Deleted, because it was not there before.
    Deleted,
    /// Made what it was before.
    Restored,
    /// Found as it was before.
    AsBefore,
    /// Left as it is, because it was changed since.
    Kept,
    /// Left as it is, because nobody knows what it was before.
    Lost,
}

impl TakenBack {
    fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Restored => "restored",
            Self::AsBefore => "as_before",
            Self::Kept => "kept",
            Self::Lost => "lost",
        }
    }
}

/// What kind of thing is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A vector that was not there before.
    Vector,
    /// A vector in the place of one that was.
    Overwritten,
    /// An entry of the file index.
    Entry,
    /// The number of vectors in KV.
    Count,
}

impl Written {
    fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Overwritten => "overwritten",
            Self::Entry => "entry",
            Self::Count => "count",
        }
    }
}

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
    /// What was there; its value is none where nothing was.
    pub before: InventoryEntry,
}

/// How many there are of something, and the first few.
pub type Counted = (u64, Vec<String>);

/// SQL that is true where this migration may have written the vector `id`:
/// brought there by an earlier generation, in a batch of any state, or before it was
/// set aside.
fn ours(id: &str) -> String {
    format!(
        "(EXISTS (SELECT 1 FROM held WHERE held.id = {id})
          OR EXISTS (SELECT 1 FROM doubted WHERE doubted.id = {id})
          OR EXISTS (SELECT 1 FROM record JOIN batch
              ON batch.first = (SELECT max(first) FROM batch WHERE first <= record.ordinal) AND record.ordinal <= batch.last
              WHERE record.id = {id}))"
    )
}

const IN_INVENTORY: &str =
    "EXISTS (SELECT 1 FROM inventory_vector WHERE inventory_vector.id = present.id)";

impl Ledger {
    /// A rollback begins. Versions that know nothing of it must not go on with what
    /// is half taken back, so the file's format becomes the newest one.
    pub fn begin_rollback(&self, at: &str) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT OR IGNORE INTO milestone VALUES (?, ?)",
                [Milestone::RollbackBegun.name(), at],
            )?;
            transaction.execute_batch(
                "DELETE FROM milestone WHERE name IN ('settled', 'indexed', 'proven')",
            )?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            transaction.commit()
        })
    }

    /// Begins a look at the ids that the index lists: forgets the one before.
    pub fn begin_presence(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(
                "CREATE INDEX IF NOT EXISTS record_id ON record (id);
                 CREATE TEMP TABLE IF NOT EXISTS present (id TEXT PRIMARY KEY) WITHOUT ROWID;
                 DELETE FROM present;",
            )
        })
    }

    /// Adds ids that the index lists.
    pub fn add_present(&self, ids: &[String]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR IGNORE INTO present VALUES (?)")?;
                for id in ids {
                    insert.execute([id])?;
                }
            }
            transaction.commit()
        })
    }

    /// How many ids are listed.
    pub fn count_present(&self) -> Result<u64, Error> {
        self.one_count("SELECT count(*) FROM present")
    }

    /// The next ids after `after` that are listed, were not there before our first
    /// write, are of this migration, and were not found to be changed.
    pub fn present_written(&self, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        let sql = format!(
            "SELECT id FROM present WHERE id > ? AND NOT {IN_INVENTORY}
             AND NOT EXISTS (SELECT 1 FROM taken_back WHERE kind = 'vector' AND name = present.id AND outcome = 'kept')
             AND {} ORDER BY id LIMIT ?",
            ours("present.id")
        );
        self.texts(&sql, params![after, as_sql(limit as u64)])
    }

    /// How many vectors this migration wrote, as far as is known, that were not
    /// there before.
    pub fn written_vectors(&self) -> Result<u64, Error> {
        self.one_count(
            "SELECT count(*) FROM (SELECT id FROM held UNION SELECT id FROM doubted UNION SELECT id FROM record_state WHERE state <> 'unsent')
             AS written WHERE NOT EXISTS (SELECT 1 FROM inventory_vector WHERE inventory_vector.id = written.id)",
        )
    }

    /// Ids of ours that are listed and were not found to be changed.
    pub fn left(&self, show: usize) -> Result<Counted, Error> {
        let which = format!(
            "NOT {IN_INVENTORY} AND {}
             AND NOT EXISTS (SELECT 1 FROM taken_back WHERE kind = 'vector' AND name = present.id AND outcome = 'kept')",
            ours("present.id")
        );
        self.counted("present", "id", &which, show)
    }

    /// Everything that is listed goes at once.
    pub fn take_back_present(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "INSERT OR REPLACE INTO taken_back SELECT 'vector', id, 'deleted' FROM present",
                    [],
                )
                .map(drop)
        })
    }

    /// Ids that are listed now, were not there before, and are not ours.
    pub fn newcomers(&self, show: usize) -> Result<Counted, Error> {
        let which = format!("NOT {IN_INVENTORY} AND NOT {}", ours("present.id"));
        self.counted("present", "id", &which, show)
    }

    /// Ids that are listed and that this migration is not known to have brought there.
    pub fn foreign_present(&self) -> Result<u64, Error> {
        let (newcomers, _) = self.newcomers(0)?;
        let before = self.one_count(&format!(
            "SELECT count(*) FROM present WHERE {IN_INVENTORY}"
        ))?;
        Ok(newcomers + before)
    }

    /// Ids that were there before our first write and are not listed now.
    pub fn no_longer_present(&self, show: usize) -> Result<Counted, Error> {
        let which = "NOT EXISTS (SELECT 1 FROM present WHERE present.id = inventory_vector.id)";
        self.counted("inventory_vector", "id", which, show)
    }

    /// The next ids after `after` that were there before and that this migration
    /// may have replaced.
    pub fn replaced_after(&self, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        let sql = format!(
            "SELECT id FROM inventory_vector WHERE id > ? AND {} ORDER BY id LIMIT ?",
            ours("inventory_vector.id")
        );
        self.texts(&sql, params![after, as_sql(limit as u64)])
    }

    /// How many vectors this migration may have replaced, and how many of those
    /// were saved before.
    pub fn count_replaced(&self) -> Result<(u64, u64), Error> {
        let ours = ours("inventory_vector.id");
        let all = format!("SELECT count(*) FROM inventory_vector WHERE {ours}");
        let saved = format!(
            "{all} AND EXISTS (SELECT 1 FROM saved_vector WHERE saved_vector.id = inventory_vector.id)"
        );
        Ok((self.one_count(&all)?, self.one_count(&saved)?))
    }

    /// What this migration may have written under an id: one digest, or several where
    /// a later generation changed it.
    pub fn written_digests(&self, id: &str) -> Result<Vec<Digest>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT digest FROM held WHERE id = ?1
                 UNION SELECT digest FROM doubted WHERE id = ?1
                 UNION SELECT digest FROM record_state WHERE id = ?1 AND state <> 'unsent'",
            )?;
            let rows = statement.query_map([id], |row| Ok(Digest(row.get(0)?)))?;
            rows.collect()
        })
    }

    /// Whether the index is known to have taken what this migration wrote under an
    /// id.
    pub fn surely_written(&self, id: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM held WHERE id = ?1
                     UNION SELECT 1 FROM record_state WHERE id = ?1 AND state IN ('accepted', 'settled')",
                )?
                .query_row([id], |_| Ok(()))
                .optional()
        })
        .map(|row| row.is_some())
    }

    /// The next ids after `after` that are there, will be replaced, and of which
    /// neither an old value was saved nor a new one sent.
    pub fn unsaved_conflicts(&self, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        let sql = format!(
            "SELECT id FROM inventory_vector WHERE id > ?
             AND EXISTS (SELECT 1 FROM record WHERE record.id = inventory_vector.id)
             AND NOT EXISTS (SELECT 1 FROM saved_vector WHERE saved_vector.id = inventory_vector.id)
             AND NOT {} ORDER BY id LIMIT ?",
            ours("inventory_vector.id")
        );
        self.texts(&sql, params![after, as_sql(limit as u64)])
    }

    /// Remembers ids whose values are in the archive of what was overwritten.
    pub fn add_saved(&self, ids: &[String]) -> Result<(), Error> {
        self.each(ids, "INSERT OR IGNORE INTO saved_vector VALUES (?)")
    }

    /// Whether the value under this id was saved, and the id was there before.
    pub fn is_saved(&self, id: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM saved_vector JOIN inventory_vector USING (id) WHERE id = ?",
                )?
                .query_row([id], |_| Ok(()))
                .optional()
        })
        .map(|row| row.is_some())
    }

    /// These ids were listed before our first write and turned out not to be there.
    pub fn drop_from_inventory(&self, ids: &[String]) -> Result<(), Error> {
        self.each(ids, "DELETE FROM inventory_vector WHERE id = ?")
    }

    /// Remembers, before it is done where it changes something, what a rollback
    /// does with these.
    pub fn take_back(
        &self,
        kind: Written,
        names: &[String],
        outcome: TakenBack,
    ) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT OR REPLACE INTO taken_back VALUES (?, ?, ?)")?;
                for name in names {
                    insert.execute([kind.name(), name, outcome.name()])?;
                }
            }
            transaction.commit()
        })
    }

    /// How many of a kind a rollback did that with, and the first few by name.
    pub fn taken_back(
        &self,
        kind: Written,
        outcome: TakenBack,
        show: usize,
    ) -> Result<Counted, Error> {
        let which = format!(
            "kind = '{}' AND outcome = '{}'",
            kind.name(),
            outcome.name()
        );
        self.counted("taken_back", "name", &which, show)
    }

    /// What a rollback did with this one so far, where that is final.
    pub fn is_taken_back(
        &self,
        kind: Written,
        name: &str,
        outcome: TakenBack,
    ) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM taken_back WHERE kind = ? AND name = ? AND outcome = ?",
                )?
                .query_row([kind.name(), name, outcome.name()], |_| Ok(()))
                .optional()
        })
        .map(|row| row.is_some())
    }

    /// Forgets what was left as it is: it is looked at anew.
    pub fn reconsider_kept(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "DELETE FROM taken_back WHERE outcome IN ('kept', 'lost')",
                    [],
                )
                .map(drop)
        })
    }

    /// From here on what is taken back is only remembered as long as this ledger is
    /// open: for a dry run.
    pub fn rehearse_taking_back(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS taken_back
                 (kind TEXT NOT NULL, name TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID",
            )
        })
    }

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
                "SELECT touched.key, entry_removed.key IS NOT NULL, value, metadata, expiration FROM (
                     SELECT key FROM entry WHERE namespace = ?1
                     UNION SELECT key FROM entry_removed WHERE namespace = ?1) AS touched
                 LEFT JOIN entry_removed ON entry_removed.namespace = ?1 AND entry_removed.key = touched.key
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

    /// Forgets everything but how the source was named, because it was taken back:
    /// as if this migration had never begun. The archive is another matter.
    pub fn begin_from_nothing(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(&format!(
                "BEGIN; {FORGET_ALL} DELETE FROM plan WHERE section <> 'asked'; DELETE FROM milestone; DELETE FROM held; DELETE FROM doomed;
                 DELETE FROM rejection; DELETE FROM note; DELETE FROM change; DELETE FROM batch; UPDATE checked SET points = 0;
                 DELETE FROM inventory_vector; DELETE FROM inventory_entry; DELETE FROM entry; DELETE FROM entry_written;
                 DELETE FROM entry_removed; DELETE FROM saved_vector; DELETE FROM doubted; DELETE FROM taken_back; COMMIT;"
            ))
        })
    }

    fn one_count(&self, sql: &str) -> Result<u64, Error> {
        self.with(|connection| connection.query_row(sql, [], |row| Ok(from_sql(row.get(0)?))))
    }

    fn counted(&self, table: &str, name: &str, which: &str, show: usize) -> Result<Counted, Error> {
        let count = self.one_count(&format!("SELECT count(*) FROM {table} WHERE {which}"))?;
        let sql = format!("SELECT {name} FROM {table} WHERE {which} ORDER BY {name} LIMIT ?");
        Ok((count, self.texts(&sql, [as_sql(show as u64)])?))
    }

    fn texts(&self, sql: &str, asked: impl rusqlite::Params) -> Result<Vec<String>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(asked, |row| row.get(0))?;
            rows.collect()
        })
    }

    fn each(&self, names: &[String], sql: &str) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for name in names {
                transaction.prepare_cached(sql)?.execute([name])?;
            }
            transaction.commit()
        })
    }
}

fn read_touched(namespace: &str, row: &Row<'_>) -> Result<Touched, rusqlite::Error> {
    let key: String = row.get(0)?;
    Ok(Touched {
        removed: row.get(1)?,
        before: InventoryEntry {
            namespace: namespace.to_owned(),
            key: key.clone(),
            value: row.get(2)?,
            metadata: row.get(3)?,
            expiration: row.get::<_, Option<i64>>(4)?.map(from_sql),
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
