//! The ledger's promises: repeats are safe, it never runs ahead, and what is not
//! a ledger of ours is left alone.

use proptest::prelude::*;

use super::*;
use crate::cloudflare::KvPair;
use crate::error::Kind;
use crate::record::Digest;
use crate::transform::Order;

mod batches;
mod changes;
mod damage;
mod formats;
mod generations;
mod inventory;

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

/// An entry without metadata.
fn pair(key: &str, value: &str) -> KvPair {
    KvPair {
        key: key.to_owned(),
        value: value.to_owned(),
        expiration_ttl: None,
        expiration: None,
        metadata: None,
    }
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
