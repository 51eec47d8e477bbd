//! What earlier generations brought into the index and is still there, as far as
//! we did not delete it. `record` is of the newest generation alone; between the
//! two lies what is new, changed, unchanged and vanished.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::compared::{self, compared};
use super::records::{as_sql, from_sql, index_ids};
use super::schema::{
    FORGET_ASIDE, FORMAT, RECORDS, SET_ASIDE, STATES, STATES_OF_A_LATER_GENERATION,
};
use super::sorted::Sorted;
use super::tally::{self, FORGET_ALL};
use super::{BatchState, Ledger, ranges};
use crate::error::Error;
use crate::ordinals::Ordinals;

/// The section of the plan, no part of what is frozen, that says which generation
/// the records are of.
const GENERATION: &str = "generation";

/// Everything but its records that is of one generation and not of the index.
const FORGET_GENERATION: &str = "
DELETE FROM doomed; DELETE FROM rejection; DELETE FROM note; DELETE FROM change; DELETE FROM batch;
UPDATE checked SET points = 0;
DELETE FROM milestone WHERE name IN ('refused', 'checked', 'for_files', 'settled', 'indexed', 'proven');
";

impl Ledger {
    /// How many vectors we brought into the index whose points vanished, but for those
    /// that were there before us.
    pub fn vanished_of_ours(&self) -> Result<u64, Error> {
        self.with(|connection| {
            compared(connection)?;
            count(
                connection,
                "SELECT count(*) FROM vanished WHERE NOT EXISTS (
                     SELECT 1 FROM inventory_vector WHERE inventory_vector.id = vanished.id)",
            )
        })
    }

    /// Makes room for the records of the generation of that number, in one
    /// transaction: those that are settled become what is [held](Self::held). The old
    /// ones, which nothing reads any more, go in a second one, or at the next opening. Of a
    /// generation of which nothing was sent nothing is kept. The plan, the inventory
    /// and the entries stay. From the second generation on the file has a format that
    /// versions without `held` refuse.
    ///
    /// Only when every batch is settled: what is on its way belongs to no generation
    /// otherwise.
    pub fn begin_generation(&self, generation: u64) -> Result<(), Error> {
        self.with(|connection| {
            let arrived = Arrived::of(connection)?;
            if arrived.is_some() {
                index_ids(connection)?;
            }
            let transaction = connection.transaction()?;
            let moved = arrived.map_or(Ok(0), |arrived| hold(&transaction, arrived))?;
            transaction.execute_batch(FORGET_GENERATION)?;
            transaction.execute_batch(SET_ASIDE)?;
            transaction.execute_batch(RECORDS)?;
            transaction.execute_batch(FORGET_ALL)?;
            if moved > 0 {
                transaction.pragma_update(None, "user_version", FORMAT)?;
            }
            transaction.execute_batch(states(&transaction)?)?;
            transaction.execute(
                "INSERT OR REPLACE INTO plan VALUES (?, ?)",
                [GENERATION, &generation.to_string()],
            )?;
            transaction.commit()?;
            connection.execute_batch(FORGET_ASIDE)
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
    /// Both are read by id and what is found is put in order, because looking up ten
    /// million of anything in no order takes a page of the disk for each.
    pub fn mark_unchanged(&self) -> Result<(), Error> {
        self.with(compared::mark_unchanged)
    }

    /// How many records are held as they are already.
    pub fn unchanged(&self) -> Result<u64, Error> {
        self.with(|connection| count(connection, "SELECT count(*) FROM unchanged"))
    }

    /// How many records of this generation no earlier one brought into the index.
    pub fn new_records(&self) -> Result<u64, Error> {
        self.with(|connection| {
            let met = compared(connection)?.met;
            Ok(tally::all(connection)?.records.saturating_sub(met))
        })
    }

    /// The next ids after `after` of [new records](Self::new_records), but for those that
    /// the index [may hold](Self::doubt).
    pub fn new_ids_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM record WHERE id > ?
                 AND NOT EXISTS (SELECT 1 FROM held WHERE held.id = record.id)
                 AND NOT EXISTS (SELECT 1 FROM doubted WHERE doubted.id = record.id)
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
        self.with(|connection| Ok(compared(connection)?.held))
    }

    /// How many ids that earlier generations brought into the index this one no longer
    /// has. Wants the index that [`Ledger::has_collisions`] builds.
    pub fn vanished(&self) -> Result<u64, Error> {
        self.with(|connection| {
            compared(connection)?;
            count(connection, "SELECT count(*) FROM vanished")
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

/// Which records are in the index as they should be.
struct Arrived {
    settled: Vec<ranges::Range>,
    /// Those that were never sent because they are held already, once all others are
    /// settled: their places in files may be new.
    unchanged: Ordinals,
}

impl Arrived {
    /// None where none are.
    fn of(connection: &Connection) -> Result<Option<Self>, rusqlite::Error> {
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

/// Holds what arrived, as far as it is not held like that already; says how many records
/// that are. They come in the order of their ids out of the index over them, which has all
/// that is held: ten million rows in no order would have as many pages read and written
/// again and again, and to sort them once more was half of the work (docs/performance.md).
fn hold(connection: &Connection, arrived: Arrived) -> Result<usize, rusqlite::Error> {
    connection.execute_batch("DROP INDEX IF EXISTS held_file")?;
    let alike = held_alike(connection)?;
    connection.create_scalar_function(
        "differs",
        1,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY,
        move |context| {
            let ordinal = context.get(0)?;
            Ok(arrived.contains(ordinal) && !alike.contains(from_sql(ordinal)))
        },
    )?;
    let held = connection.execute(
        "INSERT OR REPLACE INTO held (id, file, digest)
         SELECT id, file, digest FROM record INDEXED BY record_id
         WHERE differs(ordinal) ORDER BY id",
        [],
    );
    connection.remove_function("differs", 1)?;
    held
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

/// SQL for the view over records that a ledger of this format has.
fn states(connection: &Connection) -> Result<&'static str, rusqlite::Error> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(match format {
        FORMAT.. => STATES_OF_A_LATER_GENERATION,
        _ => STATES,
    })
}

fn count(connection: &Connection, sql: &str) -> Result<u64, rusqlite::Error> {
    connection.query_row(sql, [], |row| Ok(from_sql(row.get(0)?)))
}
