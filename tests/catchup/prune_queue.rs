//! Deletions of what vanished that the index passes over, or applies late, while others
//! write too.

use std::time::Duration;

use cf_migrate::sandbox::{FaultKind, Operation};
use cf_migrate::stages::index::StaleEntries;
use serde_json::json;

use crate::binary::{call, create_index, values};
use crate::live::{now_holds, points, simulation_with};
use crate::prune::{GONE, check_pruned, prune_and_crash, vanished, without};
use crate::simulation::{DIMENSIONS, put_others_vector};

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_accepted_and_never_applied_is_asked_for_again() {
    let mut simulation = vanished().await;
    simulation.stale = StaleEntries::Prune;
    for _ in 0..2 {
        let (operation, fault) = (Operation::DeleteByIds, FaultKind::NeverApplied);
        simulation.sandbox.queue_fault(operation, fault);
    }
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/deleted"), 6);
    check_pruned(&simulation);
    assert_eq!(simulation.sandbox.unused_faults(), []);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_start_was_promised_to_be_deleted_is_asked_for_again() {
    let mut asked = 0;
    for at in 1.. {
        let mut simulation = vanished().await;
        let (operation, fault) = (Operation::DeleteByIds, FaultKind::NeverApplied);
        simulation.sandbox.queue_fault(operation, fault);
        if !prune_and_crash(&mut simulation, at).await {
            break;
        }
        if simulation.sandbox.unused_faults().is_empty() {
            asked += 1;
            simulation.run().await.expect_code(0);
            check_pruned(&simulation);
        }
    }
    assert!(asked > 2, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_passed_over_is_asked_for_again_beside_a_busy_writer() {
    let mut simulation = simulation_with(600, |options| {
        options.apply_delay = Duration::from_secs(5);
    });
    create_index(&simulation.sandbox, DIMENSIONS).await;
    put_others_vector(&simulation.sandbox);
    simulation.run().await.expect_code(0);
    now_holds(&simulation, points(0..450));
    simulation.stale = StaleEntries::Prune;
    // The first of two.
    let pass_over = || {
        let (operation, fault) = (Operation::DeleteByIds, FaultKind::NeverApplied);
        simulation.sandbox.queue_fault(operation, fault);
    };
    let limit = Duration::from_secs(3_600);
    let run = tokio::time::timeout(limit, simulation.run_beside_a_writer(pass_over));
    let outcome = run.await.expect("it hangs").expect_code(0);
    assert_eq!(outcome.number("/points/deleted"), 150);
    assert_eq!(simulation.state().vectors.len(), 451);
    assert!(simulation.sandbox.unused_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_writes_behind_a_deletion_that_is_queued_stays() {
    let mut queued = 0;
    for at in 1.. {
        let mut simulation = simulation_with(40, |options| {
            options.apply_delay = Duration::from_secs(60);
        });
        simulation.run().await.expect_code(0);
        now_holds(&simulation, without(&GONE, 40));
        if !prune_and_crash(&mut simulation, at).await {
            break;
        }
        let known = simulation.ledger().deletion_marks(None, 1).unwrap();
        if known.is_empty() || !simulation.state().vectors.contains_key("f3_0") {
            continue;
        }
        queued += 1;
        let line = json!({"id": "f3_0", "values": values(9_999, DIMENSIONS)});
        let path = "/vectorize/v2/indexes/docs/upsert";
        call(&simulation.sandbox, "POST", path, line.to_string()).await;
        let outcome = simulation.run().await;
        // Whether his is told as one too many depends on how far this pass had come.
        let code = &outcome.report["exit_code"];
        assert!(*code == 0 || *code == 4, "{code} after {at}");
        // His may be applied after the end.
        simulation.clock.sleep(Duration::from_secs(61)).await;
        let state = simulation.state();
        assert_eq!(state.vectors.len(), 35, "after {at}");
        assert_eq!(state.vectors["f3_0"].values, values(9_999, DIMENSIONS));
    }
    assert!(queued > 0);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_deletion_is_finished_beside_a_busy_writer() {
    let mut finished = 0;
    for at in 8..14 {
        let mut simulation = simulation_with(40, |options| {
            options.apply_delay = Duration::from_secs(60);
        });
        create_index(&simulation.sandbox, DIMENSIONS).await;
        put_others_vector(&simulation.sandbox);
        simulation.run().await.expect_code(0);
        now_holds(&simulation, without(&GONE, 40));
        if !prune_and_crash(&mut simulation, at).await {
            break;
        }
        if simulation
            .ledger()
            .deletion_marks(None, 1)
            .unwrap()
            .is_empty()
        {
            continue;
        }
        finished += 1;
        simulation.run_beside_a_writer(|| ()).await.expect_code(0);
        assert_eq!(simulation.state().vectors.len(), 35, "after {at}");
    }
    assert!(finished > 0);
}
