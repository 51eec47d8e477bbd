//! How records of a generation become what is held when the next one begins.

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Transaction};

use super::records::{as_sql, from_sql, index_ids};
use super::schema::{FORGET_NEXT, HELD_NEXT, HOLD_NEXT};
use super::sorted::Sorted;
use super::{BatchState, ranges};
use crate::ordinals::Ordinals;

/// Records that are copied in one transaction. More of them would be a longer log, fewer
/// would wait for the disk more often.
const COPIED_AT_ONCE: usize = 200_000;

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

/// What arrived, on its way to being held. It comes in the order of its ids out of the
/// index over them, which has all that is held: ten million rows in no order would have as
/// many pages read and written again and again, and to sort them once more was half of the
/// work (docs/performance.md).
pub(super) enum Holding {
    /// All of it lies in `held_next`, because nothing is held yet.
    Copied,
    /// It goes among what is held.
    Among(Arrived),
}

impl Holding {
    pub(super) fn prepare(
        connection: &Connection,
        arrived: Arrived,
    ) -> Result<Self, rusqlite::Error> {
        index_ids(connection)?;
        let any = connection.query_row("SELECT EXISTS (SELECT 1 FROM held)", [], |row| row.get(0));
        match any? {
            true => Ok(Self::Among(arrived)),
            false => copy(connection, arrived, COPIED_AT_ONCE).map(|()| Self::Copied),
        }
    }

    pub(super) fn finish(self, transaction: &Transaction<'_>) -> Result<(), rusqlite::Error> {
        transaction.execute_batch("DROP INDEX IF EXISTS held_file")?;
        match self {
            Self::Copied => transaction.execute_batch(HOLD_NEXT),
            Self::Among(arrived) => replace(transaction, arrived),
        }
    }
}

/// Copies what arrived into `held_next`, in transactions of their own: a large one writes
/// pages again that are in its log already, and has to read the log to its end for it.
pub(super) fn copy(
    connection: &Connection,
    arrived: Arrived,
    at_once: usize,
) -> Result<(), rusqlite::Error> {
    connection.execute_batch(FORGET_NEXT)?;
    connection.execute_batch(HELD_NEXT)?;
    let wanted = move |ordinal| arrived.contains(ordinal);
    with_function(connection, "arrived", wanted, || {
        loop {
            let last: Option<String> =
                connection.query_row("SELECT max(id) FROM held_next", [], |row| row.get(0))?;
            let copied = connection.execute(
                "INSERT OR REPLACE INTO held_next (id, file, digest)
                 SELECT id, file, digest FROM record INDEXED BY record_id
                 WHERE id > ? AND arrived(ordinal) ORDER BY id LIMIT ?",
                (last.unwrap_or_default(), as_sql(at_once as u64)),
            )?;
            if copied < at_once {
                return Ok(());
            }
        }
    })
}

/// Holds what arrived, as far as it is not held like that already.
fn replace(transaction: &Transaction<'_>, arrived: Arrived) -> Result<(), rusqlite::Error> {
    let alike = held_alike(transaction)?;
    let wanted = move |ordinal| arrived.contains(ordinal) && !alike.contains(from_sql(ordinal));
    with_function(transaction, "differs", wanted, || {
        transaction.execute_batch(
            "INSERT OR REPLACE INTO held (id, file, digest)
             SELECT id, file, digest FROM record INDEXED BY record_id
             WHERE differs(ordinal) ORDER BY id",
        )
    })
}

/// Lets SQL call `name` with an ordinal for as long as the work takes.
fn with_function(
    connection: &Connection,
    name: &str,
    function: impl Fn(i64) -> bool + Send + 'static,
    work: impl FnOnce() -> Result<(), rusqlite::Error>,
) -> Result<(), rusqlite::Error> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection
        .create_scalar_function(name, 1, flags, move |context| Ok(function(context.get(0)?)))?;
    let done = work();
    connection.remove_function(name, 1)?;
    done
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
