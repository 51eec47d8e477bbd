//! The newest generation beside what is held: both are gone through once, by id, and
//! what is found is kept until one of them changes.

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::appended::Appended;
use super::records::{as_sql, from_sql};
use super::sorted::Sorted;
use crate::ordinals::Ordinals;
use crate::record::Digest;

/// What is found. `compared` has no row until both were compared.
pub(super) const COMPARED: &str = "
CREATE TABLE IF NOT EXISTS compared (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    held INTEGER NOT NULL,
    met  INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS vanished (
    id TEXT PRIMARY KEY
) WITHOUT ROWID;
";

/// SQL that forgets it.
pub(super) const FORGET_COMPARED: &str = "DELETE FROM compared; DELETE FROM vanished;";

/// How the two meet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Compared {
    /// Ids that are held.
    pub(super) held: u64,
    /// Records whose ids are held.
    pub(super) met: u64,
}

/// What is known, or is found now: the table `vanished` has the ids that are held and
/// have no record. Wants the index over ids.
pub(super) fn compared(connection: &mut Connection) -> Result<Compared, rusqlite::Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM held)";
    if !connection.query_row(sql, [], |row| row.get(0))? {
        return Ok(Compared::default());
    }
    let known = connection
        .query_row("SELECT held, met FROM compared", [], |row| {
            let (held, met) = (from_sql(row.get(0)?), from_sql(row.get(1)?));
            Ok(Compared { held, met })
        })
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let transaction = connection.transaction()?;
    let found = compare(&transaction, |_| {})?;
    transaction.commit()?;
    Ok(found)
}

/// Compares, and notes which records are held with the same digest.
pub(super) fn mark_unchanged(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    let mut unchanged = Ordinals::default();
    compare(&transaction, |ordinal| unchanged.insert(ordinal))?;
    {
        transaction.execute("DELETE FROM unchanged", [])?;
        let mut insert = transaction.prepare("INSERT INTO unchanged VALUES (?)")?;
        let mut appended = Appended::default();
        for ordinal in unchanged.iter() {
            insert.execute([appended.key(ordinal)])?;
        }
    }
    transaction.commit()
}

/// Calls `same` with the ordinal of every record that is held with its digest.
fn compare(
    transaction: &Transaction<'_>,
    mut same: impl FnMut(u64),
) -> Result<Compared, rusqlite::Error> {
    transaction.execute_batch(FORGET_COMPARED)?;
    let mut vanished = transaction.prepare("INSERT INTO vanished VALUES (?)")?;
    let mut records = transaction.prepare("SELECT id, digest, ordinal FROM record ORDER BY id")?;
    let mut records = Sorted::new(records.query([])?)?;
    let mut held = transaction.prepare("SELECT id, digest FROM held ORDER BY id")?;
    let mut held = held.query([])?;
    let mut found = Compared::default();
    while let Some(row) = held.next()? {
        let id = row.get_ref(0)?.as_str()?;
        let digest = Digest(row.get(1)?);
        let met = found.met;
        // Until collisions are sorted out an id may have several records.
        while let Some(record) = records.find(id)? {
            if Digest(record.get(1)?) == digest {
                same(from_sql(record.get(2)?));
            }
            found.met += 1;
            records.pass()?;
        }
        if found.met == met {
            vanished.execute([id])?;
        }
        found.held += 1;
    }
    if found.held > 0 {
        transaction.execute(
            "INSERT INTO compared VALUES (1, ?, ?)",
            [as_sql(found.held), as_sql(found.met)],
        )?;
    }
    Ok(found)
}

/// Ids that vanished are held no longer, which is no reason to compare anew.
pub(super) fn leave_out(
    transaction: &Transaction<'_>,
    which: &str,
    held_no_longer: usize,
) -> Result<(), rusqlite::Error> {
    let known = transaction.execute(&format!("DELETE FROM vanished WHERE {which}"), [])?;
    match known == held_no_longer {
        true => transaction
            .execute(
                "UPDATE compared SET held = held - ?",
                [held_no_longer as i64],
            )
            .map(drop),
        false => transaction.execute_batch(FORGET_COMPARED),
    }
}
