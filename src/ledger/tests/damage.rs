//! What a file claims that is damaged or was edited: it may be an error, or a number
//! that is wrong, but neither a panic nor a number that cannot be, nor memory for it.

use std::path::Path;

use rusqlite::Connection;

use super::*;

/// Nine records, six of them in `a`, as the first generation of a ledger; then the edit.
fn edited(edit: &str) -> (tempfile::TempDir, Ledger) {
    let (dir, ledger) = ledger();
    let rows = (0..9).map(|n| {
        let mut row = row(n, &format!("id{n}"), Some("file:a"), Order::Missing);
        row.namespace = Some(if n < 6 { "a" } else { "b" }.to_owned());
        row
    });
    ledger.add_checked(0, &checked(rows.collect())).unwrap();
    ledger.index_ids().unwrap();
    drop(ledger);
    edit_file(&dir.path().join("ledger.db"), edit);
    let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    (dir, ledger)
}

fn edit_file(path: &Path, edit: &str) {
    Connection::open(path).unwrap().execute_batch(edit).unwrap();
}

/// A second generation that has the first four of nine records, compared with them.
fn second(edit: &str) -> (tempfile::TempDir, Ledger) {
    let (dir, ledger) = edited("");
    settle(&ledger, 0, 8);
    ledger.reach(Milestone::Settled, "now").unwrap();
    ledger.begin_generation(2).unwrap();
    ledger.add_checked(0, &numbered(0, 4)).unwrap();
    ledger.index_ids().unwrap();
    ledger.mark_unchanged().unwrap();
    assert_eq!(ledger.vanished().unwrap(), 5);
    drop(ledger);
    edit_file(&dir.path().join("ledger.db"), edit);
    let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    (dir, ledger)
}

#[test]
fn a_namespace_that_its_tally_makes_too_small_has_nothing_settled() {
    let edit = "UPDATE tally SET records = 1; INSERT INTO batch VALUES (0, 0, 'settled', 'm');";
    let (_dir, ledger) = edited(edit);
    let namespaces = ledger.namespaces(10).unwrap();
    let settled: Vec<u64> = namespaces.iter().map(|row| row.settled).collect();
    assert_eq!(settled, [0, 0]);
}

#[test]
fn a_tally_below_nothing_is_nothing() {
    let (_dir, ledger) = edited("UPDATE tally SET records = -5, filed = -5");
    assert_eq!(ledger.totals().unwrap().records, 0);
    assert_eq!(ledger.records_with_file().unwrap(), 0);
    assert_eq!(ledger.namespaces(10).unwrap()[0].records, 0);
}

#[test]
fn tallies_that_no_number_holds_together_are_an_error() {
    let (_dir, ledger) = edited("UPDATE tally SET records = 9223372036854775807");
    ledger.totals().unwrap_err();
    ledger.namespaces(10).unwrap_err();
}

#[test]
fn a_batch_has_no_more_records_than_there_are_whatever_range_it_claims() {
    for (range, records) in [
        ("0, 9223372036854775807", 9),
        ("-9223372036854775807, 9223372036854775807", 9),
        ("-5, 3", 4),
        ("5, 2", 0),
        ("9223372036854775807, 9223372036854775807", 0),
    ] {
        let (_dir, ledger) = edited(&format!(
            "INSERT INTO batch VALUES ({range}, 'settled', 'm')"
        ));
        let settled = ledger.records_in(BatchState::Settled).unwrap();
        assert_eq!(settled, records, "{range}");
        let namespaces = ledger.namespaces(10).unwrap();
        let settled: u64 = namespaces.iter().map(|row| row.settled).sum();
        assert_eq!(settled, records, "{range}");
    }
}

#[test]
fn a_batch_that_ends_before_it_begins_is_one_of_one_point() {
    let (_dir, ledger) = edited("INSERT INTO batch VALUES (5, 2, 'sent', NULL)");
    let batches = ledger.batches(BatchState::Sent).unwrap();
    assert_eq!((batches[0].first, batches[0].last), (5, 5));
}

#[test]
fn ranges_behind_the_last_number_are_counted_to_it() {
    let edit = "UPDATE record SET ordinal = 9223372036854775807 WHERE ordinal = 8;
        INSERT INTO batch VALUES (0, 3, 'settled', 'm'), (4, 9223372036854775807, 'settled', 'n');";
    let (_dir, ledger) = edited(edit);
    assert!(ledger.records_in(BatchState::Settled).unwrap() <= 9);
    ledger.namespaces(10).unwrap();
    ledger.begin_generation(2).unwrap();
    assert!((8..=9).contains(&ledger.held().unwrap()));
}

#[test]
fn a_file_of_more_ids_than_a_number_holds_is_looked_for_and_not_found() {
    let (_dir, ledger) = edited("INSERT INTO file_length VALUES (9223372036854775807, 1)");
    assert_eq!(ledger.file_larger_than(1_000).unwrap(), None);
    assert_eq!(ledger.files_longer_than(9).unwrap(), 1);
}

#[test]
fn more_records_that_meet_than_there_are_leave_none_that_are_new() {
    let (_dir, ledger) = second("UPDATE compared SET met = 9223372036854775807");
    assert_eq!(ledger.new_records().unwrap(), 0);
}

/// Were memory taken for what either claims, this would end the process.
#[test]
fn unchanged_records_take_memory_by_what_is_there_and_not_by_what_is_claimed() {
    let (_dir, ledger) = second(
        "DELETE FROM unchanged; UPDATE checked SET points = 4611686018427387904;
         UPDATE record SET ordinal = 4611686018427387903 WHERE ordinal = 3;",
    );
    ledger.mark_unchanged().unwrap();
    assert_eq!(ledger.unchanged().unwrap(), 4);
    assert_eq!(ledger.vanished().unwrap(), 5);
}

#[test]
fn an_id_that_has_a_record_is_never_doomed_whatever_is_said_to_have_vanished() {
    let (_dir, ledger) = second("INSERT INTO vanished VALUES ('id1'), ('id3')");
    ledger.begin_rejected_ids().unwrap();
    ledger.doom().unwrap();
    let doomed = ledger.next_doomed(99).unwrap();
    assert_eq!(doomed, ["id4", "id5", "id6", "id7", "id8"]);
}

/// They would stand where the next points belong.
#[test]
fn records_of_points_that_were_never_checked_are_damage_that_nothing_is_added_to() {
    let (_dir, ledger) = edited("UPDATE record SET ordinal = 11 WHERE ordinal = 8");
    let error = ledger.add_checked(9, &numbered(9, 4)).unwrap_err();
    let said = error.to_string();
    let reason = "point 11 has a record, and points were checked up to 9";
    assert!(format!("{error:?}").contains(reason), "{said}");
    assert_eq!(ledger.checked_points().unwrap(), 9);
    assert_eq!(ledger.totals().unwrap().records, 9);
}

#[test]
fn records_are_marked_as_unchanged_anew_whatever_was_marked_before() {
    let (_dir, ledger) =
        second("INSERT INTO unchanged VALUES (7); DELETE FROM unchanged WHERE ordinal = 1");
    ledger.mark_unchanged().unwrap();
    let sent = ledger.sent_between(0, 9, 9).unwrap();
    assert_eq!((ledger.unchanged().unwrap(), sent.len()), (4, 0));
}
