//! How records of a generation become what is held when the next one begins.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::records::from_sql;
use super::sorted::Sorted;
use super::{BatchState, ranges};
use crate::ordinals::Ordinals;

/// Which records are in the index as they should be.
pub(super) struct Arrived {
    settled: Vec<ranges::Range>,
    /// Those that were never sent because they are held already, once all others are
    /// settled: their places in files may be new.
    unchanged: Ordinals,
}

impl Arrived {
    /// None where none are.
    pub(super) fn of(connection: &Connection) -> Result<Option<Self>, rusqlite::Error> {
        let all = ranges::all(connection)?;
        let settled = ranges::of(connection, BatchState::Settled, all)?;
        let mut unchanged = Ordinals::default();
        let mut statement = connection.prepare(
            "SELECT ordinal FROM unchanged
             WHERE EXISTS (SELECT 1 FROM milestone WHERE name = 'settled')",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            unchanged.insert(from_sql(row.get(0)?));
        }
        let any = !settled.is_empty() || !unchanged.is_empty();
        Ok(any.then_some(Self { settled, unchanged }))
    }

    fn contains(&self, ordinal: i64) -> bool {
        ranges::contain(&self.settled, ordinal) || self.unchanged.contains(from_sql(ordinal))
    }
}

/// Holds what arrived, as far as it is not held like that already. It comes in the order
/// of its ids out of the index over them, which has all that is held: ten
/// million rows in no order would have as many pages read and written again and again, and
/// to sort them once more was half of the work (docs/performance.md).
pub(super) fn hold(connection: &Connection, arrived: Arrived) -> Result<(), rusqlite::Error> {
    connection.execute_batch("DROP INDEX IF EXISTS held_file")?;
    let alike = held_alike(connection)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("differs", 1, flags, move |context| {
        let ordinal = context.get(0)?;
        Ok(arrived.contains(ordinal) && !alike.contains(from_sql(ordinal)))
    })?;
    let held = connection.execute_batch(
        "INSERT OR REPLACE INTO held (id, file, digest)
         SELECT id, file, digest FROM record INDEXED BY record_id
         WHERE differs(ordinal) ORDER BY id",
    );
    connection.remove_function("differs", 1)?;
    held
}

pub(super) fn is_nothing_held(connection: &Connection) -> Result<bool, rusqlite::Error> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM held)", [], |row| {
        row.get(0)
    })
}

/// Records that are held with the same file and digest, found by going through both once:
/// a lookup is longer the more is held.
fn held_alike(connection: &Connection) -> Result<Ordinals, rusqlite::Error> {
    let mut alike = Ordinals::default();
    let mut records = connection
        .prepare("SELECT id, file, digest, ordinal FROM record INDEXED BY record_id ORDER BY id")?;
    let mut records = Sorted::new(records.query([])?)?;
    let mut held = connection.prepare("SELECT id, file, digest FROM held ORDER BY id")?;
    let mut held = held.query([])?;
    while let Some(row) = held.next()? {
        let Some(record) = records.find(row.get_ref(0)?.as_str()?)? else {
            continue;
        };
        if row.get_ref(1)? == record.get_ref(1)? && row.get_ref(2)? == record.get_ref(2)? {
            alike.insert(from_sql(record.get(3)?));
        }
    }
    Ok(alike)
}
