//! What earlier generations brought into the index and is still there, as far as
//! we did not delete it. `record` is of the newest generation alone; between the
//! two lies what is new, changed, unchanged and vanished.

use rusqlite::Connection;

use super::compared::{self, compared};
use super::holding::{Arrived, hold, is_nothing_held};
use super::records::{as_sql, from_sql, index_ids};
use super::schema::{
    FORGET_ASIDE, FORMAT, RECORDS, SET_ASIDE, STATES, STATES_OF_A_LATER_GENERATION,
};
use super::tally::{self, FORGET_ALL};
use super::{Ledger, bulk};
use crate::error::Error;

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
            let begin = |connection: &Connection| {
                if let Some(arrived) = arrived {
                    hold(connection, arrived)?;
                    connection.pragma_update(None, "user_version", FORMAT)?;
                }
                turn_over(connection, generation)
            };
            match is_nothing_held(connection)? {
                true => bulk::in_bulk(connection, begin)?,
                false => bulk::by_the_log(connection, begin)?,
            }
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

/// Sets the records and all else of their generation aside, for those of a new one.
fn turn_over(connection: &Connection, generation: u64) -> Result<(), rusqlite::Error> {
    connection.execute_batch(FORGET_GENERATION)?;
    connection.execute_batch(SET_ASIDE)?;
    connection.execute_batch(RECORDS)?;
    connection.execute_batch(FORGET_ALL)?;
    connection.execute_batch(states(connection)?)?;
    let section = [GENERATION, &generation.to_string()];
    let kept = connection.execute("INSERT OR REPLACE INTO plan VALUES (?, ?)", section);
    kept.map(drop)
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
