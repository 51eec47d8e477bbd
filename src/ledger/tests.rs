//! The ledger's promises: repeats are safe, it never runs ahead, and what is not
//! a ledger of ours is left alone.

use proptest::prelude::*;

use super::*;
use crate::error::Kind;
use crate::record::Digest;
use crate::transform::Order;

mod damage;
mod formats;

fn ledger() -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    (dir, ledger)
}

fn row(ordinal: u64, id: &str, file: Option<&str>, order: Order) -> RecordRow {
    RecordRow {
        ordinal,
        id: id.to_owned(),
        namespace: None,
        file: file.map(str::to_owned),
        order,
        digest: Digest([ordinal as u8; 16]),
    }
}

fn checked(rows: Vec<RecordRow>) -> Checked {
    let points = rows.into_iter().map(CheckedPoint::Record).collect();
    Checked {
        points,
        notes: vec![("no_file".to_owned(), 1)],
        changes: Vec::new(),
    }
}

fn numbered(first: u64, count: u64) -> Checked {
    let rows = (first..first + count).map(|n| row(n, &format!("id{n}"), None, Order::Missing));
    checked(rows.collect())
}

#[test]
fn adding_the_same_points_again_changes_nothing() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    ledger.add_checked(10, &numbered(10, 5)).unwrap();
    let totals = ledger.totals().unwrap();
    assert_eq!((totals.checked, totals.records), (15, 15));
    assert_eq!(ledger.notes().unwrap(), [("no_file".to_owned(), 2)]);
}

#[test]
fn points_that_would_leave_a_gap_are_not_added() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(5, &numbered(5, 5)).unwrap();
    assert_eq!(ledger.checked_points().unwrap(), 0);
    assert_eq!(ledger.totals().unwrap(), Totals::default());
}

#[test]
fn what_the_archive_lost_is_forgotten_with_its_milestone() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    ledger
        .reach(Milestone::Checked, "2026-11-21T00:00:00Z")
        .unwrap();
    ledger.forget_checked_from(10).unwrap();
    assert!(ledger.reached(Milestone::Checked).unwrap());
    ledger.forget_checked_from(4).unwrap();
    assert_eq!(ledger.checked_points().unwrap(), 0);
    assert!(!ledger.reached(Milestone::Checked).unwrap());
}

#[test]
fn a_collision_across_namespaces_is_told_from_one_within_a_namespace() {
    let across = |namespaces: [Option<&str>; 2]| {
        let (_dir, ledger) = ledger();
        let rejections: Vec<RejectedAt> = (0..)
            .zip(namespaces)
            .map(|(ordinal, namespace)| RejectedAt {
                ordinal,
                json: serde_json::json!({"value": "a", "namespace": namespace}).to_string(),
            })
            .collect();
        ledger.add_rejections("collision", &rejections).unwrap();
        ledger.collides_across_namespaces().unwrap()
    };
    assert!(across([Some("eu"), Some("us")]));
    assert!(across([None, Some("eu")]));
    assert!(!across([None, None]));
    assert!(!across([Some("eu"), Some("eu")]));
}

#[test]
fn every_point_of_a_collision_is_named_and_can_be_rejected() {
    let (_dir, ledger) = ledger();
    let twice = |n| row(n, "same", None, Order::Missing);
    let rows = vec![
        twice(0),
        row(1, "other", None, Order::Missing),
        twice(2),
        twice(3),
    ];
    ledger.add_checked(0, &checked(rows)).unwrap();
    assert!(ledger.has_collisions().unwrap());
    let same = |ordinal, other| Collision {
        id: "same".into(),
        ordinal,
        other,
    };
    let found = ledger.collisions_from(0, 2).unwrap();
    assert_eq!(found, [same(0, 2), same(2, 0)]);
    let rejections: Vec<RejectedAt> = [0, 2, 3]
        .map(|ordinal| RejectedAt {
            ordinal,
            json: format!("{ordinal}"),
        })
        .into();
    ledger
        .add_rejections("collision", &rejections[..2])
        .unwrap();
    // What is left of them is known by all of them, whatever is noted already.
    assert_eq!(ledger.collisions_from(3, 2).unwrap(), [same(3, 0)]);
    ledger
        .add_rejections("collision", &rejections[2..])
        .unwrap();
    ledger.drop_rejected().unwrap();
    assert!(!ledger.has_collisions().unwrap());
    let totals = ledger.totals().unwrap();
    assert_eq!((totals.records, totals.rejected, totals.checked), (1, 3, 4));
    let mut lines = Vec::new();
    ledger
        .for_each_rejection(|line| lines.push(line.to_owned()))
        .unwrap();
    assert_eq!(lines, ["0", "2", "3"]);
}

