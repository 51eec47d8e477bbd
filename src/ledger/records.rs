//! Records and rejections: what became of each archived point.

use rusqlite::{Connection, OptionalExtension as _, Transaction, ffi, params};

use super::Ledger;
use super::appended::Appended;
use super::changes::{ChangeCount, insert_changes};
use super::schema::index;
use super::tally::{self, FORGET_ALL};
use crate::error::Error;
use crate::record::Digest;
use crate::transform::Order;

/// One record as the ledger remembers it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// Its point's place in the archive, from 0.
    pub ordinal: u64,
    /// The vector id.
    pub id: String,
    /// The namespace.
    pub namespace: Option<String>,
    /// The file-index key it belongs under.
    pub file: Option<String>,
    /// Its place within that file.
    pub order: Order,
    /// What the record consists of.
    pub digest: Digest,
}

/// A rejection, as a line of `rejected.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedAt {
    /// The point's place in the archive.
    pub ordinal: u64,
    /// The line, without its line feed.
    pub json: String,
}

/// What the transform made of one point.
#[derive(Debug)]
pub enum CheckedPoint {
    /// A record.
    Record(RecordRow),
    /// A rejection.
    Rejection(RejectedAt),
    /// Neither: the point came again later, and that one counts.
    Superseded,
}

/// The outcome of checking consecutive points.
#[derive(Debug, Default)]
pub struct Checked {
    /// What each point became, by ordinal.
    pub points: Vec<CheckedPoint>,
    /// How often each remark (by its stable name) was made on them.
    pub notes: Vec<(String, u64)>,
    /// What was changed, by name.
    pub changes: Vec<ChangeCount>,
}

/// A point that would become the same record as another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The record id they share.
    pub id: String,
    /// The point's place in the archive.
    pub ordinal: u64,
    /// The first other point that gives this id.
    pub other: u64,
}

/// How many points ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Points that went through the transform.
    pub checked: u64,
    /// Those that became records.
    pub records: u64,
    /// Those that did not.
    pub rejected: u64,
}

impl Ledger {
    /// Up to where points were checked: ordinals below this are known.
    pub fn checked_points(&self) -> Result<u64, Error> {
        self.with(|connection| checked_points(connection))
    }

    /// Adds the outcome of checking the points from `first` on, at once or not
    /// at all. Points already known are left out, so that repeating is safe.
    pub fn add_checked(&self, first: u64, checked: &Checked) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let known = checked_points(&transaction)?;
            if known == first {
                nothing_beyond(&transaction, first)?;
                insert_points(&transaction, &checked.points)?;
                insert_notes(&transaction, &checked.notes)?;
                insert_changes(&transaction, &checked.changes)?;
                transaction.execute(
                    "UPDATE checked SET points = ?",
                    [as_sql(first + checked.points.len() as u64)],
                )?;
            }
            transaction.commit()
        })
    }

    /// Forgets what was checked from `ordinal` on, because the archive lost it.
    pub fn forget_checked_from(&self, ordinal: u64) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            if checked_points(&transaction)? > ordinal {
                transaction.execute_batch(&format!(
                    "{FORGET_ALL} DELETE FROM rejection; DELETE FROM note; DELETE FROM change;
                     UPDATE checked SET points = 0; DELETE FROM milestone WHERE name = 'checked';"
                ))?;
            }
            transaction.commit()
        })
    }

    /// Builds the index over ids. Built once, after the last point: sorting ten
    /// million ids beats inserting them one by one.
    pub fn index_ids(&self) -> Result<(), Error> {
        self.with(|connection| index_ids(connection))
    }

    /// Builds [the index over ids](Self::index_ids) and says whether one of them is
    /// given by more than one point.
    pub fn has_collisions(&self) -> Result<bool, Error> {
        self.with(|connection| {
            index_ids(connection)?;
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM record GROUP BY id HAVING count(*) > 1)",
                [],
                |row| row.get(0),
            )
        })
    }

    /// The points from `first` on whose record id another point gives too, by
    /// ordinal; at most `limit` of them. Wants the index that
    /// [`Ledger::has_collisions`] builds.
    pub fn collisions_from(&self, first: u64, limit: usize) -> Result<Vec<Collision>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, ordinal, other FROM (
                     SELECT id, ordinal, (SELECT same.ordinal FROM record AS same
                         WHERE same.id = record.id AND same.ordinal <> record.ordinal
                         ORDER BY same.ordinal LIMIT 1) AS other
                     FROM record WHERE ordinal >= ? ORDER BY ordinal)
                 WHERE other IS NOT NULL LIMIT ?",
            )?;
            let rows = statement.query_map([as_sql(first), as_sql(limit as u64)], |row| {
                Ok(Collision {
                    id: row.get(0)?,
                    ordinal: from_sql(row.get(1)?),
                    other: from_sql(row.get(2)?),
                })
            })?;
            rows.collect()
        })
    }

    /// Adds rejections of points that stay records until
    /// [`Ledger::drop_rejected`], so that what they are judged by stays whole.
    pub fn add_rejections(&self, stage: &str, rejections: &[RejectedAt]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for rejection in rejections {
                insert_rejection(&transaction, stage, rejection)?;
            }
            transaction.commit()
        })
    }

    /// Points that are rejected are records no longer.
    pub fn drop_rejected(&self) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let rejected = "ordinal IN (SELECT ordinal FROM rejection)";
            tally::remove(&transaction, rejected, ())?;
            transaction.commit()
        })
    }

    /// Turns records into rejections, at once or not at all. `stage` says where:
    /// `transform`, `collision` or `vectorize`.
    pub fn reject(&self, stage: &str, rejections: &[RejectedAt]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for rejection in rejections {
                let ordinal = [as_sql(rejection.ordinal)];
                tally::remove(&transaction, "ordinal = ?1", ordinal)?;
                insert_rejection(&transaction, stage, rejection)?;
            }
            transaction.commit()
        })
    }

    /// How many points ended how.
    pub fn totals(&self) -> Result<Totals, Error> {
        self.with(|connection| {
            let sql = "SELECT count(*) FROM rejection";
            Ok(Totals {
                checked: checked_points(connection)?,
                records: tally::all(connection)?.records,
                rejected: connection.query_row(sql, [], |row| Ok(from_sql(row.get(0)?)))?,
            })
        })
    }

    /// How many rejections were made at a stage.
    pub fn rejected_at(&self, stage: &str) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT count(*) FROM rejection WHERE stage = ?",
                [stage],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// How often each remark was made, by its stable name.
    pub fn notes(&self) -> Result<Vec<(String, u64)>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT name, count FROM note ORDER BY name")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, from_sql(row.get(1)?))))?;
            rows.collect()
        })
    }

    /// Calls `each` with every rejection's line, by ordinal.
    pub fn for_each_rejection(&self, mut each: impl FnMut(&str)) -> Result<(), Error> {
        self.with(|connection| {
            let mut statement =
                connection.prepare("SELECT json FROM rejection ORDER BY ordinal")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
            }
            Ok(())
        })
    }
}

