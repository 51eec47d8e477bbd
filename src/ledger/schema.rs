//! The tables, and opening a file as a ledger of ours. docs/ledger.md describes
//! them for people with a SQLite shell.

use std::ops::RangeInclusive;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use super::LedgerError;
use super::bulk::{OTHERS_WAIT, in_bulk};
use super::compared::COMPARED;
use super::tally::{self, TALLY};
use crate::disk;

/// The newest format this version knows; a newer one is refused.
pub(super) const FORMAT: i64 = 6;

/// The format of a ledger that knows one generation. It becomes [`FORMAT`] with
/// the second one, or with a rollback.
pub(super) const FIRST_FORMAT: i64 = 5;

/// Formats 3 and 4, for one generation and for several, kept no counts; they are
/// raised by [`tally::raise`]. Formats 1 and 2 had digests of another kind.
const OLDEST_FORMAT: i64 = 3;

/// Marks the file as ours in SQLite's header (`PRAGMA application_id`): "cfmg".
const APPLICATION_ID: i64 = 0x6366_6d67;

/// Came after the first ledgers of this format, which get it when they are
/// opened; a version that does not know it does without.
const CHANGES: &str = "
CREATE TABLE IF NOT EXISTS change (
    kind   TEXT NOT NULL,
    name   TEXT,
    points INTEGER NOT NULL,
    bytes  INTEGER NOT NULL,
    most   INTEGER NOT NULL,
    UNIQUE (kind, name)
);
";

