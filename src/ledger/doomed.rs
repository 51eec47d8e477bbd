//! What vanished from the source and is to be deleted from the index: known before the
//! first call, and held no longer only when the index has applied the deletion.

use rusqlite::{OptionalExtension as _, Row, params};

use super::Ledger;
use super::compared::{compared, leave_out};
use super::records::{as_sql, from_sql, index_ids};
use crate::error::Error;
use crate::record::Digest;

/// What became of the ids that are held and that the newest generation does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vanishing {
    /// Those that nothing keeps.
    pub deletable: u64,
    /// Those that the index held before our first write: we replaced them.
    pub overwritten: u64,
    /// Those whose points are there and were rejected.
    pub rejected: u64,
}

const OVERWRITTEN: &str =
    "EXISTS (SELECT 1 FROM inventory_vector WHERE inventory_vector.id = vanished.id)";
const REJECTED: &str = "EXISTS (SELECT 1 FROM rejected_id WHERE rejected_id.id = vanished.id)";

impl Ledger {
    /// Forgets which ids rejected points would have, and notes those that the
    /// rejections themselves name.
    pub fn begin_rejected_ids(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS rejected_id (id TEXT PRIMARY KEY) WITHOUT ROWID;
                 DELETE FROM rejected_id;
                 INSERT OR IGNORE INTO rejected_id
                 SELECT json_extract(json, '$.value') FROM rejection WHERE stage <> 'transform';",
            )
        })
    }

    /// Notes ids that rejected points would have.
    pub fn add_rejected_ids(&self, ids: &[String]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for id in ids {
                transaction
                    .prepare_cached("INSERT OR IGNORE INTO rejected_id VALUES (?)")?
                    .execute([id])?;
            }
            transaction.commit()
        })
    }

    /// The ordinals from `first` on of points that the transform rejected.
    pub fn untransformed_from(&self, first: u64, limit: usize) -> Result<Vec<u64>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT ordinal FROM rejection WHERE stage = 'transform' AND ordinal >= ?
                 ORDER BY ordinal LIMIT ?",
            )?;
            let rows = statement.query_map([as_sql(first), as_sql(limit as u64)], |row| {
                Ok(from_sql(row.get(0)?))
            })?;
            rows.collect()
        })
    }

    /// What keeps vanished ids, and how many nothing does. Wants
    /// [the ids of rejected points](Self::begin_rejected_ids).
    pub fn vanishing(&self) -> Result<Vanishing, Error> {
        self.with(|connection| {
            let sql = format!(
                "SELECT coalesce(sum(kept = 0), 0), coalesce(sum(kept = 1), 0), coalesce(sum(kept = 2), 0) FROM (
                     SELECT iif({OVERWRITTEN}, 1, iif({REJECTED}, 2, 0)) AS kept FROM vanished)"
            );
            compared(connection)?;
            connection.query_row(&sql, [], |row| {
                Ok(Vanishing {
                    deletable: from_sql(row.get(0)?),
                    overwritten: from_sql(row.get(1)?),
                    rejected: from_sql(row.get(2)?),
                })
            })
        })
    }

    /// Decides, once for all, that what nothing keeps is deleted. What is known of the
    /// comparison is not taken at its word for that: an id with a record is left alone.
    pub fn doom(&self) -> Result<(), Error> {
        self.with(|connection| {
            let sql = format!(
                "INSERT OR IGNORE INTO doomed SELECT id, 'doomed', NULL FROM vanished
                 WHERE NOT {OVERWRITTEN} AND NOT {REJECTED}
                 AND NOT EXISTS (SELECT 1 FROM record WHERE record.id = vanished.id)"
            );
            index_ids(connection)?;
            compared(connection)?;
            connection.execute(&sql, []).map(drop)
        })
    }

    /// Whether this is the id of [a rejected point](Self::begin_rejected_ids).
    pub fn is_rejected(&self, id: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM rejected_id WHERE id = ?)")?
                .query_row([id], |row| row.get(0))
        })
    }

    /// How many ids are to be deleted that are not known to be gone.
    pub fn to_delete(&self) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT count(*) FROM doomed WHERE state <> 'deleted'",
                [],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// Whether this id is to be deleted, or was in this generation.
    pub fn is_doomed(&self, id: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM doomed WHERE id = ?)")?
                .query_row([id], |row| row.get(0))
        })
    }

    /// Whether this id was deleted in this generation.
    pub fn was_deleted(&self, id: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM doomed WHERE id = ? AND state = 'deleted')",
                )?
                .query_row([id], |row| row.get(0))
        })
    }

    /// The next ids whose deletion no call has taken.
    pub fn next_doomed(&self, limit: usize) -> Result<Vec<String>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM doomed WHERE state = 'doomed' AND mutation IS NULL ORDER BY id LIMIT ?",
            )?;
            let rows = statement.query_map([as_sql(limit as u64)], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// The deletion of these ids was accepted.
    pub fn deletion_accepted(&self, ids: &[String], mutation: &str) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for id in ids {
                transaction
                    .prepare_cached(
                        "UPDATE doomed SET state = 'accepted', mutation = ? WHERE id = ?",
                    )?
                    .execute([mutation, id])?;
            }
            transaction.commit()
        })
    }

    /// Of each accepted deletion after `after` the last id, with what we know it to
    /// have been; by mutation, at most `limit`.
    pub fn deletion_marks(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeletionMark>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT mutation, doomed.id, digest FROM (
                     SELECT mutation, max(id) AS id FROM doomed WHERE state = 'accepted' AND mutation > ?
                     GROUP BY mutation ORDER BY mutation LIMIT ?) AS doomed JOIN held ON held.id = doomed.id
                 ORDER BY mutation",
            )?;
            let rows = statement.query_map(
                params![after.unwrap_or(""), as_sql(limit as u64)],
                read_mark,
            )?;
            rows.collect()
        })
    }

    /// The mark of one accepted deletion; none where it is not known as accepted.
    pub fn deletion_mark(&self, mutation: &str) -> Result<Option<DeletionMark>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT mutation, held.id, digest FROM doomed JOIN held ON held.id = doomed.id
                 WHERE state = 'accepted' AND mutation = ? ORDER BY doomed.id DESC LIMIT 1",
            )?;
            statement.query_row([mutation], read_mark).optional()
        })
    }

    /// Whether that is the mutation of a deletion that was accepted and is not known to be
    /// applied.
    pub fn is_accepted_deletion(&self, mutation: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM doomed WHERE state = 'accepted' AND mutation = ?)",
                )?
                .query_row([mutation], |row| row.get(0))
        })
    }

    /// The deletion of that mutation was accepted and never applied: it is to be asked
    /// for again.
    pub fn deletion_lost(&self, mutation: &str) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "UPDATE doomed SET state = 'doomed', mutation = NULL
                     WHERE state = 'accepted' AND mutation = ?",
                    [mutation],
                )
                .map(drop)
        })
    }

    /// What was accepted is applied: it is held no longer. Says how much that is.
    pub fn deleted(&self) -> Result<u64, Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let gone = "id IN (SELECT id FROM doomed WHERE state = 'accepted')";
            let deleted = transaction.execute(&format!("DELETE FROM held WHERE {gone}"), [])?;
            leave_out(&transaction, gone, deleted)?;
            transaction.execute(
                "UPDATE doomed SET state = 'deleted' WHERE state = 'accepted'",
                [],
            )?;
            transaction.commit()?;
            Ok(deleted as u64)
        })
    }
}

fn read_mark(row: &Row<'_>) -> Result<DeletionMark, rusqlite::Error> {
    Ok(DeletionMark {
        mutation: row.get(0)?,
        id: row.get(1)?,
        digest: Digest(row.get(2)?),
    })
}

/// An id that shows whether the deletion it was in is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionMark {
    /// The deletion's mutation.
    pub mutation: String,
    /// The id.
    pub id: String,
    /// What we brought into the index under it.
    pub digest: Digest,
}
