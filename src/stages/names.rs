//! The names of an archive's points in a table on the disk, so that repeats and
//! gaps of any number of points are found in bounded memory. It is made anew from
//! the sealed parts whenever it is wanted, and removed afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use crate::archive::Generation;
use crate::disk;
use crate::error::Error;
use crate::ledger::LedgerError;
use crate::point::PointName;

/// The table's file, in the generation's folder.
const FILE_NAME: &str = "names.scratch";

/// Names that are read at a time: a part of short vectors holds very many.
const NAMES_AT_ONCE: usize = 65_536;

/// A point that came again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeat {
    /// Its place in the archive.
    pub(super) ordinal: u64,
    /// The place where the same name comes next.
    pub(super) later: u64,
}

/// The names of a generation's points.
pub(super) struct Names {
    path: PathBuf,
    connection: Connection,
}

impl Names {
    /// Reads the names of everything that is sealed.
    pub(super) fn of(generation: &Generation) -> Result<Self, Error> {
        let path = generation.folder().join(FILE_NAME);
        remove(&path);
        let connection = disk::database(|| open(&path)).map_err(|error| explain(&path, error))?;
        let mut names = Self { path, connection };
        let points = generation.points();
        for first in (0..points).step_by(NAMES_AT_ONCE) {
            let behind = points.min(first + NAMES_AT_ONCE as u64);
            let ordinals: Vec<u64> = (first..behind).collect();
            names.add(&generation.names_at(&ordinals)?)?;
        }
        names.with(|connection| {
            connection.execute_batch("CREATE INDEX name_key ON name (namespace, id, ordinal)")
        })?;
        Ok(names)
    }

    /// Adds points with their places.
    pub(super) fn add(&mut self, names: &[(u64, PointName)]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO name VALUES (?, ?, ?)")?;
                for (ordinal, name) in names {
                    let (namespace, id) = key(name);
                    insert.execute(params![namespace, id, as_sql(*ordinal)])?;
                }
            }
            transaction.commit()
        })
    }

    /// Calls `each` with every point whose name comes again, by its place.
    pub(super) fn for_each_repeat(
        &mut self,
        mut each: impl FnMut(Repeat) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut stopped = Ok(());
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT ordinal, later FROM (SELECT ordinal,
                     lead(ordinal) OVER (PARTITION BY namespace, id ORDER BY ordinal) AS later FROM name)
                 WHERE later IS NOT NULL ORDER BY ordinal",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (ordinal, later) = (from_sql(row.get(0)?), from_sql(row.get(1)?));
                stopped = each(Repeat { ordinal, later });
                if stopped.is_err() {
                    return Ok(());
                }
            }
            Ok(())
        })?;
        stopped
    }

    /// Those of `names` that no point has, in their order.
    pub(super) fn missing(&mut self, names: Vec<PointName>) -> Result<Vec<PointName>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM name WHERE namespace = ? AND id = ?)",
            )?;
            let mut missing = Vec::new();
            for name in names {
                let (namespace, id) = key(&name);
                let known: bool = statement.query_row([namespace, id], |row| row.get(0))?;
                if !known {
                    missing.push(name);
                }
            }
            Ok(missing)
        })
    }

    /// How many names there are in each namespace, each once.
    pub(super) fn by_namespace(&mut self) -> Result<BTreeMap<Option<String>, u64>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT namespace, count(*) FROM (SELECT DISTINCT namespace, id FROM name) GROUP BY namespace",
            )?;
            let rows = statement.query_map([], |row| {
                let namespace: String = row.get(0)?;
                Ok((namespace.strip_prefix(NAMED).map(str::to_owned), from_sql(row.get(1)?)))
            })?;
            rows.collect()
        })
    }

    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Error> {
        disk::database(|| work(&mut self.connection)).map_err(|error| explain(&self.path, error))
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// What is left of it is in nobody's way: the next one begins by removing it.
fn remove(path: &Path) {
    let _ = disk::remove(path);
}

fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    // Nothing of it is wanted after a crash.
    connection.pragma_update(None, "journal_mode", "OFF")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.execute_batch("CREATE TABLE name (namespace TEXT, id TEXT, ordinal INTEGER)")?;
    Ok(connection)
}

/// Before the name of a namespace, so that none of them is the default one.
const NAMED: &str = "=";

fn key(name: &PointName) -> (String, String) {
    let namespace = name.namespace.as_ref();
    let namespace = namespace.map_or_else(String::new, |name| format!("{NAMED}{name}"));
    (namespace, format!("{}:{}", name.id.kind(), name.id))
}

/// Ordinals and counts stay far below 2^63, which SQLite's integers hold.
fn as_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn explain(path: &Path, error: rusqlite::Error) -> Error {
    let message = format!("the table of names {} cannot be used", path.display());
    let error = LedgerError::from(error);
    match error {
        LedgerError::DiskFull(_) | LedgerError::Io(_) => {
            Error::stopped(message).advise(disk::FREE_SPACE)
        }
        _ => Error::failed(message).advise("see the reason given, and run the same command again"),
    }
    .because(error)
}
