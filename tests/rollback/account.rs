//! Indexes and namespaces that the migration created go as a whole, unless they hold
//! anything that is not the migration's.

use cf_migrate::sandbox::Operation;
use cf_migrate::stages::rollback::Seal;

use crate::binary::{INDEX, entry, namespace_id};
use crate::scene::{POINTS, empty, put_entry, theirs};

#[tokio::test(start_paused = true)]
async fn an_index_and_a_namespace_that_were_created_are_gone_and_nothing_was_looked_at() {
    let simulation = empty(|_| {});
    simulation.run().await.expect_code(0);
    let looks = simulation.sandbox.calls().count(Operation::GetByIds);
    let outcome = simulation.rollback().await.expect_code(0);
    assert_eq!(simulation.sandbox.calls().count(Operation::GetByIds), looks);
    assert!(simulation.sandbox.vectors(INDEX).is_err());
    assert!(simulation.sandbox.namespaces().unwrap().is_empty());
    assert_eq!(outcome.report["rollback"]["index_deleted"], true);
    assert_eq!(outcome.number("/rollback/namespaces_deleted"), 1);
    assert_eq!(outcome.number("/rollback/deleted"), POINTS);
    // And again from nothing.
    simulation.run().await.expect_code(0);
    assert_eq!(simulation.state().vectors.len() as u64, POINTS);
    simulation.rollback().await.expect_code(0);
    assert!(simulation.sandbox.vectors(INDEX).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_created_index_with_a_foreign_vector_stays_with_that_vector_alone() {
    let simulation = empty(|_| {});
    simulation.run().await.expect_code(0);
    simulation
        .sandbox
        .put_vector(INDEX, "late", &theirs(1))
        .unwrap();
    let outcome = simulation.rollback().await.expect_code(0);
    let vectors = simulation.sandbox.vectors(INDEX).unwrap();
    assert_eq!(
        vectors.into_iter().collect::<Vec<_>>(),
        [("late".to_owned(), theirs(1))]
    );
    assert_eq!(outcome.report["rollback"]["index_deleted"], false);
    assert_eq!(outcome.number("/rollback/newcomers"), 1);
    assert!(simulation.sandbox.namespaces().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_created_namespace_with_a_foreign_key_stays_with_that_key_alone() {
    let simulation = empty(|_| {});
    simulation.run().await.expect_code(0);
    put_entry(&simulation, "settings", &entry(&["x"]));
    let outcome = simulation.rollback().await.expect_code(0);
    let namespace = namespace_id(&simulation.sandbox);
    let entries = simulation.sandbox.entries(&namespace).unwrap();
    assert_eq!(entries.into_keys().collect::<Vec<_>>(), ["settings"]);
    assert_eq!(outcome.number("/rollback/namespaces_deleted"), 0);
    assert_eq!(outcome.report["rollback"]["index_deleted"], true);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_was_there_and_empty_stays() {
    let simulation = empty(|_| {});
    crate::binary::create_index(&simulation.sandbox, crate::simulation::DIMENSIONS).await;
    simulation.run().await.expect_code(0);
    let outcome = simulation.rollback().await.expect_code(0);
    assert!(simulation.sandbox.vectors(INDEX).unwrap().is_empty());
    assert_eq!(outcome.report["rollback"]["index_deleted"], false);
}

#[tokio::test(start_paused = true)]
async fn in_a_sealed_folder_even_a_created_index_is_looked_at_vector_by_vector() {
    let mut simulation = empty(|_| {});
    simulation.run().await.expect_code(0);
    let ledger = rusqlite::Connection::open(simulation.folder.join("ledger.db")).unwrap();
    ledger
        .execute("INSERT INTO milestone VALUES ('sealed', 'now')", [])
        .unwrap();
    drop(ledger);
    let mut changed = simulation.state().vectors["f0_0"].clone();
    changed.values[0] += 1.0;
    simulation
        .sandbox
        .put_vector(INDEX, "f0_0", &changed)
        .unwrap();
    simulation.rollback().await.expect_code(7);
    assert_eq!(simulation.state().vectors.len() as u64, POINTS);
    simulation.seal = Seal::Open;
    let outcome = simulation.rollback().await.expect_code(4);
    let left = simulation.sandbox.vectors(INDEX).unwrap();
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [("f0_0".to_owned(), changed)]
    );
    assert_eq!(outcome.number("/rollback/kept_changed"), 1);
}
