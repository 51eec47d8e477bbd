//! What earlier generations brought into the index and is still there, as far as
//! we did not delete it. `record` is of the newest generation alone; between the
//! two lies what is new, changed, unchanged and vanished.

use rusqlite::Connection;

use super::Ledger;
use super::records::from_sql;
use super::schema::FORMAT;
use crate::error::Error;

/// The section of the plan, no part of what is frozen, that says which generation
/// the records are of.
const GENERATION: &str = "generation";

/// Everything that is of one generation and not of the index.
const FORGET_RECORDS: &str = "
DELETE FROM record; DELETE FROM unchanged; DELETE FROM rejection; DELETE FROM note; DELETE FROM change; DELETE FROM batch;
UPDATE checked SET points = 0;
DELETE FROM milestone WHERE name IN ('refused', 'checked', 'for_files', 'settled', 'indexed', 'proven');
";

impl Ledger {
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
            let moved = hold_settled(&transaction)?;
            transaction.execute_batch(FORGET_RECORDS)?;
            transaction.execute(
                "INSERT OR REPLACE INTO plan VALUES (?, ?)",
                [GENERATION, &generation.to_string()],
            )?;
            if moved > 0 {
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

    /// How many ids earlier generations brought into the index.
    pub fn held(&self) -> Result<u64, Error> {
        self.with(|connection| count(connection, "SELECT count(*) FROM held"))
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
/// held already: their places in files may be new.
fn hold_settled(connection: &Connection) -> Result<usize, rusqlite::Error> {
    connection.execute(
        "INSERT OR REPLACE INTO held
         SELECT id, namespace, file, file_order, digest FROM record
         WHERE EXISTS (
             SELECT 1 FROM batch WHERE state = 'settled' AND record.ordinal <= last
             AND first = (SELECT max(first) FROM batch WHERE first <= record.ordinal))
         OR ordinal IN (SELECT ordinal FROM unchanged)
         AND EXISTS (SELECT 1 FROM milestone WHERE name = 'settled')",
        [],
    )
}

fn count(connection: &Connection, sql: &str) -> Result<u64, rusqlite::Error> {
    connection.query_row(sql, [], |row| Ok(from_sql(row.get(0)?)))
}
