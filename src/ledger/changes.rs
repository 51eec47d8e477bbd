//! What the mapping changed, counted by name over all checked points.

use rusqlite::{Transaction, params};

use super::Ledger;
use super::records::{as_sql, from_sql};
use crate::error::Error;

/// The most names of one kind that are kept apart; what comes after them is
/// counted together, so that a ledger does not grow with what payloads hold.
pub const MAX_NAMES: u64 = 100;

/// One kind of change under one name, over all points so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeCount {
    /// What was done.
    pub kind: String,
    /// To what; none for everything beyond [`MAX_NAMES`].
    pub name: Option<String>,
    /// How many points.
    pub points: u64,
    /// How many bytes in all, where the kind has an amount.
    pub bytes: u64,
    /// The most bytes of one point.
    pub most: u64,
}

impl Ledger {
    /// What was counted, by kind and name; what has no name comes first.
    pub fn changes(&self) -> Result<Vec<ChangeCount>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT kind, name, points, bytes, most FROM change ORDER BY kind, name",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(ChangeCount {
                    kind: row.get(0)?,
                    name: row.get(1)?,
                    points: from_sql(row.get(2)?),
                    bytes: from_sql(row.get(3)?),
                    most: from_sql(row.get(4)?),
                })
            })?;
            rows.collect()
        })
    }
}

pub(super) fn insert_changes(
    transaction: &Transaction<'_>,
    changes: &[ChangeCount],
) -> Result<(), rusqlite::Error> {
    for change in changes {
        let name = change.name.as_deref();
        if add(transaction, change, name)? > 0 {
            continue;
        }
        let names: i64 = transaction
            .prepare_cached("SELECT count(*) FROM change WHERE kind = ? AND name IS NOT NULL")?
            .query_row([&change.kind], |row| row.get(0))?;
        let name = name.filter(|_| from_sql(names) < MAX_NAMES);
        if add(transaction, change, name)? == 0 {
            transaction
                .prepare_cached("INSERT INTO change VALUES (?, ?, ?, ?, ?)")?
                .execute(params![
                    change.kind,
                    name,
                    as_sql(change.points),
                    as_sql(change.bytes),
                    as_sql(change.most)
                ])?;
        }
    }
    Ok(())
}

/// Adds to the row of that kind and name; gives how many rows that is.
fn add(
    transaction: &Transaction<'_>,
    change: &ChangeCount,
    name: Option<&str>,
) -> Result<usize, rusqlite::Error> {
    transaction
        .prepare_cached(
            "UPDATE change SET points = points + ?3, bytes = bytes + ?4, most = max(most, ?5)
             WHERE kind = ?1 AND name IS ?2",
        )?
        .execute(params![
            change.kind,
            name,
            as_sql(change.points),
            as_sql(change.bytes),
            as_sql(change.most)
        ])
}
