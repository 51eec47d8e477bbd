//! One command that makes two passes: what it finishes from the archive, and what it
//! then catches up with, are both in its report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cf_migrate::stages::index::StaleEntries;
use futures::FutureExt as _;
use serde_json::Value;

use crate::binary::State;
use crate::live::{changed, now_holds, points, simulation};
use crate::simulation::{Crash, Outcome, Simulation, Verb};

/// What the first catch-up finds: six points gone, thirty new.
fn second() -> Vec<Value> {
    points((0..70).filter(|number| ![2, 15, 16, 17, 18, 19].contains(number)))
}

/// What is there once that was begun: three of the new ones gone, an old one, two new
/// ones, and one that was changed.
fn third() -> Vec<Value> {
    let gone = [2, 15, 16, 17, 18, 19, 5, 40, 41, 42];
    let mut all = points((0..72).filter(|number| !gone.contains(number)));
    all[0] = changed(0);
    all
}

/// A file of 40 points that is migrated, and now is another.
async fn migrated() -> Simulation {
    let mut simulation = simulation(40);
    simulation.open_source = None;
    simulation.run().await.expect_code(0);
    simulation.upserts.lock().unwrap().clear();
    simulation.stale = StaleEntries::Prune;
    now_holds(&simulation, second());
    simulation
}

/// The same, of which the catch-up ended before its n-th call.
async fn ended_before(call: usize) -> Simulation {
    let mut simulation = migrated().await;
    simulation.crash = Some(Crash::Before(call));
    assert!(simulation.run_or_crash().await.is_none(), "call {call}");
    simulation.crash = None;
    simulation
}

async fn calls_of_a_catch_up() -> usize {
    let mut simulation = migrated().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    simulation.before_call = Some(Arc::new(move |_: &str| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {}.boxed()
    }));
    simulation.run().await.expect_code(0);
    calls.load(Ordering::Relaxed)
}

/// Vectors that were in the index, or were on their way there, and are not any more.
fn gone(before: &State, simulation: &Simulation) -> u64 {
    let after = simulation.state();
    let sent = simulation.upserts.lock().unwrap();
    let sent = sent.iter().flat_map(|body| {
        let text = std::str::from_utf8(body).unwrap();
        let ids = text.lines().map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["id"].as_str().unwrap().to_owned()
        });
        ids.collect::<Vec<_>>()
    });
    let all: BTreeSet<String> = before.vectors.keys().cloned().chain(sent).collect();
    all.iter()
        .filter(|id| !after.vectors.contains_key(*id))
        .count() as u64
}

/// What is said of a state is what the last of them says, and the rest their sum.
fn check_both(both: &Outcome, first: &Outcome, last: &Outcome, what: &str) {
    for sum in ["/points/settled", "/points/deleted", "/file_index/written"] {
        let wanted = first.number(sum) + last.number(sum);
        assert_eq!(both.number(sum), wanted, "{what}: {sum}");
    }
    for state in [
        "/points/source",
        "/points/archived",
        "/points/unchanged",
        "/points/rejected",
        "/points/foreign",
        "/file_index/entries",
        "/file_index/ids",
        "/file_index/unchanged",
        "/catch_up/generation",
    ] {
        assert_eq!(both.number(state), last.number(state), "{what}: {state}");
    }
    let vanished = first.number("/points/deleted") + last.number("/points/vanished");
    assert_eq!(both.number("/points/vanished"), vanished, "{what}");
    assert_eq!(both.number("/catch_up/passes"), 2, "{what}");
}

#[tokio::test(start_paused = true)]
async fn wherever_the_catch_up_ended_the_report_is_of_both_passes() {
    let at_first = migrated().await.state();
    let mut twice = 0;
    for call in 1..=calls_of_a_catch_up().await {
        let what = format!("ended before call {call}");
        let apart = ended_before(call).await;
        let together = ended_before(call).await;
        now_holds(&together, third());
        let before = together.state();
        let both = together.run().await.expect_code(0);
        if !both.said.join("\n").contains("finished from the archive") {
            both.check_sum();
            assert_eq!(both.number("/catch_up/passes"), 1, "{what}");
            continue;
        }
        twice += 1;
        // The same by two commands, of which the first finds the file as it was.
        let first = apart.run().await.expect_code(0);
        now_holds(&apart, third());
        let last = apart.run().await.expect_code(0);
        check_both(&both, &first, &last, &what);
        let found = apart.state().differences(&together.state());
        assert_eq!(found, Vec::<String>::new(), "{what}");
        // A deletion that was begun counts where it is finished.
        let begun = both.said.join("\n").contains("was begun, and is finished");
        let before = if begun { &at_first } else { &before };
        let deleted = both.number("/points/deleted");
        assert_eq!(deleted, gone(before, &together), "{what}");
    }
    assert!(twice > 5, "{twice}");
}

#[tokio::test(start_paused = true)]
async fn the_last_pass_is_sealed_and_tells_of_the_one_before() {
    let simulation = in_the_middle().await;
    now_holds(&simulation, third());
    let before = simulation.state();
    let outcome = simulation.verb(Verb::RunFinally).await.expect_code(0);
    assert_eq!(outcome.number("/catch_up/passes"), 2);
    assert_eq!(outcome.report["catch_up"]["sealed"], true);
    assert_eq!(
        outcome.number("/points/deleted"),
        gone(&before, &simulation)
    );
}

#[tokio::test(start_paused = true)]
async fn where_the_second_pass_is_refused_what_the_first_did_is_told() {
    let simulation = in_the_middle().await;
    let before = simulation.state();
    let mut rejected = third();
    rejected[3]["payload"]
        .as_object_mut()
        .unwrap()
        .remove("file_id");
    now_holds(&simulation, rejected);
    let outcome = simulation.run().await.expect_code(7);
    assert_eq!(
        outcome.number("/points/deleted"),
        gone(&before, &simulation)
    );
    assert_eq!(outcome.number("/points/deleted"), 6);
    assert_eq!(outcome.number("/points/rejected"), 1);
    assert!(outcome.number("/file_index/written") > 0);
    assert!(outcome.report["verification"].is_null());
}

/// The catch-up ended when all was written and nothing deleted.
async fn in_the_middle() -> Simulation {
    for call in 1.. {
        let simulation = ended_before(call).await;
        let state = simulation.state();
        if state.vectors.len() == 70 && !state.entries.contains_key("file:f3") {
            return simulation;
        }
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn after_a_rollback_a_changed_file_is_begun_with_at_once() {
    let mut simulation = simulation(40);
    simulation.open_source = None;
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    now_holds(&simulation, third());
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    let said = outcome.said.join("\n");
    assert!(said.contains("this migration was rolled back"), "{said}");
    assert!(
        said.contains("was taken back since: it is exported anew"),
        "{said}"
    );
    assert!(!said.contains("finished from the archive"), "{said}");
    let state = simulation.state();
    assert_eq!(outcome.number("/catch_up/passes"), 1);
    assert_eq!(
        outcome.number("/points/settled"),
        state.vectors.len() as u64
    );
    assert_eq!(outcome.number("/points/unchanged"), 0);
    let written = outcome.number("/file_index/written");
    assert_eq!(written, state.entries.len() as u64);
}
