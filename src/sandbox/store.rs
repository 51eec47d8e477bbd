//! Where the sandbox's state lives: one SQLite database, in memory or in a folder.
//!
//! Vectors and KV entries are kept in versions: a row is valid from one version
//! until another. What was accepted but not applied, what a walk over the ids
//! still sees, and what a stale read still sees are then the same table, read as
//! of another version.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::kv::cache::ReadCache;
use super::reply::Failure;
use super::{SandboxError, SandboxOptions, lock};

/// The number of the format in which a folder is written.
const FORMAT: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE vector_index (
    idx INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL,
    dimensions INTEGER NOT NULL, metric TEXT NOT NULL, preset TEXT,
    created_ms INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
    applied INTEGER NOT NULL DEFAULT 0, applied_mutation TEXT, applied_ms INTEGER,
    next_job_ms INTEGER NOT NULL DEFAULT 0, vectors INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX live_name ON vector_index (name) WHERE deleted = 0;

-- Accepted mutations that are not applied yet; seq numbers them in order.
CREATE TABLE mutation (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, idx INTEGER NOT NULL, mutation_id TEXT NOT NULL,
    kind TEXT NOT NULL, property TEXT, property_type TEXT, due_ms INTEGER NOT NULL,
    vectors INTEGER NOT NULL, fate TEXT NOT NULL, roll INTEGER NOT NULL);
CREATE INDEX mutation_of ON mutation (idx, seq);
CREATE TABLE pending_delete (seq INTEGER NOT NULL, id TEXT NOT NULL);
CREATE INDEX pending_delete_of ON pending_delete (seq);

-- One version of a vector, valid from the mutation seq until the mutation until.
CREATE TABLE vector (
    idx INTEGER NOT NULL, seq INTEGER NOT NULL, until INTEGER, id TEXT NOT NULL,
    namespace TEXT, metadata TEXT, vals BLOB NOT NULL);
CREATE UNIQUE INDEX vector_by_id ON vector (idx, id, seq, until);
CREATE UNIQUE INDEX vector_by_seq ON vector (idx, seq, id, until);
CREATE INDEX vector_gone ON vector (idx, until) WHERE until IS NOT NULL;

CREATE TABLE metadata_index (
    idx INTEGER NOT NULL, property TEXT NOT NULL, property_type TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (idx, property));
CREATE TABLE snapshot (
    token TEXT PRIMARY KEY, idx INTEGER NOT NULL, version INTEGER NOT NULL,
    total INTEGER NOT NULL, expires_ms INTEGER NOT NULL);

CREATE TABLE namespace (id TEXT PRIMARY KEY, title TEXT NOT NULL UNIQUE);
CREATE TABLE kv_version (version INTEGER NOT NULL);
INSERT INTO kv_version VALUES (0);
-- One version of an entry, valid from since until until; gone_ms is when that was.
CREATE TABLE entry (
    namespace TEXT NOT NULL, key TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,
    gone_ms INTEGER, written_ms INTEGER NOT NULL, expiration INTEGER, metadata TEXT, value BLOB NOT NULL);
CREATE INDEX entry_of ON entry (namespace, key, since);
CREATE INDEX entry_gone ON entry (gone_ms) WHERE gone_ms IS NOT NULL;
";

/// The state, and the settings that decide when it changes.
pub(super) struct Store {
    db: Mutex<Connection>,
    pub(super) apply_delay_ms: i64,
    pub(super) stale_ms: i64,
    pub(super) reads: Mutex<ReadCache>,
}

impl Store {
    pub(super) fn open(dir: Option<&Path>, options: &SandboxOptions) -> Result<Self, SandboxError> {
        let mut db = match dir {
            None => Connection::open_in_memory()?,
            Some(dir) => open_folder(dir)?,
        };
        prepare(&mut db)?;
        Ok(Self {
            db: Mutex::new(db),
            apply_delay_ms: millis(options.apply_delay),
            stale_ms: millis(options.stale),
            reads: Mutex::new(HashMap::new()),
        })
    }

    /// Runs `work` in one transaction, kept only when it succeeds.
    pub(super) fn transaction<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut db = lock(&self.db);
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// What a closure given to [`Store::transaction`] returns in the rooms.
pub(super) type Done<T> = Result<T, Failure>;

fn open_folder(dir: &Path) -> Result<Connection, SandboxError> {
    std::fs::create_dir_all(dir).map_err(|source| SandboxError::Folder {
        folder: dir.display().to_string(),
        source,
    })?;
    Ok(Connection::open(dir.join("sandbox.db"))?)
}

/// Sets the connection up and makes the tables in a new database.
///
/// WAL without a sync at every commit survives the death of the process, which
/// is what is promised, though not of the machine. Pages of 32 KiB hold several
/// vectors of 1,536 dimensions each.
fn prepare(db: &mut Connection) -> Result<(), SandboxError> {
    db.busy_timeout(Duration::from_secs(30))?;
    db.pragma_update(None, "page_size", 32_768)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "normal")?;
    db.pragma_update(None, "cache_size", -32_768)?;
    db.pragma_update(None, "temp_store", "memory")?;
    db.pragma_update(None, "journal_size_limit", 134_217_728)?;
    db.set_prepared_statement_cache_capacity(64);
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match found {
        FORMAT => {}
        0 => {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        found => {
            return Err(SandboxError::Format {
                found,
                known: FORMAT,
            });
        }
    }
    transaction.commit()?;
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