#[test]
fn files_come_in_chunk_order_numbers_before_text_before_none() {
    let (_dir, ledger) = ledger();
    let number = |n: f64| Order::Number(n);
    let rows = vec![
        row(0, "a_10", Some("file:a"), number(10.0)),
        row(1, "a_2", Some("file:a"), number(2.0)),
        row(2, "a_x", Some("file:a"), Order::Text("x".into())),
        row(3, "a_?", Some("file:a"), Order::Missing),
        row(4, "b_0", Some("file:b"), number(0.0)),
        row(5, "none", None, Order::Missing),
    ];
    ledger.add_checked(0, &checked(rows)).unwrap();
    let a = FileEntry {
        key: "file:a".into(),
        ids: ["a_2", "a_10", "a_x", "a_?"].map(str::to_owned).into(),
    };
    let b = FileEntry {
        key: "file:b".into(),
        ids: vec!["b_0".into()],
    };
    assert_eq!(
        ledger.files_after(None, 1).unwrap(),
        std::slice::from_ref(&a)
    );
    assert_eq!(
        ledger.files_after(None, 100).unwrap(),
        [a.clone(), b.clone()]
    );
    assert_eq!(ledger.files_after(Some("file:a"), 100).unwrap(), [b]);
    assert!(ledger.files_after(Some("file:b"), 100).unwrap().is_empty());
    assert_eq!(ledger.file("file:a").unwrap(), Some(a));
    assert_eq!(ledger.file("file:c").unwrap(), None);
    assert_eq!(
        (ledger.files().unwrap(), ledger.records_with_file().unwrap()),
        (2, 5)
    );
    assert_eq!(ledger.files_longer_than(3).unwrap(), 1);
    assert!(ledger.file_larger_than(15).unwrap().is_some());
    assert!(ledger.file_larger_than(1_000).unwrap().is_none());
}

#[test]
fn a_batch_goes_from_sent_to_settled_and_keeps_its_range() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 30)).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 0);
    ledger.batch_sent(0, 9).unwrap();
    ledger.batch_sent(10, 24).unwrap();
    ledger.batch_sent(10, 12).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 25);
    ledger.batch_accepted(10, "m1").unwrap();
    assert_eq!(ledger.batches(BatchState::Sent).unwrap()[0].last, 9);
    assert_eq!(ledger.batches(BatchState::Accepted).unwrap()[0].last, 24);
    assert_eq!(ledger.accepted_mutations().unwrap(), ["m1"]);
    assert_eq!(ledger.records_in(BatchState::Accepted).unwrap(), 15);
    assert_eq!(ledger.settle_accepted().unwrap(), 1);
    assert_eq!(ledger.records_in(BatchState::Settled).unwrap(), 15);
}

/// A walk that comes by these ids.
fn walk<'a>(ledger: &'a Ledger, ids: &[&str]) -> Walk<'a> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let mut walk = ledger.walk();
    walk.add(&ids).unwrap();
    walk
}

/// An inventory of these ids.
fn inventory(ledger: &Ledger, ids: &[&str]) {
    ledger.take_inventory(walk(ledger, ids)).unwrap();
}

#[test]
fn the_inventory_tells_conflicts_from_foreign_vectors() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 3)).unwrap();
    inventory(&ledger, &["id1", "theirs", "theirs2", "theirs"]);
    assert_eq!(ledger.conflicts(5).unwrap(), (1, vec!["id1".to_owned()]));
    assert_eq!(ledger.foreign_vectors().unwrap(), 2);
    assert!(ledger.in_vector_inventory("theirs").unwrap());
}

#[test]
fn a_walk_takes_the_place_of_an_earlier_one_once_it_is_at_its_end() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 1)).unwrap();
    let mut broken = walk(&ledger, &["z", "id0", "a"]);
    broken.add(&["later".to_owned()]).unwrap();
    drop(broken);
    assert!(!ledger.in_vector_inventory("a").unwrap());
    inventory(&ledger, &["b", "id0", "b"]);
    assert!(!ledger.in_vector_inventory("a").unwrap());
    assert_eq!(ledger.foreign_vectors().unwrap(), 1);
    assert_eq!(ledger.conflicts(5).unwrap(), (1, vec!["id0".to_owned()]));
    // What was there before ours stays known, what is ours is none of it.
    ledger.batch_sent(0, 0).unwrap();
    ledger.set_batch_state(0, BatchState::Settled).unwrap();
    ledger.begin_generation(2).unwrap();
    inventory(&ledger, &["c"]);
    let known = |id: &str| ledger.in_vector_inventory(id).unwrap();
    assert!(known("id0") && !known("b") && known("c"));
}

