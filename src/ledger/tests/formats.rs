//! Ledgers of other formats: newer and much older ones are refused, those that kept
//! no counts get them, and with them a number that who would not keep them refuses.

use rusqlite::Connection;

use super::*;

/// What this version added to formats 3 and 4.
const WITHOUT_COUNTS: &str =
    "DROP TABLE tally; DROP TABLE file_length; DROP TABLE compared; DROP TABLE vanished;";

/// `held` as it was in the first ledgers of format 4.
const HELD_OF_FIVE: &str = "
    ALTER TABLE held RENAME TO newer;
    CREATE TABLE held (id TEXT PRIMARY KEY, namespace TEXT, file TEXT, file_order, digest BLOB NOT NULL) WITHOUT ROWID;
    INSERT INTO held SELECT id, 'n', file, 1.5, digest FROM newer;
    DROP TABLE newer;";

/// The same ledger, changed by a version before this one.
fn left_by(dir: &tempfile::TempDir, ledger: Ledger, sql: &str) -> Ledger {
    let path = dir.path().join("ledger.db");
    drop(ledger);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    Ledger::open(&path).unwrap()
}

#[test]
fn an_older_format_is_refused_because_its_digests_are_of_another_kind() {
    let (dir, ledger) = ledger();
    ledger
        .with(|sql| sql.pragma_update(None, "user_version", 2))
        .unwrap();
    drop(ledger);
    let error = Ledger::open(&dir.path().join("ledger.db")).err().unwrap();
    let text = crate::report::facts::chain(&error);
    assert!(text.contains("it has format 2, whose digests"), "{text}");
    assert!(
        error
            .advice()
            .unwrap()
            .contains("start over in a new folder")
    );
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let (dir, ledger) = ledger();
    ledger
        .with(|sql| sql.pragma_update(None, "user_version", 7))
        .unwrap();
    drop(ledger);
    let error = Ledger::open(&dir.path().join("ledger.db")).err().unwrap();
    let text = crate::report::facts::chain(&error);
    assert!(
        text.contains("format 7, this version knows up to 6"),
        "{text}"
    );
    assert!(
        error
            .advice()
            .unwrap()
            .contains("the version of cf-migrate that wrote it")
    );
}

#[test]
fn a_ledger_of_one_generation_that_kept_no_counts_gets_them_and_the_next_number() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 4)).unwrap();
    let sql = format!("{WITHOUT_COUNTS} PRAGMA user_version = 3;");
    let ledger = left_by(&dir, ledger, &sql);
    assert_eq!(format(&dir), 5);
    assert_eq!(ledger.totals().unwrap().records, 4);
}

#[test]
fn counts_that_an_older_version_did_not_keep_are_counted_anew() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 4)).unwrap();
    assert_eq!(ledger.files().unwrap(), 0);
    let sql = "INSERT INTO record VALUES (4, 'id4', 'n', 'file:a', x'', zeroblob(16));
        UPDATE checked SET points = 5; PRAGMA user_version = 3;";
    let ledger = left_by(&dir, ledger, sql);
    assert_eq!(ledger.totals().unwrap().records, 5);
    assert_eq!(ledger.count_record_namespaces().unwrap(), 2);
    assert_eq!(ledger.files().unwrap(), 1);
}

/// Ten records are settled, the second generation has the first eight; then, by a
/// version that does not know what was compared, all ten.
#[test]
fn what_vanished_by_an_older_comparison_and_came_back_is_not_doomed() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    settle(&ledger, 0, 9);
    ledger.begin_generation(2).unwrap();
    ledger.add_checked(0, &numbered(0, 8)).unwrap();
    ledger.index_ids().unwrap();
    ledger.mark_unchanged().unwrap();
    assert_eq!(ledger.vanished().unwrap(), 2);
    let sql = "INSERT INTO record SELECT 8, id, NULL, NULL, x'', digest FROM held WHERE id = 'id9';
        UPDATE checked SET points = 9; PRAGMA user_version = 4;";
    let ledger = left_by(&dir, ledger, sql);
    assert_eq!(format(&dir), 6);
    assert_eq!(ledger.vanished().unwrap(), 1);
    ledger.begin_rejected_ids().unwrap();
    ledger.doom().unwrap();
    assert_eq!(ledger.next_doomed(9).unwrap(), ["id8"]);
}

