//! What somebody changed since the migration stays, and is named.

use cf_migrate::sandbox::inspect::StoredEntry;
use serde_json::json;

use crate::binary::{INDEX, entry, namespace_id};
use crate::scene::{POINTS, kinds, lived_in, put_entry, same};

#[tokio::test(start_paused = true)]
async fn vectors_that_were_changed_in_any_part_stay() {
    let simulation = lived_in(|_| {}).await;
    let mut wanted = simulation.state();
    simulation.run().await.expect_code(0);
    let migrated = simulation.state();
    let vector = |id: &str| migrated.vectors[id].clone();
    let mut moved = vector("f0_0");
    moved.values[3] = f32::from_bits(moved.values[3].to_bits() + 1);
    let mut marked = vector("f4_1");
    marked.metadata = Some(json!({"text": "edited"}));
    let mut elsewhere = vector("f8_4");
    elsewhere.namespace = Some("tenant".to_owned());
    for (id, changed) in [("f0_0", moved), ("f4_1", marked), ("f8_4", elsewhere)] {
        simulation.sandbox.put_vector(INDEX, id, &changed).unwrap();
        wanted.vectors.insert(id.to_owned(), changed);
    }
    simulation.sandbox.remove_vector(INDEX, "f5_0").unwrap();
    let outcome = simulation.rollback().await.expect_code(4);
    same(&wanted, &simulation, "changed vectors");
    assert_eq!(outcome.number("/rollback/kept_changed"), 3);
    assert_eq!(outcome.number("/rollback/not_found"), 1);
    assert_eq!(outcome.number("/rollback/deleted"), POINTS - 4);
    assert_eq!(kinds(&outcome), ["vectors_changed"]);
    let named = &outcome.report["rollback"]["findings"]["vectors_changed"]["examples"];
    assert_eq!(*named, json!(["f0_0", "f4_1", "f8_4"]));
}

#[tokio::test(start_paused = true)]
async fn entries_that_were_changed_in_value_metadata_or_expiry_stay() {
    let simulation = lived_in(|_| {}).await;
    let mut wanted = simulation.state();
    simulation.run().await.expect_code(0);
    let migrated = simulation.state();
    let now = |key: &str| migrated.entries[key].clone();
    let changes = [
        ("file:f0", entry(&["f0_0", "theirs_4"])),
        (
            "file:f1",
            StoredEntry {
                metadata: Some(json!({"seen": 2})),
                ..now("file:f1")
            },
        ),
        (
            "file:f4",
            StoredEntry {
                expiration: Some(1_900_000_000),
                ..now("file:f4")
            },
        ),
    ];
    for (key, changed) in changes {
        put_entry(&simulation, key, &changed);
        wanted.entries.insert(key.to_owned(), changed);
    }
    // Removed by somebody: it was there before, and is not.
    let namespace = namespace_id(&simulation.sandbox);
    simulation
        .sandbox
        .remove_entry(&namespace, "file:f2")
        .unwrap();
    wanted.entries.remove("file:f2");
    let outcome = simulation.rollback().await.expect_code(4);
    same(&wanted, &simulation, "changed entries");
    assert_eq!(outcome.number("/rollback/entries_kept"), 4);
    assert_eq!(kinds(&outcome), ["entries_changed"]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_somebody_took_only_the_metadata_from_stays() {
    let simulation = lived_in(|_| {}).await;
    let stored = StoredEntry {
        metadata: Some(json!({"seen": 1.5})),
        ..entry(&["gone"])
    };
    put_entry(&simulation, "file:f5", &stored);
    let mut wanted = simulation.state();
    simulation.run().await.expect_code(0);
    let ours = simulation.state().entries["file:f5"].clone();
    assert_eq!(ours.metadata, stored.metadata);
    let without = StoredEntry {
        metadata: None,
        ..ours
    };
    put_entry(&simulation, "file:f5", &without);
    wanted.entries.insert("file:f5".to_owned(), without);
    let outcome = simulation.rollback().await.expect_code(4);
    same(&wanted, &simulation, "without its metadata");
    assert_eq!(outcome.number("/rollback/entries_kept"), 1);
    assert_eq!(kinds(&outcome), ["entries_changed"]);
}

#[tokio::test(start_paused = true)]
async fn a_count_that_the_application_goes_on_with_stays() {
    let simulation = lived_in(|_| {}).await;
    simulation.run().await.expect_code(0);
    let mut count = entry(&[]);
    count.value = b"51".to_vec();
    put_entry(&simulation, "_vector_count", &count);
    let outcome = simulation.rollback().await.expect_code(4);
    assert_eq!(simulation.state().entries["_vector_count"], count);
    assert_eq!(outcome.number("/rollback/entries_kept"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_goes_with_the_next_rollback_once_it_is_as_written_again() {
    let simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let ours = simulation.state().vectors["f0_0"].clone();
    let mut changed = ours.clone();
    changed.values[0] += 1.0;
    let crashing = simulation;
    crashing
        .sandbox
        .put_vector(INDEX, "f0_0", &changed)
        .unwrap();
    // Far enough to have looked at it, and not to the end.
    let calls = crashing.sandbox.calls().total();
    drop(crashing.rollback().await.expect_code(4));
    let made = crashing.sandbox.calls().total() - calls;
    assert!(made > 10);
    // A rollback that came to its end only compares.
    crashing.sandbox.put_vector(INDEX, "f0_0", &ours).unwrap();
    crashing.rollback().await.expect_code(4);
    crashing.sandbox.remove_vector(INDEX, "f0_0").unwrap();
    same(&before, &crashing, "but for the kept one");
}
