//! How many records there are, by namespace: kept where records come and go, because
//! counting ten million of them takes seconds and is asked for often. Records come and
//! go only through here, so that what is kept stays what counting would give.

use std::collections::BTreeMap;

use rusqlite::{Connection, Params, Transaction, TransactionBehavior};

use super::records::{CheckedPoint, as_sql, from_sql};
use super::schema::FIRST_FORMAT;

#[cfg(test)]
mod tests;

/// One row for each namespace that has records.
pub(super) const TALLY: &str = "
CREATE TABLE tally (
    name    TEXT PRIMARY KEY,
    records INTEGER NOT NULL,
    filed   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE file_length (
    ids   INTEGER PRIMARY KEY,
    files INTEGER NOT NULL
);
";

/// SQL that forgets all records and what was counted of them.
pub(super) const FORGET_ALL: &str = "
DELETE FROM record; DELETE FROM unchanged; DELETE FROM tally; DELETE FROM file_length;
DELETE FROM compared; DELETE FROM vanished;
";

/// SQL that forgets what was found of records as they were.
const FORGET_FOUND: &str = "DELETE FROM file_length; DELETE FROM compared; DELETE FROM vanished;";

/// Formats 3 and 4 became 5 and 6.
const RAISED_BY: i64 = 2;

/// Adds to rows of the tally, and makes those that are missing.
const ADDED_UP: &str = "ON CONFLICT (name) DO UPDATE SET
    records = records + excluded.records, filed = filed + excluded.filed";

/// How many records there are of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    /// Those that belong to a file.
    pub(super) filed: u64,
}

/// SQL for the name that a namespace has in the tally: the default one has none, and
/// comes first.
pub(super) fn name_of(namespace: &str) -> String {
    format!("coalesce('=' || {namespace}, '')")
}

/// The namespace of such a name.
pub(super) fn namespace_of(name: &str) -> Option<String> {
    name.strip_prefix('=').map(str::to_owned)
}

/// Gives a ledger of an older format its tally, and with it a number that versions
/// which would not keep it refuse. What such a ledger has counted already is counted
/// anew: one of those versions may have had it since.
pub(super) fn raise(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let format = |connection: &Connection| -> Result<i64, rusqlite::Error> {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    if format(connection)? >= FIRST_FORMAT {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format = format(&transaction)?;
    if format < FIRST_FORMAT {
        let name = name_of("namespace");
        transaction.execute_batch(&format!(
            "DROP TABLE IF EXISTS tally; DROP TABLE IF EXISTS file_length; {TALLY} {FORGET_FOUND}
             INSERT INTO tally SELECT {name} AS name, count(*), count(file) FROM record GROUP BY 1;"
        ))?;
        transaction.pragma_update(None, "user_version", format + RAISED_BY)?;
    }
    transaction.commit()
}

/// Over all namespaces.
pub(super) fn all(connection: &Connection) -> Result<Tally, rusqlite::Error> {
    connection
        .prepare_cached("SELECT coalesce(sum(records), 0), coalesce(sum(filed), 0) FROM tally")?
        .query_row([], |row| {
            Ok(Tally {
                records: from_sql(row.get(0)?),
                filed: from_sql(row.get(1)?),
            })
        })
}

/// These records come.
pub(super) fn add(
    transaction: &Transaction<'_>,
    points: &[CheckedPoint],
) -> Result<(), rusqlite::Error> {
    let mut tallies: BTreeMap<Option<&str>, Tally> = BTreeMap::new();
    for point in points {
        let CheckedPoint::Record(row) = point else {
            continue;
        };
        let tally = tallies.entry(row.namespace.as_deref()).or_default();
        tally.records += 1;
        tally.filed += u64::from(row.file.is_some());
    }
    let name = name_of("?1");
    let sql = format!("INSERT INTO tally VALUES ({name}, ?2, ?3) {ADDED_UP}");
    let mut insert = transaction.prepare_cached(&sql)?;
    for (namespace, tally) in tallies {
        insert.execute((namespace, as_sql(tally.records), as_sql(tally.filed)))?;
    }
    transaction.execute_batch(FORGET_FOUND)
}

/// The records for which `which`, a condition of SQL, is true go.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    which: &str,
    asked: impl Params + Clone,
) -> Result<(), rusqlite::Error> {
    let name = name_of("namespace");
    for sql in [
        format!(
            "INSERT INTO tally SELECT {name}, -count(*), -count(file) FROM record WHERE {which} GROUP BY 1 {ADDED_UP}"
        ),
        format!(
            "DELETE FROM unchanged WHERE ordinal IN (SELECT ordinal FROM record WHERE {which})"
        ),
        format!("DELETE FROM record WHERE {which}"),
    ] {
        transaction.prepare_cached(&sql)?.execute(asked.clone())?;
    }
    transaction.execute_batch("DELETE FROM tally WHERE records = 0")?;
    transaction.execute_batch(FORGET_FOUND)
}
