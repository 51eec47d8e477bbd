//! What vanished from the source: told, or deleted, in an order in which no entry ever
//! names a vector that is gone.

use std::sync::{Arc, Mutex};

use cf_migrate::sandbox::inspect::StoredEntry;
use cf_migrate::stages::index::StaleEntries;
use cf_migrate::stages::inventory::Existing;
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::binary::{INDEX, create_index, create_namespace, entry, expected_vector, write_lines};
use crate::live::{changed, now_holds, points, simulation};
use crate::simulation::{Crash, DIMENSIONS, Outcome, Simulation};

fn ids(entry: &StoredEntry) -> Vec<String> {
    serde_json::from_slice(&entry.value).unwrap()
}

pub(crate) fn without(gone: &[u64], points: u64) -> Vec<Value> {
    crate::live::points((0..points).filter(|number| !gone.contains(number)))
}

/// 40 points in 8 files, of which the source then lacks one of file 0 and all of file 3.
pub(crate) const GONE: [u64; 6] = [2, 15, 16, 17, 18, 19];

pub(crate) async fn vanished() -> Simulation {
    let simulation = simulation(40);
    simulation.run().await.expect_code(0);
    now_holds(&simulation, without(&GONE, 40));
    simulation
}

pub(crate) fn check_pruned(simulation: &Simulation) {
    let state = simulation.state();
    assert_eq!(state.vectors.len(), 34);
    assert!(!state.vectors.contains_key("f0_2") && !state.vectors.contains_key("f3_0"));
    assert_eq!(
        state.entries["file:f0"],
        entry(&["f0_0", "f0_1", "f0_3", "f0_4"])
    );
    assert!(!state.entries.contains_key("file:f3"));
    assert_eq!(state.entries["_vector_count"].value, b"34");
}

#[tokio::test(start_paused = true)]
async fn what_vanished_is_told_and_stays() {
    let simulation = vanished().await;
    for _ in 0..2 {
        let outcome = simulation.run().await.expect_code(0);
        outcome.check_sum();
        assert_eq!(outcome.number("/points/vanished"), 6);
        assert_eq!(outcome.number("/points/deleted"), 0);
        assert_eq!(outcome.number("/points/foreign"), 0);
        let said = outcome.said.join("\n");
        assert!(
            said.contains("6 records vanished from the source"),
            "{said}"
        );
        let state = simulation.state();
        assert_eq!(state.vectors.len(), 40);
        assert_eq!(ids(&state.entries["file:f0"]).len(), 5);
        assert_eq!(ids(&state.entries["file:f3"]).len(), 5);
        assert_eq!(state.entries["_vector_count"].value, b"40");
    }
}

