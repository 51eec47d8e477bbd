//! What a new generation keeps and forgets.

use super::*;

#[test]
fn a_new_generation_keeps_what_is_settled_and_the_inventory_and_forgets_the_rest() {
    let (dir, ledger) = ledger();
    ledger.freeze_section("records", "{}").unwrap();
    inventory(&ledger, &["foreign"]);
    ledger.add_entries("kv", &[pair("k", "v")]).unwrap();
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

/// What is held: ids, their files and digests.
fn held(ledger: &Ledger) -> Vec<(String, Option<String>, u8)> {
    let held = ledger.with(|sql| {
        sql.prepare("SELECT id, file, digest FROM held ORDER BY id")?
            .query_map([], |row| {
                let digest: [u8; 16] = row.get(2)?;
                Ok((row.get(0)?, row.get(1)?, digest[0]))
            })?
            .collect()
    });
    held.unwrap()
}

/// The second generation of three settled records, none of it sent: the first is in
/// another file, the second is changed, the third as it was, and there is a new one.
fn second_generation() -> (tempfile::TempDir, Ledger) {
    let (dir, ledger) = ledger();
    let in_file = |ordinal: u64, id: &str, file: &str| row(ordinal, id, Some(file), Order::Missing);
    let first = [("a", "x"), ("b", "x"), ("c", "y")];
    let rows = (0..).zip(first).map(|(n, (id, file))| in_file(n, id, file));
    ledger.add_checked(0, &checked(rows.collect())).unwrap();
    settle(&ledger, 0, 2);
    ledger.begin_generation(2).unwrap();
    let mut rows = vec![
        in_file(0, "a", "z"),
        in_file(1, "b", "x"),
        in_file(2, "c", "y"),
        in_file(3, "d", "y"),
    ];
    rows[1].digest = Digest([9; 16]);
    ledger.add_checked(0, &checked(rows)).unwrap();
    assert!(!ledger.has_collisions().unwrap());
    ledger.mark_unchanged().unwrap();
    assert_eq!(ledger.unchanged().unwrap(), 2);
    (dir, ledger)
}

fn as_held(id: &str, file: &str, digest: u8) -> (String, Option<String>, u8) {
    (id.to_owned(), Some(file.to_owned()), digest)
}

#[test]
fn what_is_settled_is_held_as_it_is_now_and_what_is_unchanged_where_it_is_now() {
    let (_dir, ledger) = second_generation();
    settle(&ledger, 1, 1);
    settle(&ledger, 3, 3);
    ledger.reach(Milestone::Settled, "now").unwrap();
    ledger.begin_generation(3).unwrap();
    let now = [
        as_held("a", "z", 0),
        as_held("b", "x", 9),
        as_held("c", "y", 2),
        as_held("d", "y", 3),
    ];
    assert_eq!(held(&ledger), now);
}

#[test]
fn what_was_not_settled_is_held_as_it_was() {
    let (_dir, ledger) = second_generation();
    settle(&ledger, 3, 3);
    ledger.begin_generation(3).unwrap();
    let before = [
        as_held("a", "x", 0),
        as_held("b", "x", 1),
        as_held("c", "y", 2),
        as_held("d", "y", 3),
    ];
    assert_eq!(held(&ledger), before);
}

/// A night's catch-up changes little: the log of it must not hold all that is held.
#[test]
fn what_is_held_as_it_is_already_is_not_written() {
    let (_dir, ledger) = second_generation();
    settle(&ledger, 1, 1);
    settle(&ledger, 3, 3);
    ledger.reach(Milestone::Settled, "now").unwrap();
    ledger
        .with(|sql| {
            sql.execute_batch(
                "CREATE TEMP TABLE written (id TEXT);
                 CREATE TEMP TRIGGER written_anew AFTER INSERT ON held
                 BEGIN INSERT INTO written VALUES (new.id); END;
                 CREATE TEMP TRIGGER changed_there AFTER UPDATE ON held
                 BEGIN INSERT INTO written VALUES (new.id); END;",
            )
        })
        .unwrap();
    ledger.begin_generation(3).unwrap();
    let written: Vec<String> = ledger
        .with(|sql| {
            sql.prepare("SELECT id FROM written")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
        .unwrap();
    assert_eq!(written, ["a", "b", "d"]);
}