#[test]
fn what_is_held_in_five_columns_is_held_and_the_next_generation_is_added_to_it() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 3)).unwrap();
    settle(&ledger, 0, 2);
    ledger.begin_generation(2).unwrap();
    ledger.add_checked(0, &numbered(1, 4)).unwrap();
    ledger.index_ids().unwrap();
    let sql = format!("{WITHOUT_COUNTS} {HELD_OF_FIVE} PRAGMA user_version = 4;");
    let ledger = left_by(&dir, ledger, &sql);
    assert_eq!(format(&dir), 6);
    assert_eq!((ledger.held().unwrap(), ledger.vanished().unwrap()), (3, 1));
    ledger.mark_unchanged().unwrap();
    assert_eq!(ledger.unchanged().unwrap(), 2);
    settle(&ledger, 1, 4);
    ledger.reach(Milestone::Settled, "now").unwrap();
    ledger.begin_generation(3).unwrap();
    assert_eq!(ledger.held().unwrap(), 5);
}

#[test]
fn a_rollback_gives_a_ledger_of_one_generation_the_number_of_several() {
    let (dir, ledger) = ledger();
    ledger.begin_rollback("now").unwrap();
    assert_eq!(format(&dir), 6);
}

#[test]
fn a_ledger_that_is_read_or_copied_as_it_is_stays_so() {
    let (dir, ledger) = ledger();
    ledger.remember_asked("qdrant:docs").unwrap();
    ledger.add_checked(0, &numbered(0, 4)).unwrap();
    drop(ledger);
    let path = dir.path().join("ledger.db");
    let sql = format!("{WITHOUT_COUNTS} DROP TABLE change; PRAGMA user_version = 3;");
    Connection::open(&path)
        .unwrap()
        .execute_batch(&sql)
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let as_it_is = Ledger::as_it_is(&path).unwrap().unwrap();
    assert_eq!(as_it_is.asked().unwrap().as_deref(), Some("qdrant:docs"));
    let copy = as_it_is.copy_to(&dir.path().join("copy.db")).unwrap();
    assert_eq!(copy.totals().unwrap().records, 4);
    drop(as_it_is);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn where_there_is_no_ledger_none_is_made_to_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    assert!(Ledger::as_it_is(&path).unwrap().is_none());
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    assert!(Ledger::as_it_is(&path).unwrap().is_none());
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    std::fs::write(&path, "no database".repeat(400)).unwrap();
    Ledger::as_it_is(&path).err().unwrap();
}

/// As it is found where a program was ended right after the second generation was begun.
#[test]
fn records_that_were_set_aside_are_forgotten_and_their_indexes_made_for_the_new_ones() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 3)).unwrap();
    settle(&ledger, 0, 2);
    ledger.begin_generation(2).unwrap();
    let sql = "CREATE TABLE record_gone AS SELECT * FROM record;
        CREATE INDEX record_id ON record_gone (id);
        CREATE INDEX record_file ON record_gone (file, file_order, id);";
    let ledger = left_by(&dir, ledger, sql);
    ledger.add_checked(0, &numbered(1, 4)).unwrap();
    ledger.index_ids().unwrap();
    ledger.mark_unchanged().unwrap();
    assert_eq!(ledger.unchanged().unwrap(), 2);
    let indexed: Vec<String> = ledger
        .with(|sql| {
            sql.prepare("SELECT tbl_name FROM sqlite_schema WHERE name = 'record_id'")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
        .unwrap();
    assert_eq!(indexed, ["record"]);
    assert_eq!(ledger.totals().unwrap().records, 4);
}

/// The index over ids had fewer columns once: it is made anew before it is gone through.
#[test]
fn an_index_over_ids_by_an_older_version_is_made_anew() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 3)).unwrap();
    let older = "CREATE INDEX record_id ON record (id);";
    let ledger = left_by(&dir, ledger, older);
    settle(&ledger, 0, 2);
    ledger.begin_generation(2).unwrap();
    assert_eq!(ledger.held().unwrap(), 3);
    ledger.add_checked(0, &numbered(0, 3)).unwrap();
    let older = "CREATE INDEX record_id ON record (id, digest);";
    let ledger = left_by(&dir, ledger, older);
    ledger.index_ids().unwrap();
    let sql = "SELECT sql FROM sqlite_schema WHERE name = 'record_id'";
    let made: String = ledger
        .with(|connection| connection.query_row(sql, [], |row| row.get(0)))
        .unwrap();
    assert_eq!(made, "CREATE INDEX record_id ON record (id, file, digest)");
}
