//! After a catch-up: what every generation brought in is taken back, whichever wrote
//! it last.

use cf_migrate::sandbox::Operation;
use cf_migrate::sandbox::inspect::StoredEntry;
use cf_migrate::stages::index::StaleEntries;
use cf_migrate::stages::inventory::Existing;
use serde_json::{Value, json};

use crate::binary::{INDEX, State, entry};
use crate::live::{changed, live, now_holds, points};
use crate::scene::{POINTS, lived_in, put_entry, same, theirs, with_conflicts};
use crate::simulation::{Crash, Simulation};

/// Some points changed, some vanished, some new.
fn later() -> Vec<Value> {
    let mut later: Vec<Value> = (3..POINTS + 8)
        .map(|number| points([number]).remove(0))
        .collect();
    later[4] = changed(7);
    later[20] = changed(23);
    later
}

/// The first generation is in the index; what there was before it.
async fn first() -> (Simulation, State) {
    let mut simulation = lived_in(|_| {}).await;
    live(&mut simulation);
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    now_holds(&simulation, later());
    (simulation, before)
}

#[tokio::test(start_paused = true)]
async fn what_two_generations_brought_in_is_taken_back() {
    let (simulation, before) = first().await;
    simulation.run().await.expect_code(0);
    let outcome = simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
    assert_eq!(outcome.number("/rollback/deleted"), POINTS + 8);
}

#[tokio::test(start_paused = true)]
async fn a_catch_up_that_crashed_at_any_call_is_taken_back() {
    let (start, calls) = {
        let (simulation, _) = first().await;
        let start = simulation.sandbox.calls().total();
        simulation.run().await.expect_code(0);
        (start, simulation.sandbox.calls().total() - start)
    };
    assert!(start > 0 && calls > 15, "{calls}");
    for number in 1..=calls {
        for crash in [Crash::Before(number), Crash::After(number)] {
            let (mut simulation, before) = first().await;
            simulation.crash = Some(crash);
            drop(simulation.run_or_crash().await);
            simulation.crash = None;
            simulation.rollback().await.expect_code(0);
            same(&before, &simulation, &format!("{crash:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_brought_in_between_stays() {
    let (simulation, before) = first().await;
    let late = theirs(60);
    simulation.sandbox.put_vector(INDEX, "late", &late).unwrap();
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    let mut wanted = before;
    wanted.vectors.insert("late".to_owned(), late);
    same(&wanted, &simulation, "after the rollback");
}

#[tokio::test(start_paused = true)]
async fn a_later_generation_saves_what_it_newly_replaces() {
    let mut simulation = with_conflicts(|_| {}).await;
    live(&mut simulation);
    simulation.existing = Existing::KeepOverwritten;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    now_holds(&simulation, later());
    // Under an id that only the second generation has.
    let late = theirs(60);
    simulation.sandbox.put_vector(INDEX, "f9_3", &late).unwrap();
    let reads = simulation.sandbox.calls().count(Operation::GetByIds);
    simulation.run().await.expect_code(0);
    assert!(simulation.sandbox.calls().count(Operation::GetByIds) > reads);
    assert_ne!(simulation.state().vectors["f9_3"], late);
    let outcome = simulation.rollback().await.expect_code(0);
    assert_eq!(outcome.number("/rollback/restored_overwritten"), 4);
    let mut wanted = before;
    wanted.vectors.insert("f9_3".to_owned(), late);
    same(&wanted, &simulation, "after the rollback");
}

#[tokio::test(start_paused = true)]
async fn a_run_after_the_rollback_brings_in_the_newest_generation() {
    let (simulation, before) = first().await;
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/settled"), POINTS + 5);
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the second rollback");
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_went_with_its_file_and_came_back_is_put_back() {
    let mut simulation = lived_in(|_| {}).await;
    live(&mut simulation);
    simulation.stale = StaleEntries::Prune;
    let stored = StoredEntry {
        metadata: Some(json!({"seen": 1.5})),
        ..entry(&["gone"])
    };
    put_entry(&simulation, "file:f5", &stored);
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let others = (0..POINTS).filter(|number| number / 5 != 5);
    now_holds(&simulation, points(others));
    simulation.run().await.expect_code(0);
    assert!(!simulation.state().entries.contains_key("file:f5"));
    now_holds(&simulation, points(0..POINTS));
    simulation.run().await.expect_code(0);
    // It was written where there was none, so there was no metadata to keep.
    assert_eq!(simulation.state().entries["file:f5"].metadata, None);
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
}
