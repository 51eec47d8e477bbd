//! Seeds of the target `ledger`: ledgers of each format, and some whose counts, ranges
//! and comparisons are not those of their records.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::folder;
use crate::ledger::{Checked, CheckedPoint, Ledger, Milestone, RecordRow, RejectedAt};
use crate::record::Digest;
use crate::transform::Order;

const NOT_COUNTED: &str =
    "DROP TABLE tally; DROP TABLE file_length; DROP TABLE compared; DROP TABLE vanished;";
const HELD_OF_FIVE: &str = "
    DROP INDEX IF EXISTS held_file;
    ALTER TABLE held RENAME TO newer;
    CREATE TABLE held (id TEXT PRIMARY KEY, namespace TEXT, file TEXT, file_order, digest BLOB NOT NULL) WITHOUT ROWID;
    INSERT INTO held SELECT id, 'n', file, 1, digest FROM newer;
    DROP TABLE newer;";
const WRONG_COUNTS: &str = "
    UPDATE tally SET records = 1, filed = 9223372036854775807;
    UPDATE compared SET held = -3, met = 9223372036854775807;
    INSERT OR REPLACE INTO vanished VALUES ('a_0'), ('nowhere');
    DELETE FROM file_length; INSERT INTO file_length VALUES (9223372036854775807, 9223372036854775807);";
const WILD_RANGES: &str = "
    DELETE FROM batch;
    INSERT INTO batch VALUES (-9223372036854775807, -5, 'settled', 'm'), (-4, 0, 'settled', 'm'), (1, 1, 'accepted', 'n'),
        (5, 2, 'sent', NULL), (9, 9223372036854775807, 'settled', 'o');
    UPDATE tally SET records = -records;
    UPDATE checked SET points = 9223372036854775807;
    UPDATE record SET ordinal = 9223372036854775807 WHERE ordinal = 3;
    INSERT OR REPLACE INTO unchanged VALUES (-1), (4611686018427387904);";

fn record(ordinal: u64, id: u64) -> CheckedPoint {
    CheckedPoint::Record(RecordRow {
        ordinal,
        id: format!("a_{id}"),
        namespace: id.is_multiple_of(2).then(|| "n".to_owned()),
        file: Some(format!("file:{}", id % 3)),
        order: Order::Number(ordinal as f64),
        digest: Digest([(id % 4) as u8; 16]),
    })
}

/// Records of the ids from `first` on, and a rejection behind them.
fn check(ledger: &Ledger, first: u64, count: u64) {
    let rejection = RejectedAt {
        ordinal: count,
        json: r#"{"value":"a_1","namespace":"n"}"#.to_owned(),
    };
    let records = (0..count).map(|ordinal| record(ordinal, first + ordinal));
    let checked = Checked {
        points: records
            .chain([CheckedPoint::Rejection(rejection)])
            .collect(),
        notes: vec![("no_file".to_owned(), 1)],
        changes: Vec::new(),
    };
    ledger.add_checked(0, &checked).unwrap();
    ledger.index_ids().unwrap();
}

fn send(ledger: &Ledger, first: u64, last: u64) {
    ledger.batch_sent(first, last).unwrap();
    ledger.batch_accepted(first, "m").unwrap();
}

fn one_generation(ledger: &Ledger) {
    check(ledger, 0, 2);
    send(ledger, 0, 1);
    let mut walk = ledger.walk();
    walk.add(&["a_0".to_owned()]).unwrap();
    ledger.take_inventory(walk).unwrap();
    ledger.remember_asked("qdrant:docs").unwrap();
}

/// The second has lost two ids of the first, and has two of its own.
fn two_generations(ledger: &Ledger) {
    check(ledger, 0, 6);
    send(ledger, 0, 5);
    ledger.settle_accepted().unwrap();
    ledger
        .reach(Milestone::Settled, "2026-01-01T00:00:00Z")
        .unwrap();
    ledger.begin_generation(2).unwrap();
    check(ledger, 2, 6);
    ledger.mark_unchanged().unwrap();
    ledger.files().unwrap();
    send(ledger, 0, 3);
    ledger.batch_sent(4, 4).unwrap();
}

/// Writes a seed: with pages so small that what a fuzzer may give a target has room
/// for all the tables.
fn seed(name: &str, begin: impl FnOnce(&Ledger), edit: &str) {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    begin(&ledger);
    drop(ledger);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(edit).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM;")
        .unwrap();
    drop(connection);
    written(&path, &folder("ledger").join(name));
}

fn written(ledger: &Path, seed: &Path) {
    fs::copy(ledger, seed).unwrap();
    // The tests mutate no more than this much of a seed.
    assert!(fs::metadata(seed).unwrap().len() <= 64 << 10);
}

#[test]
#[ignore = "writes the seeds of ledgers"]
fn ledgers() {
    seed("some", one_generation, "");
    seed("several", two_generations, "");
    seed("wrong_counts", two_generations, WRONG_COUNTS);
    seed("wild_ranges", two_generations, WILD_RANGES);
    let older = format!("{NOT_COUNTED} PRAGMA user_version = 3;");
    seed("format_3", one_generation, &older);
    let older = format!("{NOT_COUNTED} {HELD_OF_FIVE} PRAGMA user_version = 4;");
    seed("format_4", two_generations, &older);
    let stale = format!("{WRONG_COUNTS} {WILD_RANGES} PRAGMA user_version = 4;");
    seed("format_4_stale", two_generations, &stale);
}