#[tokio::test(start_paused = true)]
async fn with_prune_vectors_and_entries_of_what_vanished_are_deleted() {
    let mut simulation = vanished().await;
    simulation.stale = StaleEntries::Prune;
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/vanished"), 6);
    assert_eq!(outcome.number("/points/deleted"), 6);
    assert!(outcome.said.join("\n").contains("6 vectors vanished"));
    check_pruned(&simulation);
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/vanished"), 0);
    assert_eq!(outcome.number("/points/deleted"), 0);
    check_pruned(&simulation);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_once_can_be_pruned_later() {
    let mut simulation = vanished().await;
    simulation.run().await.expect_code(0);
    simulation.stale = StaleEntries::Prune;
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/deleted"), 6);
    check_pruned(&simulation);
}

#[tokio::test(start_paused = true)]
async fn without_a_file_index_vectors_are_deleted_all_the_same() {
    let mut simulation = simulation(40);
    simulation.file_index = false;
    create_namespace(&simulation.sandbox).await;
    simulation.run().await.expect_code(0);
    now_holds(&simulation, without(&GONE, 40));
    simulation.stale = StaleEntries::Prune;
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/deleted"), 6);
    assert_eq!(simulation.state().vectors.len(), 34);
}

/// Notes at every call which entries name a vector that the index does not hold.
fn watched(simulation: &mut Simulation) -> Arc<Mutex<Vec<String>>> {
    let found: Arc<Mutex<Vec<String>>> = Arc::default();
    let (noted, sandbox) = (Arc::clone(&found), simulation.sandbox.clone());
    simulation.before_call = Some(Arc::new(move |path: &str| {
        let state = crate::binary::State::of(&sandbox);
        let files = state
            .entries
            .iter()
            .filter(|(key, _)| key.starts_with("file:"));
        for (key, entry) in files {
            for id in ids(entry) {
                if !state.vectors.contains_key(&id) {
                    noted
                        .lock()
                        .unwrap()
                        .push(format!("{key} names {id} before {path}"));
                }
            }
        }
        async {}.boxed()
    }));
    found
}

#[tokio::test(start_paused = true)]
async fn at_no_instant_an_entry_names_a_vector_that_is_gone() {
    let mut simulation = vanished().await;
    simulation.stale = StaleEntries::Prune;
    let found = watched(&mut simulation);
    simulation.run().await.expect_code(0);
    assert_eq!(*found.lock().unwrap(), Vec::<String>::new());
    check_pruned(&simulation);
}

/// A catch-up with new, changed and vanished points, a file that moved, and another
/// owner's id in an entry.
async fn everything_at_once() -> Simulation {
    let simulation = simulation(40);
    create_index(&simulation.sandbox, DIMENSIONS).await;
    let namespace = create_namespace(&simulation.sandbox).await;
    let (_, theirs) = expected_vector(900, DIMENSIONS);
    simulation
        .sandbox
        .put_vector(INDEX, "theirs", &theirs)
        .unwrap();
    let mixed = entry(&["theirs", "f3_0"]);
    simulation
        .sandbox
        .put_entry(&namespace, "file:f3", &mixed)
        .unwrap();
    simulation.run().await.expect_code(0);
    now_holds(&simulation, all_kinds());
    let mut simulation = simulation;
    simulation.stale = StaleEntries::Prune;
    simulation
}

fn all_kinds() -> Vec<Value> {
    let mut all = without(&GONE, 44);
    all[0] = changed(0);
    all[20] = changed(all[20]["id"].as_u64().unwrap());
    all
}

async fn undisturbed() -> (crate::binary::State, usize, usize) {
    let simulation = everything_at_once().await;
    let before = simulation.sandbox.calls().total();
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/settled"), 6);
    assert_eq!(outcome.number("/points/deleted"), 6);
    let state = simulation.state();
    assert_eq!(state.entries["file:f3"], entry(&["theirs"]));
    (state, before, simulation.sandbox.calls().total() - before)
}

fn check_same(
    outcome: &Outcome,
    simulation: &Simulation,
    wanted: &crate::binary::State,
    what: &str,
) {
    let found = wanted.differences(&simulation.state());
    assert_eq!(found, Vec::<String>::new(), "{what}");
    assert_eq!(
        outcome.report["exit_code"], 0,
        "{what}: {:?}",
        outcome.error
    );
    outcome.check_sum();
    assert_eq!(outcome.report["verification"]["verdict"], "equal", "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_of_a_catch_up_comes_to_the_same_end() {
    let (wanted, _, calls) = undisturbed().await;
    let mut crashes = 0;
    for number in 1..=calls {
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = everything_at_once().await;
            let found = watched(&mut simulation);
            simulation.crash = Some(crash);
            if simulation.run_or_crash().await.is_some() {
                continue;
            }
            crashes += 1;
            simulation.crash = None;
            let outcome = simulation.run().await;
            check_same(&outcome, &simulation, &wanted, &format!("{crash:?}"));
            assert_eq!(*found.lock().unwrap(), Vec::<String>::new(), "{crash:?}");
        }
    }
    assert!(
        crashes >= 2 * (calls - 4),
        "{crashes} crashes of {calls} calls"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_was_begun_is_finished_without_being_asked_for_again() {
    let (wanted, _, calls) = undisturbed().await;
    let mut finished = 0;
    for number in (1..=calls).step_by(2) {
        let mut simulation = everything_at_once().await;
        let found = watched(&mut simulation);
        simulation.crash = Some(Crash::After(number));
        if simulation.run_or_crash().await.is_some() {
            continue;
        }
        simulation.crash = None;
        simulation.stale = StaleEntries::Report;
        simulation.run().await.expect_code(0);
        finished += usize::from(wanted.differences(&simulation.state()).is_empty());
        assert_eq!(*found.lock().unwrap(), Vec::<String>::new(), "{number}");
        simulation.stale = StaleEntries::Prune;
        let outcome = simulation.run().await;
        check_same(&outcome, &simulation, &wanted, &format!("after {number}"));
    }
    assert!(finished > 2, "{finished} of {calls}");
}

/// Prunes and crashes at its `at`-th call; whether it came that far.
pub(crate) async fn prune_and_crash(simulation: &mut Simulation, at: usize) -> bool {
    simulation.stale = StaleEntries::Prune;
    simulation.crash = Some(Crash::After(at));
    let crashed = simulation.run_or_crash().await.is_none();
    simulation.crash = None;
    simulation.stale = StaleEntries::Report;
    crashed
}

fn check_back(simulation: &Simulation) {
    let state = simulation.state();
    assert_eq!(state.vectors.len(), 40);
    assert_eq!(ids(&state.entries["file:f3"]).len(), 5);
    assert_eq!(state.entries["_vector_count"].value, b"40");
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_while_its_deletion_is_under_way_is_sent_again() {
    let mut crashes = 0;
    for at in 1.. {
        let mut simulation = vanished().await;
        if !prune_and_crash(&mut simulation, at).await {
            break;
        }
        crashes += 1;
        now_holds(&simulation, points(0..40));
        // What was begun is finished; then the source is caught up with.
        simulation.run().await.expect_code(0);
        simulation.run().await.expect_code(0);
        check_back(&simulation);
    }
    assert!(crashes > 5, "{crashes}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_while_a_catch_up_is_under_way_is_caught_up_with_at_once() {
    let mut crashes = 0;
    for at in 1.. {
        let mut simulation = Simulation::of(points(0..40), |_| {});
        simulation.run().await.expect_code(0);
        write_lines(&simulation.source, without(&GONE, 40));
        if !prune_and_crash(&mut simulation, at).await {
            break;
        }
        crashes += 1;
        write_lines(&simulation.source, points(0..40));
        let outcome = simulation.run().await.expect_code(0);
        outcome.check_sum();
        check_back(&simulation);
    }
    assert!(crashes > 5, "{crashes}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_lost_most_of_its_points_is_a_mistake_until_told_otherwise() {
    let mut simulation = simulation(40);
    simulation.run().await.expect_code(0);
    now_holds(&simulation, points(0..15));
    simulation.stale = StaleEntries::Prune;
    let outcome = simulation.run().await.expect_code(7);
    let error = outcome.error.unwrap();
    assert!(error.contains("25 of the 40 records"), "{error}");
    assert_eq!(simulation.state().vectors.len(), 40);
    // It was a passing state of the source.
    now_holds(&simulation, without(&GONE, 40));
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/deleted"), 6);
    // And this time it is meant.
    now_holds(&simulation, points(0..2));
    simulation.run().await.expect_code(7);
    simulation.stale = StaleEntries::PruneAnyway;
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/deleted"), 32);
    assert_eq!(simulation.state().vectors.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_answers_with_nothing_is_refused() {
    let mut simulation = simulation(40);
    simulation.run().await.expect_code(0);
    now_holds(&simulation, []);
    simulation.stale = StaleEntries::Prune;
    simulation.run().await.expect_code(7);
    assert_eq!(simulation.state().vectors.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_the_migration_is_not_deleted() {
    let mut simulation = simulation(40);
    create_index(&simulation.sandbox, DIMENSIONS).await;
    create_namespace(&simulation.sandbox).await;
    let (id, vector) = expected_vector(2, DIMENSIONS);
    simulation.sandbox.put_vector(INDEX, &id, &vector).unwrap();
    simulation.existing = Existing::Overwrite;
    simulation.run().await.expect_code(0);
    now_holds(&simulation, without(&GONE, 40));
    simulation.stale = StaleEntries::Prune;
    for round in 0..2 {
        let outcome = simulation.run().await.expect_code(0);
        assert_eq!(
            outcome.number("/points/deleted"),
            if round == 0 { 5 } else { 0 }
        );
        let said = outcome.said.join("\n");
        assert!(
            said.contains("1 records vanished from the source whose ids were"),
            "{said}"
        );
        assert!(simulation.state().vectors.contains_key(&id));
        assert!(ids(&simulation.state().entries["file:f0"]).contains(&id));
    }
}

#[tokio::test(start_paused = true)]
async fn the_older_record_of_a_point_that_is_rejected_now_is_not_deleted() {
    for (spoilt, told) in [
        (
            json!({"file_id": "f0", "chunk_index": 2, "big": 9_007_199_254_740_993_i64}),
            "1 records are in the index as they were",
        ),
        (
            json!({"chunk_index": 2}),
            "1 rejected points give no vector id",
        ),
    ] {
        let mut simulation = simulation(40);
        simulation.run().await.expect_code(0);
        let mut all = without(&[15, 16], 40);
        let known = spoilt.get("file_id").is_some();
        all[2]["payload"] = spoilt;
        now_holds(&simulation, all);
        simulation.stale = StaleEntries::Prune;
        simulation.allowed_rejects = 1;
        let outcome = simulation.run().await.expect_code(3);
        let said = outcome.said.join("\n");
        assert!(said.contains(told), "{said}");
        assert!(simulation.state().vectors.contains_key("f0_2"));
        assert_eq!(outcome.number("/points/deleted"), if known { 2 } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_chunks_moved_to_another_one_loses_its_entry() {
    let mut simulation = simulation(15);
    simulation.mapping.id = Some("{id}".parse().unwrap());
    simulation.run().await.expect_code(0);
    let mut all = points(0..15);
    for number in [5, 6, 7, 8, 9, 10] {
        all[number]["payload"]["file_id"] = Value::from("f0");
        all[number]["payload"]["chunk_index"] = Value::from(number);
    }
    now_holds(&simulation, all);
    simulation.run().await.expect_code(0);
    let state = simulation.state();
    assert_eq!(ids(&state.entries["file:f0"]).len(), 11);
    assert!(!state.entries.contains_key("file:f1"));
    assert_eq!(state.entries["file:f2"], entry(&["11", "12", "13", "14"]));
}
