//! A walk through all ids of the index, kept apart until it can be compared: the service
//! lists ids in no order, and looking up or inserting ten million of them as they come
//! takes a page of the disk for each, while sorted they lie side by side.

use rusqlite::Row;

use super::records::from_sql;
use super::sorted::Sorted;
use super::sorter::{Merged, Sorter};
use super::{Ledger, explain};
use crate::disk;
use crate::error::Error;

/// Ids that the index listed, as they came.
pub struct Walk<'a> {
    ledger: &'a Ledger,
    ids: Sorter,
}

impl Walk<'_> {
    /// Keeps ids that the walk came by, in a file without a name beside the ledger where
    /// they are many.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn add(&mut self, ids: &[String]) -> Result<(), Error> {
        let added = ids.iter().try_for_each(|id| self.ids.add(id, &[]));
        added.map_err(|error| explain(&self.ledger.path, disk::as_sqlite(&error).into()))
    }

    /// All of them, by id.
    pub(super) fn sorted(self) -> Result<Ids, rusqlite::Error> {
        let ids = self.ids.sorted().map_err(|error| disk::as_sqlite(&error))?;
        Ok(Ids(ids))
    }
}

/// Ids of a walk, in order.
pub(super) struct Ids(Merged);

impl Ids {
    pub(super) fn next(&mut self) -> Result<Option<&str>, rusqlite::Error> {
        let next = self.0.next().map_err(|error| disk::as_sqlite(&error))?;
        Ok(next.map(|(id, _)| id))
    }
}

/// What an id that the index lists is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// The record at that place of the archive.
    Record(u64),
    /// What was there before us, or what an earlier generation brought.
    Known,
    /// What this generation deleted.
    Deleted,
    /// What was set aside, and may have been brought there before.
    Doubted,
    /// Nothing that we know of.
    Stranger,
}

/// What becomes of [strangers](Walked::Stranger).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// They stay unknown.
    Stay,
    /// They belong to the inventory from now on.
    TakenIn,
}

/// What an id without a record is.
const OTHER: &str = "SELECT EXISTS (SELECT 1 FROM inventory_vector WHERE id = ?1)
         OR EXISTS (SELECT 1 FROM held WHERE id = ?1),
     EXISTS (SELECT 1 FROM doomed WHERE id = ?1 AND state = 'deleted'),
     EXISTS (SELECT 1 FROM doubted WHERE id = ?1)";

fn read_other(row: &Row<'_>) -> Result<Walked, rusqlite::Error> {
    let (known, deleted, doubted) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(match (known, deleted, doubted) {
        (true, _, _) => Walked::Known,
        (false, true, _) => Walked::Deleted,
        (false, false, true) => Walked::Doubted,
        (false, false, false) => Walked::Stranger,
    })
}

impl Ledger {
    /// Begins a walk.
    pub fn walk(&self) -> Walk<'_> {
        Walk {
            ledger: self,
            ids: Sorter::beside(disk::folder_of(&self.path)),
        }
    }

    /// Calls `each` with every id that the walk came by and what it is to us, by id.
    /// Wants the index that [`Ledger::index_ids`] builds.
    pub fn sort_out(
        &self,
        walk: Walk<'_>,
        strangers: Strangers,
        mut each: impl FnMut(&str, Walked),
    ) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut records =
                    transaction.prepare("SELECT id, ordinal FROM record ORDER BY id")?;
                let mut records = Sorted::new(records.query([])?)?;
                let mut other = transaction.prepare(OTHER)?;
                let mut take_in = transaction.prepare("INSERT INTO inventory_vector VALUES (?)")?;
                let mut ids = walk.sorted()?;
                while let Some(id) = ids.next()? {
                    let is = match records.find(id)? {
                        Some(record) => Walked::Record(from_sql(record.get(1)?)),
                        None => other.query_row([id], read_other)?,
                    };
                    if (is, strangers) == (Walked::Stranger, Strangers::TakenIn) {
                        take_in.execute([id])?;
                    }
                    each(id, is);
                }
            }
            transaction.commit()
        })
    }
}
