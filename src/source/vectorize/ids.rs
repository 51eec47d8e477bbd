//! The ids of an index, written down once and read in their order: what Vectorize
//! lists has no order, and a walk cannot be taken up again. One SQLite file beside
//! the generations of the archive, needed only until the export is complete; it
//! holds nothing that could not be listed again.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::disk;
use crate::error::Error;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS ids (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";
/// The fact that tells whose ids they are.
const OF: &str = "of";
/// The fact that tells when the walk came to its end.
const COMPLETE: &str = "complete";

/// The ids of one index, on the disk.
pub struct IdList {
    path: PathBuf,
    connection: Connection,
}

impl IdList {
    /// Opens the list at `path`, or begins it; one of another index is begun anew.
    ///
    /// # Errors
    ///
    /// Where the file cannot be made or is none of ours.
    pub fn open(path: &Path, of: &str) -> Result<Self, Error> {
        let list = Self {
            path: path.to_owned(),
            connection: disk::database(|| connect(path)).map_err(explain(path))?,
        };
        if list.fact(OF)?.as_deref() != Some(of) {
            list.clear()?;
            list.set_fact(OF, of)?;
        }
        Ok(list)
    }

    /// When the walk that it is of came to its end; none before that.
    pub fn listed_at(&self) -> Result<Option<String>, Error> {
        self.fact(COMPLETE)
    }

    /// Forgets every id.
    pub fn clear(&self) -> Result<(), Error> {
        let clear = "BEGIN; DELETE FROM ids; DELETE FROM facts WHERE name = 'complete'; COMMIT";
        let cleared = disk::database(|| self.connection.execute_batch(clear));
        cleared.map_err(explain(&self.path))
    }

    /// Adds a page of ids, in any order; says how many were not there yet.
    pub fn add(&mut self, ids: &[String]) -> Result<u64, Error> {
        let connection = &mut self.connection;
        let add = || -> rusqlite::Result<u64> {
            let transaction = connection.transaction()?;
            let mut added = 0;
            {
                let mut insert = transaction.prepare("INSERT OR IGNORE INTO ids VALUES (?)")?;
                for id in ids {
                    added += insert.execute([id])? as u64;
                }
            }
            transaction.commit()?;
            Ok(added)
        };
        disk::database(add).map_err(explain(&self.path))
    }

    /// The walk came to its end at that time.
    pub fn complete(&self, at: &str) -> Result<(), Error> {
        self.set_fact(COMPLETE, at)
    }

    /// How many ids there are.
    pub fn count(&self) -> Result<u64, Error> {
        self.left(None)
    }

    /// How many there are behind this one (none: all).
    pub fn left(&self, after: Option<&str>) -> Result<u64, Error> {
        // An id is never empty, so that all are behind the empty text.
        let from = after.unwrap_or_default();
        let count = "SELECT count(*) FROM ids WHERE id > ?";
        let count = self
            .connection
            .query_row(count, [from], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(explain(&self.path))
    }

    /// The ids behind this one (none: from the first on) by bytes, at most so many.
    pub fn after(&self, id: Option<&str>, most: usize) -> Result<Vec<String>, Error> {
        let from = id.unwrap_or_default();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut ids = self
                .connection
                .prepare_cached("SELECT id FROM ids WHERE id > ? ORDER BY id LIMIT ?")?;
            let ids = ids.query_map(params![from, most], |row| row.get(0))?;
            ids.collect()
        };
        disk::database(read).map_err(explain(&self.path))
    }

    /// Removes the file at `path`, and what SQLite keeps beside it.
    pub fn remove(path: &Path) -> Result<(), Error> {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            disk::remove(Path::new(&name)).map_err(|error| failed(path).because(error))?;
        }
        Ok(())
    }

    fn fact(&self, name: &str) -> Result<Option<String>, Error> {
        let value = "SELECT value FROM facts WHERE name = ?";
        let value = self.connection.query_row(value, [name], |row| row.get(0));
        value.optional().map_err(explain(&self.path))
    }

    fn set_fact(&self, name: &str, value: &str) -> Result<(), Error> {
        let set = "INSERT OR REPLACE INTO facts VALUES (?, ?)";
        let set = disk::database(|| self.connection.execute(set, [name, value]));
        set.map(drop).map_err(explain(&self.path))
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // After a power cut the last pages may be missing, which only a walk that is
    // not complete can have.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

fn explain(path: &Path) -> impl FnOnce(rusqlite::Error) -> Error {
    let path = path.to_owned();
    move |error| failed(&path).because(error)
}

fn failed(path: &Path) -> Error {
    Error::failed(format!(
        "the list of ids {} cannot be read or written",
        path.display()
    ))
    .advise("see that the disk has space and that the archive's folder can be written to; the list may be removed, it is then made anew")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn texts(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn ids_are_read_in_the_order_of_their_bytes_from_any_one_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.db");
        let mut list = IdList::open(&path, "docs").unwrap();
        assert_eq!(list.add(&texts(&["b", "a\0", "ä", "a"])).unwrap(), 4);
        assert_eq!(list.add(&texts(&["B", "b", "10"])).unwrap(), 2);
        let all = texts(&["10", "B", "a", "a\0", "b", "ä"]);
        assert_eq!(list.after(None, 10).unwrap(), all);
        for (position, id) in all.iter().enumerate() {
            assert_eq!(list.after(Some(id), 10).unwrap(), all[position + 1..]);
            assert_eq!(list.left(Some(id)).unwrap(), (5 - position) as u64);
        }
        assert_eq!(list.after(None, 2).unwrap(), all[..2]);
    }

    #[test]
    fn a_complete_list_is_kept_and_that_of_another_index_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.db");
        let mut list = IdList::open(&path, "docs").unwrap();
        list.add(&texts(&["a"])).unwrap();
        assert_eq!(list.listed_at().unwrap(), None);
        list.complete("2026-11-21T00:00:00Z").unwrap();
        drop(list);
        let list = IdList::open(&path, "docs").unwrap();
        assert_eq!(list.listed_at().unwrap().unwrap(), "2026-11-21T00:00:00Z");
        assert_eq!(list.count().unwrap(), 1);
        drop(list);
        let list = IdList::open(&path, "docs of another account").unwrap();
        assert_eq!(
            (list.listed_at().unwrap(), list.count().unwrap()),
            (None, 0)
        );
        drop(list);
        IdList::remove(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
