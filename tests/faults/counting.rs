//! What the index says of itself is optional and lags behind what it holds: its
//! state's count and its list's total.

use std::sync::Arc;

use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::{Value, json};

use crate::binary::{INDEX, create_index, values};
use crate::simulation::{DIMENSIONS, Outcome, Simulation};

const POINTS: u64 = 20;
/// Our points and the foreign vector.
const HELD: u64 = POINTS + 1;

/// An index with a foreign vector, and an account whose answers are changed so.
async fn simulation(change: fn(&str, &mut Value)) -> Simulation {
    let mut simulation = Simulation::new(POINTS, |_| {});
    create_index(&simulation.sandbox, DIMENSIONS).await;
    let foreign = StoredVector {
        namespace: None,
        values: values(1_000, DIMENSIONS),
        metadata: None,
    };
    simulation
        .sandbox
        .put_vector(INDEX, "foreign", &foreign)
        .unwrap();
    simulation.change_answer = Some(Arc::new(change));
    simulation
}

fn is_list(path: &str) -> bool {
    path.contains("/list?")
}

fn forget(path: &str, envelope: &mut Value) {
    if let Some(result) = envelope["result"].as_object_mut() {
        if path.ends_with("/info") {
            result.remove("vectorCount");
        }
        if is_list(path) {
            result.remove("totalCount");
        }
    }
}

fn set(envelope: &mut Value, name: &str, number: u64) {
    if let Some(known) = envelope["result"].get_mut(name) {
        *known = json!(number);
    }
}

#[track_caller]
fn expect_key(simulation: &Simulation, outcome: &Outcome) {
    let stored = &simulation.state().entries["_vector_count"];
    let stored = String::from_utf8_lossy(&stored.value);
    assert_eq!(stored, HELD.to_string(), "{:#}", outcome.report);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_says_no_number_is_believed_to_hold_what_it_must() {
    let simulation = simulation(forget).await;
    let outcome = simulation.run().await.expect_code(0);
    expect_key(&simulation, &outcome);
    assert!(
        outcome
            .said
            .iter()
            .any(|said| said.contains("the index docs (32 dimensions, cosine) is there")),
        "{:?}",
        outcome.said
    );
    simulation.verify().await.expect_code(0);
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_total_stays_behind_is_no_finding_where_its_ids_are_right() {
    let simulation = simulation(|path, envelope| {
        if is_list(path) {
            set(envelope, "totalCount", 1);
        }
    })
    .await;
    let outcome = simulation.run().await.expect_code(0);
    expect_key(&simulation, &outcome);
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_total_stays_behind_does_not_stand_in_for_a_count() {
    let simulation = simulation(|path, envelope| {
        forget(path, envelope);
        if is_list(path) {
            envelope["result"]["totalCount"] = json!(1);
        }
    })
    .await;
    let outcome = simulation.run().await.expect_code(0);
    expect_key(&simulation, &outcome);
}

#[tokio::test(start_paused = true)]
async fn a_count_that_stays_behind_is_told_and_not_written() {
    let simulation = simulation(|path, envelope| {
        if path.ends_with("/info") {
            set(envelope, "vectorCount", 3);
        }
    })
    .await;
    let outcome = simulation.run().await.expect_code(4);
    assert_eq!(outcome.kinds(), ["count"]);
    let told = format!("the index counts 3 vectors, its list holds {HELD} ids");
    assert_eq!(outcome.finding("count"), (1, vec![told]));
    expect_key(&simulation, &outcome);
}

#[tokio::test(start_paused = true)]
async fn vectors_that_others_removed_are_not_counted() {
    let simulation = simulation(|_, _| {}).await;
    simulation.run().await.expect_code(0);
    simulation.sandbox.remove_vector(INDEX, "foreign").unwrap();
    let outcome = simulation.run().await.expect_code(0);
    let stored = &simulation.state().entries["_vector_count"].value;
    assert_eq!(stored, b"20", "{:#}", outcome.report);
    let told = "the index holds 20 vectors, 21 were expected";
    assert!(outcome.said.iter().any(|said| said.contains(told)));
}
