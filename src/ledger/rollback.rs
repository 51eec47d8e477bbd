//! What a rollback asks of vectors: which of those that are listed now this migration
//! wrote, and which it replaced.

use rusqlite::{OptionalExtension as _, params};

use super::records::{as_sql, from_sql, index_ids};
use super::schema::FORMAT;
use super::tally::FORGET_ALL;
use super::{Ledger, Milestone};
use crate::error::Error;
use crate::record::Digest;

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
            index_ids(connection)?;
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS present (id TEXT PRIMARY KEY) WITHOUT ROWID;
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

    /// Forgets everything but how the source was named, because it was taken back:
    /// as if this migration had never begun. The archive is another matter.
    pub fn begin_from_nothing(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(&format!(
                "BEGIN; {FORGET_ALL} DELETE FROM plan WHERE section <> 'asked'; DELETE FROM milestone; DELETE FROM held; DELETE FROM doomed;
                 DELETE FROM rejection; DELETE FROM note; DELETE FROM change; DELETE FROM batch; UPDATE checked SET points = 0;
                 DELETE FROM inventory_vector; DELETE FROM inventory_entry; DELETE FROM entry; DELETE FROM entry_written;
                 DELETE FROM entry_bare; DELETE FROM entry_removed; DELETE FROM saved_vector; DELETE FROM doubted; DELETE FROM taken_back; COMMIT;"
            ))
        })
    }

    fn one_count(&self, sql: &str) -> Result<u64, Error> {
        self.with(|connection| connection.query_row(sql, [], |row| Ok(from_sql(row.get(0)?))))
    }

    pub(super) fn counted(
        &self,
        table: &str,
        name: &str,
        which: &str,
        show: usize,
    ) -> Result<Counted, Error> {
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