#[test]
fn a_walk_that_the_disk_does_not_keep_names_the_ledger() {
    let (dir, ledger) = ledger();
    let mut walk = ledger.walk();
    let ids: Vec<String> = (0..10)
        .map(|id| format!("{id}{}", "x".repeat(300_000)))
        .collect();
    std::fs::remove_dir_all(dir.path()).unwrap();
    let error = walk.add(&ids).unwrap_err().to_string();
    assert!(error.contains("ledger.db"), "{error}");
}

#[test]
fn a_walk_tells_what_its_ids_are_to_us() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 3)).unwrap();
    ledger.batch_sent(0, 2).unwrap();
    ledger.set_batch_state(0, BatchState::Settled).unwrap();
    inventory(&ledger, &["theirs"]);
    ledger.begin_generation(2).unwrap();
    // The points of id0 and id1 vanished; one of them was deleted.
    ledger.add_checked(0, &numbered(2, 1)).unwrap();
    ledger.index_ids().unwrap();
    ledger.begin_rejected_ids().unwrap();
    ledger.doom().unwrap();
    ledger.deletion_accepted(&["id1".to_owned()], "m").unwrap();
    ledger.deleted().unwrap();
    let listed = ["new", "id2", "id1", "id0", "theirs", "new", "id2"];
    for (strangers, new) in [
        (Strangers::Stay, [Walked::Stranger, Walked::Stranger]),
        (Strangers::TakenIn, [Walked::Stranger, Walked::Known]),
        (Strangers::Stay, [Walked::Known, Walked::Known]),
    ] {
        let mut told = Vec::new();
        ledger
            .sort_out(walk(&ledger, &listed), strangers, |id, walked| {
                told.push((id.to_owned(), walked));
            })
            .unwrap();
        let expected = [
            ("id0", Walked::Known),
            ("id1", Walked::Deleted),
            ("id2", Walked::Record(2)),
            ("id2", Walked::Record(2)),
            ("new", new[0]),
            ("new", new[1]),
            ("theirs", Walked::Known),
        ];
        assert_eq!(told, expected.map(|(id, walked)| (id.to_owned(), walked)));
        assert!(!ledger.in_vector_inventory("id1").unwrap());
    }
}

#[test]
fn an_entry_is_inventoried_as_it_was_first_seen() {
    let (_dir, ledger) = ledger();
    let entry = |value: &str| InventoryEntry {
        namespace: "n".into(),
        key: "file:a".into(),
        value: Some(value.into()),
        metadata: None,
        expiration: Some(1),
    };
    ledger.add_entry_inventory(&[entry("theirs")]).unwrap();
    ledger.add_entry_inventory(&[entry("ours")]).unwrap();
    let value: String = ledger
        .with(|sql| sql.query_row("SELECT value FROM inventory_entry", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(value, "theirs");
}

#[test]
fn only_listed_keys_without_a_file_of_ours_are_strangers() {
    let (_dir, ledger) = ledger();
    ledger
        .add_checked(
            0,
            &checked(vec![row(0, "a", Some("file:a"), Order::Missing)]),
        )
        .unwrap();
    ledger.begin_look().unwrap();
    let listed = ["file:a", "file:b", "file:c"].map(|key| Listed {
        key: key.to_owned(),
        expiration: (key == "file:b").then_some(9),
    });
    ledger.add_listed(&listed).unwrap();
    assert_eq!(ledger.listed_without_file(None, 10).unwrap(), listed[1..]);
    assert_eq!(
        ledger.listed_without_file(Some("file:b"), 10).unwrap(),
        listed[2..]
    );
    assert_eq!(ledger.listed("file:b").unwrap(), Some(listed[1].clone()));
    assert_eq!(ledger.listed("file:z").unwrap(), None);
}

#[test]
fn what_is_not_a_ledger_of_ours_is_refused_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    std::fs::write(
        &path,
        b"this is no database, but long enough to look at".repeat(40),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Ledger::open(&path).err().unwrap();
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    let text = crate::report::facts::chain(&Ledger::open(&other).err().unwrap());
    assert!(text.contains("not a ledger of cf-migrate"), "{text}");
}

#[test]
fn a_copy_is_independent_of_the_original() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 3)).unwrap();
    let copy = ledger.copy_to(&dir.path().join("copy.db")).unwrap();
    copy.add_checked(3, &numbered(3, 3)).unwrap();
    assert_eq!(copy.checked_points().unwrap(), 6);
    assert_eq!(ledger.checked_points().unwrap(), 3);
}

