//! What earlier generations brought into the index and is still there, as far as
//! we did not delete it. `record` is of the newest generation alone; between the
//! two lies what is new, changed, unchanged and vanished.

use rusqlite::Connection;

use super::Ledger;
use super::records::{as_sql, from_sql};
use super::schema::{FORMAT, STATES_OF_A_LATER_GENERATION, sorting};
use crate::error::Error;

/// The section of the plan, no part of what is frozen, that says which generation
/// the records are of.
const GENERATION: &str = "generation";

/// Everything that is of one generation and not of the index; indexes over ten million
/// records are quicker made anew than kept while they come.
const FORGET_RECORDS: &str = "
DELETE FROM record; DELETE FROM unchanged; DELETE FROM doomed; DELETE FROM rejection; DELETE FROM note; DELETE FROM change; DELETE FROM batch;
DROP INDEX IF EXISTS record_id; DROP INDEX IF EXISTS record_file;
UPDATE checked SET points = 0;
DELETE FROM milestone WHERE name IN ('refused', 'checked', 'for_files', 'settled', 'indexed', 'proven');
";

impl Ledger {
    /// How many vectors we brought into the index whose points vanished, but for those
    /// that were there before us.
    pub fn vanished_of_ours(&self) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT count(*) FROM held WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.id = held.id)
                 AND NOT EXISTS (SELECT 1 FROM inventory_vector WHERE inventory_vector.id = held.id)",
                [],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// Makes room for the records of the generation of that number, in one
    /// transaction: those that are settled become what is [held](Self::held). Of a
    /// generation of which nothing was sent nothing is kept. The plan, the inventory
    /// and the entries stay. From the second generation on the file has a format that
    /// versions without `held` refuse.
    ///
    /// Only when every batch is settled: what is on its way belongs to no generation
    /// otherwise.
    pub fn begin_generation(&self, generation: u64) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let moved = sorting(&transaction, hold_settled)?;
            transaction.execute_batch(FORGET_RECORDS)?;
            transaction.execute(
                "INSERT OR REPLACE INTO plan VALUES (?, ?)",
                [GENERATION, &generation.to_string()],
            )?;
            if moved > 0 {
                transaction.execute_batch(STATES_OF_A_LATER_GENERATION)?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
            }
            transaction.commit()
        })
    }

    /// The generation that the records are of; none in a ledger that knows only one
    /// and was begun before generations were counted.
    pub fn generation(&self) -> Result<Option<u64>, Error> {
        let json = self.plan_section(GENERATION)?;
        Ok(json.and_then(|json| json.parse().ok()))
    }

    /// Notes which generation the records are of.
    pub fn set_generation(&self, generation: u64) -> Result<(), Error> {
        self.keep_section(GENERATION, &generation.to_string())
    }

    /// Finds the records that are held with the same digest: they need not be sent.
    /// Wants the index that [`Ledger::has_collisions`] builds.
    ///
    /// Both are read by id and what is found is sorted, because looking up ten million
    /// of anything in no order takes a page of the disk for each.
    pub fn mark_unchanged(&self) -> Result<(), Error> {
        self.with(|connection| {
            let mark = |connection: &Connection| {
                connection.execute(
                    "INSERT OR IGNORE INTO unchanged SELECT record.ordinal FROM held
                     CROSS JOIN record ON record.id = held.id AND record.digest = held.digest
                     ORDER BY record.ordinal",
                    [],
                )
            };
            sorting(connection, mark).map(drop)
        })
    }

    /// How many records are held as they are already.
    pub fn unchanged(&self) -> Result<u64, Error> {
        self.with(|connection| {
            count(
                connection,
                "SELECT count(*) FROM unchanged JOIN record USING (ordinal)",
            )
        })
    }

    /// How many records of this generation no earlier one brought into the index.
    pub fn new_records(&self) -> Result<u64, Error> {
        self.with(|connection| {
            count(
                connection,
                "SELECT count(*) FROM record
                 WHERE NOT EXISTS (SELECT 1 FROM held WHERE held.id = record.id)",
            )
        })
    }

    /// The next ids after `after` of [new records](Self::new_records).
    pub fn new_ids_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM record WHERE id > ?
                 AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = record.id)
                 ORDER BY id LIMIT ?",
            )?;
            let rows = statement.query_map((after.unwrap_or(""), as_sql(limit as u64)), |row| {
                row.get(0)
            })?;
            rows.collect()
        })
    }

    /// How many ids earlier generations brought into the index.
    pub fn held(&self) -> Result<u64, Error> {
        self.with(|connection| count(connection, "SELECT count(*) FROM held"))
    }

    /// How many ids that earlier generations brought into the index this one no longer
    /// has. Wants the index that [`Ledger::has_collisions`] builds.
    pub fn vanished(&self) -> Result<u64, Error> {
        self.with(|connection| {
            count(
                connection,
                "SELECT count(*) FROM held
                 WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.id = held.id)",
            )
        })
    }

    /// Whether an earlier generation brought this id into the index.
    pub fn holds(&self, id: &str) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM held WHERE id = ?)")?
                .query_row([id], |row| row.get(0))
        })
    }
}

/// Settled records, and, once all are, those that were never sent because they are
/// held already: their places in files may be new. They are sorted first, from the
/// table and not by its index: ten million rows in no order would have as many pages
/// read and written again and again.
fn hold_settled(connection: &Connection) -> Result<usize, rusqlite::Error> {
    connection.execute_batch("DROP INDEX IF EXISTS held_file")?;
    connection.execute(
        "INSERT OR REPLACE INTO held
         SELECT id, namespace, file, file_order, digest FROM record NOT INDEXED
         WHERE EXISTS (
             SELECT 1 FROM batch WHERE state = 'settled' AND record.ordinal <= last
             AND first = (SELECT max(first) FROM batch WHERE first <= record.ordinal))
         OR ordinal IN (SELECT ordinal FROM unchanged)
         AND EXISTS (SELECT 1 FROM milestone WHERE name = 'settled')
         ORDER BY id",
        [],
    )
}

fn count(connection: &Connection, sql: &str) -> Result<u64, rusqlite::Error> {
    connection.query_row(sql, [], |row| Ok(from_sql(row.get(0)?)))
}
