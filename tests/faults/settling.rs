//! Waiting until the index has applied what it accepted: other writers, an index
//! that takes its time, and one that never applies anything.

use std::time::Duration;

use cf_migrate::sandbox::{FaultKind, Operation, SandboxOptions};
use cf_migrate::settings::PaceOptions;
use cf_migrate::stages::inventory::Existing;

use crate::binary::{
    ID, INDEX, Served, Workplace, create_index, expected_vector, point, write_lines,
};
use crate::simulation::{DIMENSIONS, Outcome, Simulation, put_others_vector};

const POINTS: u64 = 100;

fn batches_of_ten() -> PaceOptions {
    PaceOptions {
        batch_count: Some(10),
        ..PaceOptions::default()
    }
}

async fn slow_index(delay: Duration) -> Simulation {
    let mut simulation = Simulation::new(POINTS, |options| {
        options.apply_delay = delay;
        // A Worker's writes do not count against it.
        options.budget = None;
    });
    simulation.pace = batches_of_ten();
    create_index(&simulation.sandbox, DIMENSIONS).await;
    put_others_vector(&simulation.sandbox);
    simulation
}

#[tokio::test(start_paused = true)]
async fn an_index_that_takes_minutes_is_waited_for() {
    let simulation = slow_index(Duration::from_secs(600)).await;
    let outcome = simulation.run().await.expect_code(0);
    assert!(outcome.report["seconds"]["settle"].as_f64().unwrap() >= 600.0);
    // Asking how far it is takes few of the account's calls.
    let asked = simulation.sandbox.calls().count(Operation::IndexInfo);
    assert!(asked < 90, "{asked} calls in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn a_barrier_that_another_writer_overtakes_still_settles() {
    for delay in [1, 20, 100].map(Duration::from_secs) {
        let simulation = slow_index(delay).await;
        let outcome = simulation.run_beside_a_writer(|| ()).await.expect_code(0);
        outcome.check_sum();
        assert_eq!(outcome.number("/points/settled"), POINTS);
        let waited = outcome.report["seconds"]["settle"].as_f64().unwrap();
        assert!(
            waited < delay.as_secs_f64() + 60.0,
            "{waited} s for a delay of {delay:?}"
        );
    }
}

/// Ten batches that replace what the index holds: all but two records as they are
/// there already.
async fn replacing(delay: Duration) -> Simulation {
    let mut simulation = slow_index(delay).await;
    for number in 0..POINTS {
        let (id, mut vector) = expected_vector(number, DIMENSIONS);
        if [3, 77].contains(&number) {
            vector.values[0] += 1.0;
        }
        simulation.sandbox.put_vector(INDEX, &id, &vector).unwrap();
    }
    simulation.existing = Existing::Overwrite;
    simulation
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_is_not_taken_for_what_was_sent() {
    let delay = Duration::from_secs(100);
    let simulation = replacing(delay).await;
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), POINTS);

    let simulation = replacing(delay).await;
    let outcome = simulation.run_beside_a_writer(|| ()).await.expect_code(0);
    let waited = outcome.report["seconds"]["settle"].as_f64().unwrap();
    assert!((90.0..200.0).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn an_index_that_never_applies_ends_in_a_stop_that_can_be_resumed() {
    let day = Duration::from_secs(24 * 3_600);
    let simulation = slow_index(day).await;
    let outcome = simulation.run().await.expect_code(5);
    let told = outcome.error.as_deref().unwrap();
    for part in [
        "applied nothing of ours for 15m",
        "10 accepted batches",
        "run the same command again",
        "--settle-timeout",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    let waited = outcome.report["seconds"]["settle"].as_f64().unwrap();
    assert!((900.0..930.0).contains(&waited), "{waited} s");

    let sent = simulation.upserts.lock().unwrap().len();
    simulation.clock.sleep(2 * day).await;
    simulation.pace.clone_into(&mut batches_of_ten());
    // The new barrier waits in the queue as long as everything else did.
    let again = run_patiently(simulation, day).await;
    again.1.expect_code(0).check_sum();
    assert_eq!(
        again.0.upserts.lock().unwrap().len(),
        sent + 1,
        "only a new barrier was sent"
    );
}

async fn run_patiently(mut simulation: Simulation, delay: Duration) -> (Simulation, Outcome) {
    let patience = format!("{}h", 2 * delay.as_secs() / 3_600);
    simulation.pace.settle_timeout = Some(patience.parse().unwrap());
    let outcome = simulation.run().await;
    (simulation, outcome)
}

#[tokio::test(start_paused = true)]
async fn a_shorter_settle_timeout_is_obeyed() {
    let mut simulation = slow_index(Duration::from_secs(3_600)).await;
    simulation.pace.settle_timeout = Some("2m".parse().unwrap());
    let outcome = simulation.run().await.expect_code(5);
    let waited = outcome.report["seconds"]["settle"].as_f64().unwrap();
    assert!((120.0..150.0).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn a_lost_batch_behind_a_busy_writer_ends_in_a_stop_and_never_hangs() {
    let simulation = slow_index(Duration::from_secs(5)).await;
    let lose_one = || {
        let sandbox = &simulation.sandbox;
        sandbox.queue_fault(Operation::Upsert, FaultKind::NeverApplied);
    };
    let limit = Duration::from_secs(3_600);
    let run = tokio::time::timeout(limit, simulation.run_beside_a_writer(lose_one));
    let outcome = run.await.expect("it hangs").expect_code(5);
    let told = outcome.error.as_deref().unwrap();
    assert!(told.contains("1 accepted batch"), "{told}");

    // Without the other writer the barrier tells that the batch was passed over,
    // and it is sent again.
    let mended = simulation.run().await.expect_code(0);
    assert_eq!(mended.number("/verification/missing"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_barrier_that_is_lost_itself_still_settles() {
    let simulation = slow_index(Duration::from_secs(5)).await;
    for _ in 0..10 {
        simulation
            .sandbox
            .queue_fault(Operation::Upsert, FaultKind::Slow);
    }
    // The eleventh upsert is the barrier.
    simulation
        .sandbox
        .queue_fault(Operation::Upsert, FaultKind::NeverApplied);
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), POINTS);
    assert!(simulation.sandbox.unused_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_index_whose_own_count_lags_behind_is_waited_for() {
    let simulation = slow_index(Duration::from_secs(1)).await;
    let count = async {
        simulation.sandbox.miscount(INDEX, 29).unwrap();
        simulation.clock.sleep(Duration::from_secs(70)).await;
        simulation.sandbox.miscount(INDEX, -29).unwrap();
    };
    let (outcome, ()) = tokio::join!(simulation.run(), count);
    outcome.expect_code(0);
    assert_eq!(simulation.state().entries["_vector_count"].value, b"101");
}

#[test]
fn the_terminal_says_what_is_safe_and_how_to_go_on() {
    let served = Served::new(SandboxOptions {
        apply_delay: Duration::from_secs(3_600),
        ..SandboxOptions::default()
    });
    let place = Workplace::of(&served);
    write_lines(
        &place.path("points.ndjson"),
        (0..30).map(|number| point(number, DIMENSIONS)),
    );
    let run = [
        "run",
        "points.ndjson",
        "vectorize:docs",
        "--id",
        ID,
        "--create",
        "--settle-timeout",
        "1s",
    ];
    let ended = place.run(&run);
    ended.expect_code(5);
    for told in [
        "error: the index has applied nothing of ours for 1s; 1 accepted batch is not confirmed yet",
        "safe: 30 points are in the archive",
        "safe: 30 records were accepted by Vectorize, 0 of them are applied",
        "run points.ndjson vectorize:docs --id '{file_id}_{chunk_index}' --create --settle-timeout 1s",
    ] {
        assert!(ended.stderr.contains(told), "{told:?} in {}", ended.stderr);
    }
    assert_eq!(place.report()["outcome"], "stopped");
}
