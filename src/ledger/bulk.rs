//! Work that writes gigabytes which nothing has yet: an index over all records, what is
//! held first. By way of SQLite's log they would be written twice, and a page of a large
//! transaction that is written to the log again has all of the log after it read and
//! summed up once more (docs/performance.md). So they go straight into the database, with
//! a rollback journal, in which new pages take no room.
//!
//! Nobody else can read the ledger meanwhile: who opens it as it is [waits](OTHERS_WAIT).
//! Where somebody has it open already it goes by way of the log, as everything else does:
//! slower, and the same in the end.

use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// A ledger of fewer pages is read and written faster than its journal is changed. Unit
/// tests go the way of large ones, the binary's that of small ones.
const LARGE_PAGES: i64 = if cfg!(test) { 0 } else { 8_192 };

/// How long one waits who wants to read a ledger beside a migration: longer than such work
/// takes with ten million records.
pub(super) const OTHERS_WAIT: Duration = Duration::from_secs(60);

/// How long we wait for others, which is rusqlite's own measure.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does the work in one transaction.
pub(super) fn in_bulk<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    match pages >= LARGE_PAGES {
        true => straight(connection, work),
        false => by_the_log(connection, work),
    }
}

/// Does the work in one transaction, by way of the log.
pub(super) fn by_the_log<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    transact(connection, TransactionBehavior::Deferred, work)
}

/// Does the work in one transaction without the log, where nobody else has the ledger open.
fn straight<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    // Not DELETE: after a power cut a deleted journal may be there again, and what was
    // committed would be taken back (https://sqlite.org/pragma.html#pragma_synchronous).
    if !journal(connection, "truncate", Duration::ZERO)? {
        return by_the_log(connection, work);
    }
    let done = transact(connection, TransactionBehavior::Exclusive, work);
    // Who opened it in this moment is done with it soon. If not, what comes is safe without
    // the log too, and the next opening has it again.
    journal(connection, "wal", PATIENCE)?;
    done
}

fn transact<T>(
    connection: &Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    let transaction = Transaction::new_unchecked(connection, behavior)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// Changes the journal; says whether it is as it should be now. While somebody else has the
/// ledger open, for longer than that, it stays as it was.
fn journal(
    connection: &Connection,
    mode: &str,
    patience: Duration,
) -> Result<bool, rusqlite::Error> {
    connection.busy_timeout(patience)?;
    let sql = format!("PRAGMA journal_mode = {mode}");
    let now = connection.query_row(&sql, [], |row| row.get::<_, String>(0));
    connection.busy_timeout(PATIENCE)?;
    match now {
        Ok(now) => Ok(now == mode),
        Err(error) if is_busy(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    const ROWS: &str = "INSERT INTO t WITH RECURSIVE n (i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n";

    /// A database with a log and one row, open.
    fn database() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join("d.db")).unwrap();
        assert!(journal(&connection, "wal", PATIENCE).unwrap());
        connection
            .execute_batch("PRAGMA cache_size = 4; CREATE TABLE t (i); INSERT INTO t VALUES (0)")
            .unwrap();
        (dir, connection)
    }

    fn mode(connection: &Connection) -> String {
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
        mode.unwrap()
    }

    fn rows(connection: &Connection) -> i64 {
        let rows = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
        rows.unwrap()
    }

    /// Inserts; says by which journal.
    fn insert(connection: &Connection) -> Result<String, rusqlite::Error> {
        connection.execute_batch(ROWS)?;
        Ok(mode(connection))
    }

    #[test]
    fn what_nobody_else_has_open_is_written_without_the_log() {
        let (_dir, connection) = database();
        assert_eq!(straight(&connection, insert).unwrap(), "truncate");
        assert_eq!(
            (rows(&connection), mode(&connection).as_str()),
            (5_001, "wal")
        );
    }

    #[test]
    fn what_somebody_else_has_open_is_written_by_way_of_the_log() {
        let (dir, connection) = database();
        let other = Connection::open(dir.path().join("d.db")).unwrap();
        assert_eq!(rows(&other), 1);
        assert_eq!(straight(&connection, insert).unwrap(), "wal");
        assert_eq!(rows(&other), 5_001);
    }

    #[test]
    fn work_that_fails_is_taken_back_and_the_log_is_there_again() {
        let (_dir, connection) = database();
        let failed = straight(&connection, |connection| {
            insert(connection)?;
            connection.execute("INSERT INTO nowhere VALUES (1)", [])
        });
        failed.unwrap_err();
        assert_eq!((rows(&connection), mode(&connection).as_str()), (1, "wal"));
    }

    #[test]
    fn who_opens_the_ledger_meanwhile_waits_until_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let connection = schema::open(&path).unwrap();
        let opened = straight(&connection, |connection| {
            connection.execute_batch("CREATE TABLE t (i); INSERT INTO t VALUES (7)")?;
            let (say, told) = std::sync::mpsc::channel::<(i64, i64)>();
            std::thread::spawn(move || {
                let reader = schema::open_as_it_is(&path).unwrap().unwrap();
                let patience = reader.pragma_query_value(None, "busy_timeout", |row| row.get(0));
                let seen = reader.query_row("SELECT i FROM t", [], |row| row.get(0));
                say.send((patience.unwrap(), seen.unwrap()))
            });
            // Long enough that it nearly always finds the ledger locked.
            let early = told.recv_timeout(Duration::from_millis(50));
            assert_eq!(early, Err(std::sync::mpsc::RecvTimeoutError::Timeout));
            Ok(told)
        });
        assert_eq!(opened.unwrap().recv().unwrap(), (60_000, 7));
    }

    /// The files as they are in the midst of the work, when pages that were there before are
    /// changed on the disk.
    #[test]
    fn work_that_was_cut_off_is_taken_back_when_the_database_is_opened() {
        let (dir, connection) = database();
        insert(&connection).unwrap();
        let (path, left) = (dir.path(), tempfile::tempdir().unwrap());
        let cut = straight(&connection, |connection| {
            let before = std::fs::read(path.join("d.db")).unwrap();
            connection.execute("UPDATE t SET i = 0", [])?;
            assert_ne!(std::fs::read(path.join("d.db")).unwrap(), before);
            for file in std::fs::read_dir(path).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
            }
            Ok(())
        });
        cut.unwrap();
        let opened = Connection::open(left.path().join("d.db")).unwrap();
        let changed = "SELECT count(*) FROM t WHERE i = 0";
        let changed = |database: &Connection| -> i64 {
            database.query_row(changed, [], |row| row.get(0)).unwrap()
        };
        assert_eq!((changed(&opened), changed(&connection)), (1, 5_001));
        let whole = opened.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(whole.unwrap(), "ok");
    }
}
