//! What was there before, and walks over what the index lists.

use super::*;

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

/// More entries than go into one statement.
#[test]
fn entries_written_again_are_removed_no_longer_and_all_their_values_stay_known() {
    let (_dir, ledger) = ledger();
    let key = |entry: u64| format!("file:{entry:03}");
    let before = |entry: u64| InventoryEntry {
        namespace: "kv".to_owned(),
        key: key(entry),
        value: entry.is_multiple_of(2).then(|| format!("before {entry}")),
        metadata: entry.is_multiple_of(4).then(|| "{}".to_owned()),
        expiration: entry.is_multiple_of(3).then_some(2_000_000_000 + entry),
    };
    let inventory: Vec<_> = (0..150).map(before).collect();
    ledger.add_entry_inventory(&inventory).unwrap();
    let values = |name: &str| -> Vec<_> {
        let value = |entry| pair(&key(entry), &format!("{name} {entry}"));
        (0..150).map(value).collect()
    };
    ledger.add_entries("kv", &values("first")).unwrap();
    let keys: Vec<_> = (0..150).map(key).collect();
    ledger.add_removed_entries("kv", &keys).unwrap();
    ledger.add_entries("kv", &values("second")[..140]).unwrap();

    let asked = Keys {
        namespace: "kv",
        count: "count",
        kind: Written::Entry,
    };
    let expected = |entry: u64| Touched {
        key: key(entry),
        removed: entry >= 140,
        bare: entry.is_multiple_of(4),
        before: before(entry),
    };
    let expected: Vec<_> = (0..150).map(expected).collect();
    assert_eq!(ledger.touched(asked, "", 200).unwrap(), expected);
    let known = [
        ("first", 0, true),
        ("first", 139, true),
        ("first", 149, true),
        ("second", 139, true),
        ("second", 140, false),
        ("before", 0, false),
    ];
    for (name, entry, known) in known {
        let wrote = ledger.wrote_entry("kv", &key(entry), &format!("{name} {entry}"));
        assert_eq!(wrote.unwrap(), known, "{name} {entry}");
    }
}
