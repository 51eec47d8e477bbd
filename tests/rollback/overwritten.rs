//! Vectors that were there before and were replaced: back bit for bit where they were
//! saved, counted by name where they were not.

use cf_migrate::sandbox::Operation;
use cf_migrate::settings::PaceOptions;
use cf_migrate::stages::inventory::Existing;
use serde_json::json;

use crate::binary::INDEX;
use crate::scene::{POINTS, kinds, same, theirs, with_conflicts};
use crate::simulation::Crash;

#[tokio::test(start_paused = true)]
async fn replaced_vectors_come_back_bit_for_bit() {
    let mut simulation = with_conflicts(|_| {}).await;
    let before = simulation.state();
    simulation.existing = Existing::KeepOverwritten;
    let outcome = simulation.run().await.expect_code(0);
    assert!(outcome.said.iter().any(|line| {
        line.contains("3 vectors that will be replaced are saved first: about 1 requests")
    }));
    assert_ne!(simulation.state().vectors["f3_2"], before.vectors["f3_2"]);
    let outcome = simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
    assert_eq!(outcome.number("/rollback/overwritten"), 3);
    assert_eq!(outcome.number("/rollback/restored_overwritten"), 3);
    assert_eq!(outcome.number("/rollback/vectors"), POINTS - 3);
}

#[tokio::test(start_paused = true)]
async fn replaced_vectors_that_were_not_saved_are_named_and_stay() {
    let mut simulation = with_conflicts(|_| {}).await;
    let mut wanted = simulation.state();
    simulation.existing = Existing::Overwrite;
    let outcome = simulation.run().await.expect_code(0);
    assert!(
        outcome
            .said
            .iter()
            .any(|line| line.contains("a rollback could not bring their old values back"))
    );
    for id in ["f0_0", "f3_2", "f8_4"] {
        let now = simulation.state().vectors[id].clone();
        wanted.vectors.insert(id.to_owned(), now);
    }
    let outcome = simulation.rollback().await.expect_code(4);
    assert!(outcome.said.iter().any(|line| line.contains(
        "3 vectors that were in the index before were replaced without --keep-overwritten"
    )));
    same(&wanted, &simulation, "after the rollback");
    assert_eq!(outcome.number("/rollback/lost_overwritten"), 3);
    assert_eq!(kinds(&outcome), ["overwritten_lost"]);
    let named = &outcome.report["rollback"]["findings"]["overwritten_lost"]["examples"];
    assert_eq!(*named, json!(["f0_0", "f3_2", "f8_4"]));
}

#[tokio::test(start_paused = true)]
async fn a_replaced_vector_that_was_changed_since_stays_as_it_is() {
    let mut simulation = with_conflicts(|_| {}).await;
    let mut wanted = simulation.state();
    simulation.existing = Existing::KeepOverwritten;
    simulation.run().await.expect_code(0);
    simulation
        .sandbox
        .put_vector(INDEX, "f3_2", &theirs(70))
        .unwrap();
    wanted.vectors.insert("f3_2".to_owned(), theirs(70));
    let outcome = simulation.rollback().await.expect_code(4);
    same(&wanted, &simulation, "after the rollback");
    assert_eq!(kinds(&outcome), ["overwritten_changed"]);
    assert_eq!(outcome.number("/rollback/restored_overwritten"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_saving_that_crashed_at_any_call_goes_on_and_loses_nothing() {
    let mut crashes = 0;
    for number in 1..40 {
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = with_conflicts(|_| {}).await;
            simulation.existing = Existing::KeepOverwritten;
            let before = simulation.state();
            simulation.crash = Some(crash);
            crashes += usize::from(simulation.run_or_crash().await.is_none());
            simulation.crash = None;
            simulation.run().await.expect_code(0);
            let outcome = simulation.rollback().await.expect_code(0);
            same(&before, &simulation, &format!("{crash:?}"));
            assert_eq!(outcome.number("/rollback/restored_overwritten"), 3);
        }
    }
    assert!(crashes > 60, "{crashes}");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_and_never_arrived_did_not_replace_anything() {
    // The first upsert is the last thing that the process asks for.
    let mut simulation = with_conflicts(|_| {}).await;
    simulation.existing = Existing::Overwrite;
    let before = simulation.state();
    simulation.pace.concurrency = Some(1);
    let upserts = |simulation: &crate::simulation::Simulation| {
        simulation.sandbox.calls().count(Operation::Upsert)
    };
    for number in 1.. {
        simulation.crash = Some(Crash::Before(number));
        let folder = simulation.folder.clone();
        assert!(simulation.run_or_crash().await.is_none(), "call {number}");
        let sent = rusqlite::Connection::open(folder.join("ledger.db"))
            .unwrap()
            .query_row("SELECT count(*) FROM batch", [], |row| row.get::<_, i64>(0))
            .unwrap();
        if sent > 0 {
            break;
        }
    }
    assert_eq!(upserts(&simulation), 0);
    simulation.crash = None;
    let outcome = simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
    assert_eq!(outcome.number("/rollback/lost_overwritten"), 0);
}

#[tokio::test(start_paused = true)]
async fn saving_again_after_a_rollback_saves_what_there_is_then() {
    let mut simulation = with_conflicts(|_| {}).await;
    simulation.existing = Existing::KeepOverwritten;
    simulation.pace = PaceOptions {
        batch_count: Some(7),
        ..simulation.pace.clone()
    };
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    simulation
        .sandbox
        .put_vector(INDEX, "f0_0", &theirs(61))
        .unwrap();
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the second rollback");
    assert!(simulation.folder.join("overwritten/0002").is_dir());
}

#[tokio::test(start_paused = true)]
async fn saved_values_that_are_gone_stop_the_rollback_before_it_changes_anything() {
    let mut simulation = with_conflicts(|_| {}).await;
    simulation.existing = Existing::KeepOverwritten;
    simulation.run().await.expect_code(0);
    let migrated = simulation.state();
    let folder = simulation.folder.join("overwritten");
    std::fs::rename(&folder, simulation.folder.join("elsewhere")).unwrap();
    let outcome = simulation.rollback().await.expect_code(1);
    assert!(outcome.error.unwrap().contains("put the folder back"));
    same(&migrated, &simulation, "nothing was changed");
    std::fs::rename(simulation.folder.join("elsewhere"), &folder).unwrap();
    simulation.rollback().await.expect_code(0);
}