/// What a rollback needs: every value that we ever wrote under a key of KV, keys that
/// had metadata before us and that we ever wrote without any, keys that we removed, ids whose old values were saved, records that were set aside after
/// they were sent, and what was taken back. They came after the first ledgers too.
const ROLLBACK: &str = "
CREATE TABLE IF NOT EXISTS entry_written (
    namespace TEXT NOT NULL,
    key       TEXT NOT NULL,
    digest    BLOB NOT NULL,
    PRIMARY KEY (namespace, key, digest)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS entry_bare (
    namespace TEXT NOT NULL,
    key       TEXT NOT NULL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS entry_removed (
    namespace TEXT NOT NULL,
    key       TEXT NOT NULL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS saved_vector (
    id TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS doubted (
    id     TEXT NOT NULL,
    digest BLOB NOT NULL,
    seen   INTEGER NOT NULL CHECK (seen IN (0, 1)),
    PRIMARY KEY (id, digest)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS taken_back (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
";

/// What catching up needs; every ledger gets it when it is opened.
const HELD: &str = "
CREATE TABLE IF NOT EXISTS held (
    id     TEXT PRIMARY KEY,
    file   TEXT,
    digest BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS unchanged (
    ordinal INTEGER PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS doomed (
    id       TEXT PRIMARY KEY,
    state    TEXT NOT NULL CHECK (state IN ('doomed', 'accepted', 'deleted')),
    mutation TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS doomed_mutation ON doomed (state, mutation, id);
";

/// The state of each record, which is its batch's.
pub(super) const STATES: &str = "
CREATE VIEW record_state AS
SELECT record.*, batch.first AS batch, coalesce(batch.state, 'unsent') AS state
FROM record LEFT JOIN batch
ON batch.first = (SELECT max(first) FROM batch WHERE first <= record.ordinal) AND record.ordinal <= batch.last;
";

/// From the second generation on records may be as they should be without a batch.
pub(super) const STATES_OF_A_LATER_GENERATION: &str = "
CREATE VIEW record_state AS
SELECT record.*, batch.first AS batch,
    iif(EXISTS (SELECT 1 FROM unchanged WHERE unchanged.ordinal = record.ordinal), 'unchanged', coalesce(batch.state, 'unsent')) AS state
FROM record LEFT JOIN batch
ON batch.first = (SELECT max(first) FROM batch WHERE first <= record.ordinal) AND record.ordinal <= batch.last;
";

/// The records of one generation.
pub(super) const RECORDS: &str = "
CREATE TABLE record (
    ordinal    INTEGER PRIMARY KEY,
    id         TEXT NOT NULL,
    namespace  TEXT,
    file       TEXT,
    file_order,
    digest     BLOB NOT NULL
);
";

/// SQL that sets the records aside, with their indexes.
pub(super) const SET_ASIDE: &str =
    "DROP VIEW record_state; ALTER TABLE record RENAME TO record_gone;";

/// SQL that forgets what was set aside. All its pages are read, and those of a large
/// transaction are looked for in each part of its log: so this is one of its own.
pub(super) const FORGET_ASIDE: &str = "DROP TABLE IF EXISTS record_gone;";

const TABLES: &str = "
CREATE TABLE plan (
    section TEXT PRIMARY KEY,
    json    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE milestone (
    name TEXT PRIMARY KEY,
    at   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE rejection (
    ordinal INTEGER PRIMARY KEY,
    stage   TEXT NOT NULL,
    json    TEXT NOT NULL
);

CREATE TABLE checked (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    points INTEGER NOT NULL
);
INSERT INTO checked VALUES (1, 0);

CREATE TABLE note (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE batch (
    first    INTEGER PRIMARY KEY,
    last     INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('sent', 'accepted', 'settled')),
    mutation TEXT
);

CREATE TABLE inventory_vector (
    id TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE inventory_entry (
    namespace  TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT,
    metadata   TEXT,
    expiration INTEGER,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;

CREATE TABLE entry (
    namespace TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;
";

/// Memory for pages, in KiB, which SQLite takes negative numbers for.
const CACHE_KIB: i64 = -2_048;
/// The same while a whole table is sorted, a piece of this size at a time.
const SORTING_KIB: RangeInclusive<i64> = 2_048..=5_120;
/// SQLite merges sixteen pieces at a time: of no more than 256, every row is written
/// twice before all are in order. Reckoned with fewer, because a piece holds less of a
/// table than its own size: each row takes 16 bytes more in memory.
const MOST_PIECES: i64 = 160;
/// Larger than SQLite's own, for tables that are read and written from end to end
/// (docs/performance.md).
const PAGE_BYTES: i64 = 8_192;

/// How large the pieces are that a whole table is sorted in: no table is larger than all
/// there is.
fn sorting_kib(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let number = |pragma: &str| -> Result<i64, rusqlite::Error> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let bytes = number("page_count")?.saturating_mul(number("page_size")?);
    let kib = bytes / 1_024 / MOST_PIECES;
    Ok(kib.clamp(*SORTING_KIB.start(), *SORTING_KIB.end()))
}

/// Does work that sorts a whole table.
fn sorting<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    connection.pragma_update(None, "cache_size", -sorting_kib(connection)?)?;
    let done = work(connection);
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    done
}

/// Makes an index by its name where there is none yet, or anew where an earlier version
/// made it of other columns.
pub(super) fn index(
    connection: &Connection,
    name: &str,
    create: &str,
) -> Result<(), rusqlite::Error> {
    let there: Option<String> = connection
        .prepare_cached("SELECT sql FROM sqlite_schema WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    match there {
        Some(there) if there == create => Ok(()),
        _ => sorting(connection, |connection| {
            let sql = format!("DROP INDEX IF EXISTS {name}; {create};");
            in_bulk(connection, |connection| connection.execute_batch(&sql))
        }),
    }
}

/// What a file is that lies in the place of a ledger.
enum Found {
    /// Nothing yet.
    Empty,
    /// A ledger that this version can use.
    Ledger,
}

fn connect(path: &Path, more: OpenFlags) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    Ok(disk::database(|| Connection::open_with_flags(path, flags))?)
}

/// Opens the ledger at `path` as it is, of whatever format; none where there is none.
pub(super) fn open_as_it_is(path: &Path) -> Result<Option<Connection>, LedgerError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = connect(path, OpenFlags::empty())?;
    connection.busy_timeout(OTHERS_WAIT)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    Ok(match look_at(&connection)? {
        Found::Empty => None,
        Found::Ledger => {
            check(&connection)?;
            Some(connection)
        }
    })
}

/// Opens or creates the ledger at `path`.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    // Of a ledger that is made now; one that is there keeps its own.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    // FULL: a committed transaction survives a power cut too, so that a batch
    // known as sent is never forgotten.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    // The log of a large transaction is given back once it is in the database.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    match look_at(&connection)? {
        Found::Empty => create(&connection)?,
        Found::Ledger => check(&connection)?,
    }
    disk::database(|| connection.execute_batch(CHANGES))?;
    disk::database(|| connection.execute_batch(HELD))?;
    disk::database(|| connection.execute_batch(ROLLBACK))?;
    disk::database(|| connection.execute_batch(COMPARED))?;
    disk::database(|| tally::raise(&mut connection))?;
    disk::database(|| connection.execute_batch(FORGET_ASIDE))?;
    Ok(connection)
}

fn look_at(connection: &Connection) -> Result<Found, LedgerError> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
    let (application, format): (i64, i64) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, format, tables) {
        (0, 0, 0) => Ok(Found::Empty),
        (APPLICATION_ID, OLDEST_FORMAT..=FORMAT, _) => Ok(Found::Ledger),
        (APPLICATION_ID, older @ 1..OLDEST_FORMAT, _) => Err(LedgerError::OlderFormat { older }),
        (APPLICATION_ID, newer, _) if newer > FORMAT => Err(LedgerError::NewerFormat { newer }),
        _ => Err(LedgerError::NotALedger),
    }
}

fn create(connection: &Connection) -> Result<(), LedgerError> {
    let tables = format!(
        "BEGIN;{RECORDS}{TABLES}{STATES}{TALLY}PRAGMA application_id = {APPLICATION_ID};PRAGMA user_version = {FIRST_FORMAT};COMMIT;"
    );
    Ok(disk::database(|| connection.execute_batch(&tables))?)
}

/// Looks through small ledgers whole, so that damage is told before work
/// begins; a large one would take minutes, and SQLite finds damage as it reads.
fn check(connection: &Connection) -> Result<(), LedgerError> {
    const SMALL_PAGES: i64 = 8_192;
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages > SMALL_PAGES {
        return Ok(());
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(LedgerError::Damaged(verdict)),
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            Some(ErrorCode::DiskFull) => Self::DiskFull(error),
            Some(ErrorCode::SystemIoFailure) => Self::Io(error),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable(error)
            }
            _ => Self::Sqlite(error),
        }
    }
}
