//! Undisturbed: beside an application's own vectors and entries, and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cf_migrate::stages::context::Mode;
use cf_migrate::stages::index::StaleEntries;
use futures::FutureExt as _;
use serde_json::json;

use crate::binary::{State, entry, point, write_lines};
use crate::scene::{BEGIN, POINTS, kinds, lived_in, put_entry, same, theirs, writes};
use crate::simulation::{DIMENSIONS, Simulation};

#[tokio::test(start_paused = true)]
async fn vectors_and_entries_are_as_they_were_and_what_is_foreign_was_not_touched() {
    let simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    assert_eq!(simulation.state().vectors.len() as u64, POINTS + 5);
    let outcome = simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
    assert_eq!(outcome.report["outcome"], "proven");
    let number = |name: &str| outcome.number(&format!("/rollback/{name}"));
    assert_eq!(number("vectors"), POINTS);
    assert_eq!(number("deleted"), POINTS);
    assert_eq!(number("not_found") + number("kept_changed"), 0);
    // Two files and the count were there before, seven files were not.
    assert_eq!(number("entries_restored"), 3);
    assert_eq!(number("entries_deleted"), 7);
    assert_eq!(outcome.report["rollback"]["index_deleted"], false);
    assert_eq!(kinds(&outcome), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_second_rollback_says_that_it_is_done_and_only_compares() {
    let simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    let wrote = writes(&simulation);
    let again = simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the second rollback");
    assert!(
        again
            .said
            .iter()
            .any(|line| line.contains("was rolled back already"))
    );
    assert_eq!(again.number("/rollback/deleted"), POINTS);
    assert_eq!(writes(&simulation), wrote);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_happen_and_changes_nothing_not_even_the_ledger() {
    let mut simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let (migrated, wrote) = (simulation.state(), writes(&simulation));
    simulation.mode = Mode::DryRun;
    let outcome = simulation.rollback().await.expect_code(0);
    same(&migrated, &simulation, "after the dry run");
    assert_eq!(writes(&simulation), wrote);
    assert_eq!(outcome.number("/rollback/deleted"), POINTS);
    assert_eq!(outcome.number("/rollback/entries_deleted"), 7);
    assert_eq!(outcome.report["rollback"]["verdict"], json!(null));
    simulation.mode = Mode::Write;
    // A dry run is no beginning: the migration may still be gone on with.
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
}

#[tokio::test(start_paused = true)]
async fn the_cost_of_looking_is_said_beforehand() {
    let simulation = lived_in(|_| {}).await;
    simulation.run().await.expect_code(0);
    let outcome = simulation.rollback().await;
    let told = outcome.said.iter().position(|line| {
        line.contains("45 vectors of the index docs")
            && line.contains("about 7 requests")
            && line.contains("less than five minutes with --api-budget 1000")
    });
    let began = outcome
        .said
        .iter()
        .position(|line| line.contains("deleted,"));
    assert!(told.is_some() && told < began, "{:#?}", outcome.said);
}

#[tokio::test(start_paused = true)]
async fn vectors_that_others_bring_in_meanwhile_stay_and_are_told() {
    let simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let late = theirs(77);
    simulation
        .sandbox
        .put_vector("docs", "late", &late)
        .unwrap();
    let outcome = simulation.rollback().await.expect_code(0);
    assert_eq!(outcome.number("/rollback/newcomers"), 1);
    let mut wanted = before;
    wanted.vectors.insert("late".to_owned(), late);
    same(&wanted, &simulation, "with the newcomer");
}

#[tokio::test(start_paused = true)]
async fn at_no_call_does_an_entry_name_a_vector_that_is_gone() {
    let mut simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let sandbox = simulation.sandbox.clone();
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    simulation.before_call = Some(Arc::new(move |_| {
        let state = State::of(&sandbox);
        for (key, stored) in &state.entries {
            // What pointed at nothing before the migration does so again.
            if before.entries.get(key) == Some(stored) {
                continue;
            }
            let ids: Vec<String> = serde_json::from_slice(&stored.value).unwrap_or_default();
            let gone: Vec<&String> = ids
                .iter()
                .filter(|id| !state.vectors.contains_key(*id))
                .collect();
            assert!(gone.is_empty(), "{key} names {gone:?}");
        }
        counted.fetch_add(1, Ordering::Relaxed);
        async {}.boxed()
    }));
    simulation.rollback().await.expect_code(0);
    assert!(looks.load(Ordering::Relaxed) > 15);
}

#[tokio::test(start_paused = true)]
async fn entries_that_were_pruned_come_back() {
    let mut simulation = lived_in(|_| {}).await;
    put_entry(&simulation, "file:old", &entry(&["gone_0", "gone_1"]));
    let before = simulation.state();
    simulation.stale = StaleEntries::Prune;
    simulation.run().await.expect_code(0);
    assert!(!simulation.state().entries.contains_key("file:old"));
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_would_have_expired_by_now_stays_away() {
    let simulation = lived_in(|_| {}).await;
    let mut short = entry(&["theirs_2"]);
    short.expiration = Some(BEGIN + 3_600);
    put_entry(&simulation, "file:f3", &short);
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    simulation.clock.sleep(Duration::from_secs(3_590)).await;
    simulation.rollback().await.expect_code(0);
    let mut wanted = before;
    wanted.entries.remove("file:f3");
    same(&wanted, &simulation, "after the rollback");
}

#[tokio::test(start_paused = true)]
async fn a_run_after_a_rollback_begins_from_nothing_with_the_archive_that_is_there() {
    let simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let migrated = simulation.state();
    simulation.rollback().await.expect_code(0);
    let outcome = simulation.run().await.expect_code(0);
    same(&migrated, &simulation, "after the second run");
    assert_eq!(outcome.number("/points/settled"), POINTS);
    assert!(
        outcome
            .said
            .iter()
            .any(|line| line.contains("beginning it anew"))
    );
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the second rollback");
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_planned_nothing_is_refused() {
    let simulation = Simulation::new(5, |_| {});
    let outcome = simulation.rollback().await.expect_code(7);
    assert!(
        outcome
            .error
            .unwrap()
            .contains("there is nothing to take back")
    );
}

#[tokio::test(start_paused = true)]
async fn a_migration_that_was_refused_before_its_first_write_has_nothing_to_take_back() {
    let simulation = lived_in(|_| {}).await;
    let mut points: Vec<_> = (0..POINTS)
        .map(|number| point(number, DIMENSIONS))
        .collect();
    points[3]["payload"]["a.b"] = json!(1);
    write_lines(&simulation.source, points);
    let before = simulation.state();
    simulation.run().await.expect_code(7);
    let outcome = simulation.rollback().await.expect_code(0);
    assert_eq!(outcome.number("/rollback/vectors"), 0);
    same(&before, &simulation, "after the rollback");
}
