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
