//! What was seen at the latest look at KV: the listed keys, which ids the index
//! was asked for, and the entries to be looked at again. It lives beside the ledger,
//! in SQLite's temporary storage: after a restart it would be too old anyway.

use rusqlite::OptionalExtension as _;

use super::Ledger;
use super::files::index_files;
use super::records::{as_sql, from_sql};
use crate::error::Error;

/// A key that KV lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// When it expires, in Unix seconds.
    pub expiration: Option<u64>,
}

/// What an entry was last seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A file of ours has no entry.
    Missing,
    /// A file of ours has another entry.
    Different,
    /// An entry of no file of ours names only vectors that do not exist.
    Stale,
}

impl Doubt {
    const ALL: [Self; 3] = [Self::Missing, Self::Different, Self::Stale];

    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Stale => "stale",
        }
    }
}

/// An entry that has to be looked at again before anything is said about it or
/// done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Its key.
    pub key: String,
    /// What it was last seen to be.
    pub doubt: Doubt,
    /// The same, for the operator.
    pub told: String,
}

impl Ledger {
    /// Begins a look at KV and the index: forgets the listing, and which ids the
    /// index was asked for.
    pub fn begin_look(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS listing (key TEXT PRIMARY KEY, expiration INTEGER) WITHOUT ROWID;
                 CREATE TEMP TABLE IF NOT EXISTS asked_vector (id TEXT PRIMARY KEY, exists_there INTEGER NOT NULL) WITHOUT ROWID;
                 DELETE FROM listing; DELETE FROM asked_vector;",
            )
        })
    }

    /// Remembers for this look which of these ids the index holds.
    pub fn add_asked_vectors(&self, asked: &[(&str, bool)]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT OR REPLACE INTO asked_vector VALUES (?, ?)")?;
                for asked in asked {
                    insert.execute(*asked)?;
                }
            }
            transaction.commit()
        })
    }

    /// Whether the index held this id when it was asked in this look; none when
    /// it was not asked.
    pub fn asked_vector(&self, id: &str) -> Result<Option<bool>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT exists_there FROM asked_vector WHERE id = ?")?
                .query_row([id], |row| row.get(0))
                .optional()
        })
    }

    /// Forgets all suspects.
    pub fn clear_suspects(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS suspect (key TEXT PRIMARY KEY, doubt TEXT NOT NULL, told TEXT NOT NULL) WITHOUT ROWID;
                 DELETE FROM suspect;",
            )
        })
    }

    /// Adds suspects, in place of those of the same keys.
    pub fn add_suspects(&self, suspects: &[Suspect]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT OR REPLACE INTO suspect VALUES (?, ?, ?)")?;
                for suspect in suspects {
                    insert.execute([
                        suspect.key.as_str(),
                        suspect.doubt.name(),
                        suspect.told.as_str(),
                    ])?;
                }
            }
            transaction.commit()
        })
    }

    /// Removes suspects, because they turned out to be as they should be.
    pub fn clear_of_suspicion(&self, keys: &[String]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut delete = transaction.prepare_cached("DELETE FROM suspect WHERE key = ?")?;
                for key in keys {
                    delete.execute([key])?;
                }
            }
            transaction.commit()
        })
    }

    /// How many suspects there are.
    pub fn suspects(&self) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row("SELECT count(*) FROM suspect", [], |row| {
                Ok(from_sql(row.get(0)?))
            })
        })
    }

    /// The next suspects after `after` by key.
    pub fn suspects_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<Suspect>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key, doubt, told FROM suspect WHERE key > ? ORDER BY key LIMIT ?",
            )?;
            let rows =
                statement.query_map((after.unwrap_or(""), as_sql(limit as u64)), read_suspect)?;
            rows.collect()
        })
    }

    /// Adds keys to the latest listing.
    pub fn add_listed(&self, listed: &[Listed]) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO listing VALUES (?, ?)")?;
                for key in listed {
                    insert.execute((&key.key, key.expiration.map(as_sql)))?;
                }
            }
            transaction.commit()
        })
    }

    /// The key in the latest listing.
    pub fn listed(&self, key: &str) -> Result<Option<Listed>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT key, expiration FROM listing WHERE key = ?")?
                .query_row([key], read_listed)
                .optional()
        })
    }

    /// The next listed keys after `after` under which we have no records.
    pub fn listed_without_file(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        self.with(|connection| {
            index_files(connection)?;
            let mut statement = connection.prepare_cached(
                "SELECT key, expiration FROM listing WHERE key > ?
                 AND NOT EXISTS (SELECT 1 FROM record WHERE record.file = listing.key)
                 ORDER BY key LIMIT ?",
            )?;
            let rows =
                statement.query_map((after.unwrap_or(""), as_sql(limit as u64)), read_listed)?;
            rows.collect()
        })
    }
}

fn read_listed(row: &rusqlite::Row<'_>) -> Result<Listed, rusqlite::Error> {
    Ok(Listed {
        key: row.get(0)?,
        expiration: row.get::<_, Option<i64>>(1)?.map(from_sql),
    })
}

fn read_suspect(row: &rusqlite::Row<'_>) -> Result<Suspect, rusqlite::Error> {
    let name: String = row.get(1)?;
    let doubt = Doubt::ALL.into_iter().find(|doubt| doubt.name() == name);
    Ok(Suspect {
        key: row.get(0)?,
        doubt: doubt.expect("only names of doubts are written"),
        told: row.get(2)?,
    })
}