/// With all that is held of a record later: generations are compared and held in the
/// order of ids, and a row of the table that is looked up is on another page each time.
pub(super) fn index_ids(connection: &Connection) -> Result<(), rusqlite::Error> {
    index(
        connection,
        "record_id",
        "CREATE INDEX record_id ON record (id, file, digest)",
    )
}

fn checked_points(connection: &Connection) -> Result<u64, rusqlite::Error> {
    connection.query_row("SELECT points FROM checked", [], |row| {
        Ok(from_sql(row.get(0)?))
    })
}

/// Records from `first` on, which nobody checked yet, are no work of ours.
fn nothing_beyond(transaction: &Transaction<'_>, first: u64) -> Result<(), rusqlite::Error> {
    let beyond: Option<i64> = transaction
        .prepare_cached("SELECT ordinal FROM record WHERE ordinal >= ? LIMIT 1")?
        .query_row([as_sql(first)], |row| row.get(0))
        .optional()?;
    let Some(ordinal) = beyond else { return Ok(()) };
    Err(rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_CORRUPT),
        Some(format!(
            "point {ordinal} has a record, and points were checked up to {first}"
        )),
    ))
}

fn insert_points(
    transaction: &Transaction<'_>,
    points: &[CheckedPoint],
) -> Result<(), rusqlite::Error> {
    let mut insert = transaction.prepare_cached("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)")?;
    let mut appended = Appended::default();
    for point in points {
        match point {
            CheckedPoint::Record(row) => {
                insert.execute(params![
                    appended.key(row.ordinal),
                    row.id,
                    row.namespace,
                    row.file,
                    order_to_sql(&row.order),
                    &row.digest.0[..],
                ])?;
            }
            CheckedPoint::Rejection(rejection) => {
                insert_rejection(transaction, "transform", rejection)?;
            }
            CheckedPoint::Superseded => {}
        }
    }
    tally::add(transaction, points)
}

fn insert_rejection(
    transaction: &Transaction<'_>,
    stage: &str,
    rejection: &RejectedAt,
) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO rejection VALUES (?, ?, ?)")?
        .execute(params![as_sql(rejection.ordinal), stage, rejection.json])
        .map(drop)
}

fn insert_notes(
    transaction: &Transaction<'_>,
    notes: &[(String, u64)],
) -> Result<(), rusqlite::Error> {
    for (name, count) in notes {
        transaction.execute(
            "INSERT INTO note VALUES (?1, ?2) ON CONFLICT DO UPDATE SET count = count + ?2",
            params![name, as_sql(*count)],
        )?;
    }
    Ok(())
}

/// SQLite sorts numbers before text before blobs, as [`Order`] does its kinds:
/// an empty blob stands for a missing order.
fn order_to_sql(order: &Order) -> rusqlite::types::Value {
    use rusqlite::types::Value;
    match order {
        Order::Number(number) => Value::Real(*number),
        Order::Text(text) => Value::Text(text.clone()),
        Order::Missing => Value::Blob(Vec::new()),
    }
}

/// Ordinals and counts stay far below 2^63, which SQLite's integers hold.
pub(super) fn as_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