proptest! {
    /// Whatever is cut off and repeated, every ordinal ends up known once.
    #[test]
    fn any_repetition_of_chunks_leaves_each_point_once(
        steps in proptest::collection::vec((0_u64..6, 1_u64..6), 1..20),
    ) {
        let (_dir, ledger) = ledger();
        for (back, count) in steps {
            let first = ledger.checked_points().unwrap().saturating_sub(back);
            ledger.add_checked(first, &numbered(first, count)).unwrap();
        }
        let totals = ledger.totals().unwrap();
        prop_assert_eq!(totals.records, totals.checked);
        let known: Vec<u64> = ledger
            .records_between(0, 1_000)
            .unwrap()
            .iter()
            .map(|row| row.ordinal)
            .collect();
        prop_assert_eq!(known, (0..totals.checked).collect::<Vec<_>>());
    }
}

#[test]
fn parts_that_were_accepted_apart_become_batches_without_gaps() {
    let (_dir, ledger) = ledger();
    ledger.batch_sent(10, 29).unwrap();
    ledger
        .batch_accepted_in_parts(10, 29, &[(12, "a"), (16, "b"), (25, "c")])
        .unwrap();
    let batches = ledger.batches(BatchState::Accepted).unwrap();
    let ranges: Vec<_> = batches
        .iter()
        .map(|batch| (batch.first, batch.last))
        .collect();
    assert_eq!(ranges, [(10, 15), (16, 24), (25, 29)]);
    assert_eq!(ledger.first_unbatched().unwrap(), 30);
    assert_eq!(ledger.accepted_mutations().unwrap(), ["a", "b", "c"]);
}

#[test]
fn a_batch_that_was_refused_whole_is_forgotten_unless_another_lies_behind_it() {
    let (_dir, ledger) = ledger();
    for first in [0, 10, 20] {
        ledger.batch_sent(first, first + 9).unwrap();
    }
    ledger.forget_refused(&[0, 20]).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 20);
    assert!(ledger.has_sent().unwrap());
    ledger.forget_refused(&[0, 10]).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 0);
    assert!(!ledger.has_sent().unwrap());
}

#[test]
fn a_batch_of_which_nothing_was_taken_is_none_that_was_sent() {
    let (_dir, ledger) = ledger();
    ledger.batch_sent(0, 9).unwrap();
    ledger.set_batch_state(0, BatchState::Settled).unwrap();
    assert!(!ledger.has_sent().unwrap());
    ledger.batch_sent(10, 19).unwrap();
    ledger.batch_accepted(10, "a mutation").unwrap();
    ledger.settle_accepted().unwrap();
    assert!(ledger.has_sent().unwrap());
}

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

fn settle(ledger: &Ledger, first: u64, last: u64) {
    ledger.batch_sent(first, last).unwrap();
    ledger.batch_accepted(first, "a mutation").unwrap();
    ledger.settle_accepted().unwrap();
}

fn format(dir: &tempfile::TempDir) -> i64 {
    let connection = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

#[test]
fn a_new_generation_keeps_what_is_settled_and_the_inventory_and_forgets_the_rest() {
    let (dir, ledger) = ledger();
    ledger.freeze_section("records", "{}").unwrap();
    inventory(&ledger, &["foreign"]);
    ledger
        .add_entries("kv", &[("k".into(), "v".into())])
        .unwrap();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    settle(&ledger, 0, 6);
    for milestone in [
        Milestone::Checked,
        Milestone::Settled,
        Milestone::Indexed,
        Milestone::Proven,
    ] {
        ledger.reach(milestone, "2026-11-21T00:00:00Z").unwrap();
    }
    assert_eq!(format(&dir), 5);
    ledger.begin_generation(2).unwrap();
    assert_eq!(format(&dir), 6);
    assert_eq!(ledger.generation().unwrap(), Some(2));
    assert_eq!(ledger.held().unwrap(), 7);
    assert!(ledger.holds("id6").unwrap() && !ledger.holds("id7").unwrap());
    assert_eq!(ledger.totals().unwrap(), Totals::default());
    assert_eq!(ledger.first_unbatched().unwrap(), 0);
    assert_eq!(ledger.notes().unwrap(), []);
    for milestone in [
        Milestone::Checked,
        Milestone::Settled,
        Milestone::Indexed,
        Milestone::Proven,
    ] {
        assert!(!ledger.reached(milestone).unwrap(), "{milestone:?}");
    }
    assert_eq!(
        ledger.plan_section("records").unwrap().as_deref(),
        Some("{}")
    );
    assert!(ledger.in_vector_inventory("foreign").unwrap());
    assert_eq!(ledger.entry_value("kv", "k").unwrap().as_deref(), Some("v"));
    drop(ledger);
    Ledger::open(&dir.path().join("ledger.db")).unwrap();
}

#[test]
fn a_generation_of_which_nothing_was_sent_leaves_nothing_behind() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    ledger.begin_generation(2).unwrap();
    assert_eq!(ledger.held().unwrap(), 0);
    assert_eq!(format(&dir), 5);
}
