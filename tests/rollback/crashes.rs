//! A crash at every call of the run and then a rollback; and a crash at every call of
//! the rollback and then the same command.

use std::time::Duration;

use cf_migrate::sandbox::{Call, Operation, SandboxOptions};
use cf_migrate::stages::inventory::Existing;

use crate::binary::INDEX;
use crate::scene::{POINTS, empty, lived_in, same, with_conflicts};
use crate::simulation::Crash;

#[tokio::test(start_paused = true)]
async fn a_run_that_crashed_at_any_call_is_taken_back() {
    let calls = {
        let simulation = lived_in(|_| {}).await;
        simulation.run().await.expect_code(0);
        simulation.sandbox.calls().total()
    };
    let mut crashes = 0;
    for number in 1..=calls {
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = lived_in(|_| {}).await;
            let before = simulation.state();
            simulation.crash = Some(crash);
            crashes += usize::from(simulation.run_or_crash().await.is_none());
            simulation.crash = None;
            let outcome = simulation.rollback().await;
            if outcome.report["exit_code"] == 7 {
                // It had not come as far as a plan.
                assert!(number < 6, "{crash:?}: {:?}", outcome.error);
            } else {
                outcome.expect_code(0);
            }
            same(&before, &simulation, &format!("{crash:?}"));
        }
    }
    assert!(crashes >= 2 * (calls - 3), "{crashes} of {calls}");
}

#[tokio::test(start_paused = true)]
async fn what_a_crashed_run_left_in_the_queue_is_waited_for() {
    let slow = |options: &mut SandboxOptions| options.apply_delay = Duration::from_secs(30);
    let calls = {
        let simulation = lived_in(slow).await;
        simulation.run().await.expect_code(0);
        let calls = simulation.sandbox.calls();
        let last = |call: &Call| call.operation == Operation::Upsert;
        1 + calls.all().iter().rposition(last).unwrap()
    };
    for number in (calls.saturating_sub(8)..=calls).chain([6, 8]) {
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = lived_in(slow).await;
            let before = simulation.state();
            simulation.crash = Some(crash);
            drop(simulation.run_or_crash().await);
            simulation.crash = None;
            simulation.rollback().await.expect_code(0);
            simulation.clock.sleep(Duration::from_secs(600)).await;
            same(&before, &simulation, &format!("{crash:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_crashed_at_any_call_ends_the_same_when_it_is_run_again() {
    let mut crashes = 0;
    for number in 1.. {
        let mut ended = 0;
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = with_conflicts(|_| {}).await;
            simulation.existing = Existing::KeepOverwritten;
            let before = simulation.state();
            simulation.run().await.expect_code(0);
            simulation.crash = Some(crash);
            match simulation.rollback_or_crash().await {
                Some(_) => ended += 1,
                None => crashes += 1,
            }
            simulation.crash = None;
            let outcome = simulation.rollback().await.expect_code(0);
            same(&before, &simulation, &format!("{crash:?}"));
            let number = |name: &str| outcome.number(&format!("/rollback/{name}"));
            assert_eq!(number("deleted"), POINTS - 3, "{crash:?}");
            assert_eq!(number("restored_overwritten"), 3, "{crash:?}");
            assert_eq!(number("entries_restored"), 3, "{crash:?}");
            assert_eq!(number("entries_deleted"), 7, "{crash:?}");
        }
        if ended == 2 {
            break;
        }
    }
    assert!(crashes > 30, "{crashes}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_half_taken_back_is_not_gone_on_with() {
    let mut simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    simulation.crash = Some(Crash::Before(12));
    assert!(simulation.rollback_or_crash().await.is_none());
    simulation.crash = None;
    let outcome = simulation.run().await.expect_code(7);
    assert!(outcome.error.unwrap().contains("finish it first"));
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
}

#[tokio::test(start_paused = true)]
async fn what_was_created_goes_whole_whatever_call_the_rollback_crashed_at() {
    for number in 1.. {
        let mut ended = 0;
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = empty(|_| {});
            simulation.run().await.expect_code(0);
            simulation.crash = Some(crash);
            ended += usize::from(simulation.rollback_or_crash().await.is_some());
            simulation.crash = None;
            let outcome = simulation.rollback().await.expect_code(0);
            assert!(simulation.sandbox.vectors(INDEX).is_err(), "{crash:?}");
            assert!(simulation.sandbox.namespaces().unwrap().is_empty());
            assert_eq!(outcome.report["rollback"]["index_deleted"], true);
            assert_eq!(outcome.number("/rollback/namespaces_deleted"), 1);
        }
        if ended == 2 {
            break;
        }
    }
}
