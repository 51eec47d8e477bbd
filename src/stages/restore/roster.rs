//! Who is to be in the collection: the ids of an archive's points in a table on the
//! disk, so that any number of points is looked up in bounded memory. It is made anew
//! at every start and is worth nothing afterwards.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Error;
use crate::ledger::LedgerError;
use crate::point::PointId;

/// How far a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The collection holds it as the archive does, before anything is written.
    Equal,
    /// The collection holds its id, after everything was written.
    There,
}

/// A point of the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the archive.
    pub(super) ordinal: u64,
    /// Whether it need not be written.
    pub(super) equal: bool,
}

/// The points that are to be restored.
pub(super) struct Roster {
    connection: Connection,
}

const SCHEMA: &str = "PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE point (
        id BLOB PRIMARY KEY,
        ordinal INTEGER NOT NULL,
        equal INTEGER NOT NULL DEFAULT 0,
        there INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    BEGIN;";

impl Roster {
    /// An empty one in that folder, which is removed by who made it.
    pub(super) fn begin(folder: &Path) -> Result<Self, Error> {
        let connection = Connection::open(folder.join("roster.scratch")).map_err(explain)?;
        connection.execute_batch(SCHEMA).map_err(explain)?;
        Ok(Self { connection })
    }

    /// Adds a point; gives the place of the one that has its id already, where one
    /// has.
    pub(super) fn add(&self, id: &PointId, ordinal: u64) -> Result<Option<u64>, Error> {
        if let Some(other) = self.find(id)? {
            return Ok(Some(other.ordinal));
        }
        self.with(|connection| {
            connection
                .prepare_cached("INSERT INTO point (id, ordinal) VALUES (?, ?)")?
                .execute(params![key(id), as_sql(ordinal)])
        })?;
        Ok(None)
    }

    /// The point of that id.
    pub(super) fn find(&self, id: &PointId) -> Result<Option<Entry>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT ordinal, equal FROM point WHERE id = ?")?
                .query_row([key(id)], |row| {
                    let (ordinal, equal): (i64, bool) = (row.get(0)?, row.get(1)?);
                    let ordinal = from_sql(ordinal);
                    Ok(Entry { ordinal, equal })
                })
                .optional()
        })
    }

    /// Marks a point; says whether there is one of that id.
    pub(super) fn mark(&self, id: &PointId, mark: Mark) -> Result<bool, Error> {
        let update = match mark {
            Mark::Equal => "UPDATE point SET equal = 1 WHERE id = ?",
            Mark::There => "UPDATE point SET there = 1 WHERE id = ?",
        };
        let changed = self.with(|connection| connection.prepare_cached(update)?.execute([key(id)]));
        Ok(changed? > 0)
    }

    /// Places of points whose id was not found there, the first `most` by id, and how
    /// many there are.
    pub(super) fn absent(&self, most: u32) -> Result<(u64, Vec<u64>), Error> {
        self.with(|connection| {
            let count: i64 =
                connection.query_row("SELECT count(*) FROM point WHERE there = 0", [], |row| {
                    row.get(0)
                })?;
            let mut statement = connection
                .prepare("SELECT ordinal FROM point WHERE there = 0 ORDER BY id LIMIT ?")?;
            let rows = statement.query_map([most], |row| Ok(from_sql(row.get(0)?)))?;
            Ok((from_sql(count), rows.collect::<Result<_, _>>()?))
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Error> {
        work(&self.connection).map_err(explain)
    }
}

/// An id in the order of Qdrant's.
fn key(id: &PointId) -> Vec<u8> {
    let (kind, bytes) = match id {
        PointId::Integer(number) => (0, number.to_be_bytes().to_vec()),
        PointId::Uuid(uuid) => (1, uuid.as_bytes().to_vec()),
        PointId::Text(text) => (2, text.as_bytes().to_vec()),
    };
    let mut key = vec![kind];
    key.extend(bytes);
    key
}

/// Places are counted from 0 and far below 2^63.
fn as_sql(number: u64) -> i64 {
    number.cast_signed()
}

fn from_sql(number: i64) -> u64 {
    number.cast_unsigned()
}

fn explain(error: rusqlite::Error) -> Error {
    Error::failed("the list of ids to restore cannot be kept on the disk")
        .advise("see that there is room and that this user can write in the working folder")
        .because(LedgerError::from(error))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_roster_finds_its_points_and_knows_who_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let roster = Roster::begin(folder.path()).unwrap();
        let (one, uuid) = (PointId::Integer(1), PointId::Uuid(Uuid::from_u128(1)));
        assert_eq!(roster.add(&uuid, 0).unwrap(), None);
        assert_eq!(roster.add(&one, 1).unwrap(), None);
        assert_eq!(roster.add(&one, 2).unwrap(), Some(1));
        let entry = |ordinal, equal| Some(Entry { ordinal, equal });
        assert_eq!(roster.find(&one).unwrap(), entry(1, false));
        assert_eq!(roster.find(&PointId::Integer(2)).unwrap(), None);
        assert_eq!(roster.absent(9).unwrap(), (2, vec![1, 0]));
        assert!(roster.mark(&one, Mark::There).unwrap());
        assert!(roster.mark(&uuid, Mark::Equal).unwrap());
        assert!(!roster.mark(&PointId::Integer(2), Mark::There).unwrap());
        assert_eq!(roster.find(&uuid).unwrap(), entry(0, true));
        assert_eq!(roster.absent(9).unwrap(), (1, vec![0]));
    }
}
