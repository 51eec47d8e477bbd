//! A walk through all ids of the index, kept beside the ledger until it can be compared:
//! the service lists ids in no order, and looking up or inserting ten million of them
//! as they come takes a page of the disk for each, while sorted they lie side by side.

use rusqlite::{Connection, Row};

use super::Ledger;
use super::records::from_sql;
use super::schema::{index, sorting};
use super::sorted::Sorted;
use crate::error::Error;

/// What an id that the index lists is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// The record at that place of the archive.
    Record(u64),
    /// What was there before us, or what an earlier generation brought.
    Known,
    /// What this generation deleted.
    Deleted,
    /// Nothing that we know of.
    Stranger,
}

/// Strangers, as [`Walked::Stranger`] has it.
const STRANGER: &str = "NOT EXISTS (SELECT 1 FROM record WHERE record.id = walked.id)
     AND NOT EXISTS (SELECT 1 FROM inventory_vector WHERE inventory_vector.id = walked.id)
     AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = walked.id)
     AND NOT EXISTS (SELECT 1 FROM doomed WHERE doomed.id = walked.id AND state = 'deleted')";

/// What an id without a record is.
const OTHER: &str = "SELECT EXISTS (SELECT 1 FROM inventory_vector WHERE id = ?1)
         OR EXISTS (SELECT 1 FROM held WHERE id = ?1),
     EXISTS (SELECT 1 FROM doomed WHERE id = ?1 AND state = 'deleted')";

fn read_other(row: &Row<'_>) -> Result<Walked, rusqlite::Error> {
    let (known, deleted): (bool, bool) = (row.get(0)?, row.get(1)?);
    Ok(match (known, deleted) {
        (true, _) => Walked::Known,
        (false, true) => Walked::Deleted,
        (false, false) => Walked::Stranger,
    })
}

impl Ledger {
    /// Begins a walk, in place of an earlier one.
    pub fn begin_walk(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(
                "DROP TABLE IF EXISTS walked; CREATE TEMP TABLE walked (id TEXT NOT NULL);",
            )
        })
    }

    /// Keeps ids that the walk came by.
    pub fn add_walked(&self, ids: &[String]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO walked VALUES (?)")?;
                for id in ids {
                    insert.execute([id])?;
                }
            }
            transaction.commit()
        })
    }

    /// Calls `each` with every id that the walk came by and what it is to us, by id.
    /// Wants the index that [`Ledger::index_ids`] builds.
    pub fn for_each_walked(&self, mut each: impl FnMut(&str, Walked)) -> Result<(), Error> {
        self.with(|connection| {
            sorting(connection, |connection| {
                let mut records =
                    connection.prepare("SELECT id, ordinal FROM record ORDER BY id")?;
                let mut records = Sorted::new(records.query([])?)?;
                let mut other = connection.prepare(OTHER)?;
                let mut walked = connection.prepare("SELECT id FROM walked ORDER BY id")?;
                let mut walked = walked.query([])?;
                while let Some(row) = walked.next()? {
                    let id = row.get_ref(0)?.as_str()?;
                    let is = match records.find(id)? {
                        Some(record) => Walked::Record(from_sql(record.get(1)?)),
                        None => other.query_row([id], read_other)?,
                    };
                    each(id, is);
                }
                Ok(())
            })
        })
    }

    /// Strangers that the walk came by belong to the inventory from now on.
    pub fn take_in_strangers(&self) -> Result<(), Error> {
        self.with(|connection| {
            index_walked(connection)?;
            let sql = format!(
                "INSERT OR IGNORE INTO inventory_vector
                 SELECT id FROM walked INDEXED BY walked_id WHERE {STRANGER} ORDER BY id"
            );
            connection.execute(&sql, []).map(drop)
        })
    }
}

/// Sorts what the walk came by.
pub(super) fn index_walked(connection: &Connection) -> Result<(), rusqlite::Error> {
    index(
        connection,
        "walked_id",
        "CREATE INDEX temp.walked_id ON walked (id)",
    )
}
