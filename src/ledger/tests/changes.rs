//! What the mapping changed is added up.

use super::*;

fn change(name: Option<&str>, points: u64, bytes: u64, most: u64) -> ChangeCount {
    ChangeCount {
        kind: "cut".to_owned(),
        name: name.map(str::to_owned),
        points,
        bytes,
        most,
    }
}

fn changed(changes: Vec<ChangeCount>) -> Checked {
    Checked {
        changes,
        ..checked(vec![])
    }
}

#[test]
fn changes_are_added_up_by_kind_and_name() {
    let (_dir, ledger) = ledger();
    let first = changed(vec![
        change(Some("a"), 2, 30, 20),
        change(Some(""), 1, 1, 1),
    ]);
    ledger.add_checked(0, &first).unwrap();
    ledger
        .add_checked(0, &changed(vec![change(Some("a"), 1, 25, 25)]))
        .unwrap();
    let wanted = [change(Some(""), 1, 1, 1), change(Some("a"), 3, 55, 25)];
    assert_eq!(ledger.changes().unwrap(), wanted);
}

#[test]
fn names_beyond_the_first_hundred_are_counted_together() {
    let (_dir, ledger) = ledger();
    let named: Vec<String> = (0..150).map(|number| format!("{number:03}")).collect();
    let changes = named.iter().map(|name| change(Some(name), 1, 0, 0));
    ledger.add_checked(0, &changed(changes.collect())).unwrap();
    ledger
        .add_checked(0, &changed(vec![change(Some("000"), 1, 0, 0)]))
        .unwrap();
    let kept = ledger.changes().unwrap();
    assert_eq!(kept.len() as u64, MAX_NAMES + 1);
    assert_eq!(kept[0], change(None, 50, 0, 0));
    assert_eq!(kept[1], change(Some("000"), 2, 0, 0));
}

#[test]
fn changes_are_forgotten_with_the_points_they_are_of() {
    let (_dir, ledger) = ledger();
    let mut points = numbered(0, 3);
    points.changes = vec![change(Some("a"), 1, 1, 1)];
    ledger.add_checked(0, &points).unwrap();
    ledger.forget_checked_from(1).unwrap();
    assert_eq!(ledger.changes().unwrap(), []);
    ledger.add_checked(0, &points).unwrap();
    ledger.begin_again().unwrap();
    assert_eq!(ledger.changes().unwrap(), []);
}

#[test]
fn a_ledger_from_before_changes_were_kept_gets_their_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    drop(Ledger::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("DROP TABLE change").unwrap();
    drop(connection);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.changes().unwrap(), []);
}
