//! What a migration costs: the number of each call for a known collection, so that
//! a regression shows, and the limits that calls and batches keep.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cf_migrate::sandbox::{Operation, Sandbox};
use cf_migrate::settings::{ApiBudget, PaceOptions};

use crate::binary::{CHUNKS, INDEX, entry, expected_vector, namespace_id};
use crate::simulation::{DIMENSIONS, Outcome, Simulation, Verb};

fn count(sandbox: &Sandbox, operation: Operation) -> usize {
    sandbox.calls().count(operation)
}

/// Counts of every operation that was called.
fn bill(sandbox: &Sandbox) -> Vec<(Operation, usize)> {
    let calls = sandbox.calls();
    let operations: std::collections::BTreeSet<_> =
        calls.all().iter().map(|call| call.operation).collect();
    operations
        .into_iter()
        .map(|operation| (operation, calls.count(operation)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_of_a_thousand_points_costs_so_many_calls() {
    let simulation = Simulation::new(1_000, |options| options.apply_delay = Duration::ZERO);
    let outcome = simulation.run().await.expect_code(0);
    let bill = bill(&simulation.sandbox);
    let wanted = [
        (Operation::CreateIndex, 1),
        // Planning finds no index.
        (Operation::GetIndex, 1),
        // Settling, before the barrier and after it; the count for KV; the counts
        // of verifying, whose list tells what KV's count must be.
        (Operation::IndexInfo, 4),
        // One batch, and the barrier.
        (Operation::Upsert, 2),
        // A record of each batch once the barrier is applied, and every value,
        // twenty at a time.
        (Operation::GetByIds, 51),
        // Inventory and verification.
        (Operation::ListVectors, 2),
        (Operation::ListNamespaces, 1),
        (Operation::CreateNamespace, 1),
        // Entries and the count, when writing and when verifying; and whether the
        // namespace just made is there.
        (Operation::ListKeys, 5),
        // Entries and the count.
        (Operation::BulkPut, 2),
        // Two hundred entries a hundred at a time, and the count.
        (Operation::BulkGet, 3),
    ];
    assert_eq!(bill, wanted);
    let total: usize = wanted.iter().map(|(_, calls)| calls).sum();
    assert_eq!(outcome.number("/requests/total"), total as u64);
    assert_eq!(outcome.number("/requests/retried"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_run_writes_nothing() {
    let simulation = Simulation::new(1_000, |options| options.apply_delay = Duration::ZERO);
    simulation.run().await.expect_code(0);
    let state = simulation.state();
    let writes = [
        Operation::Upsert,
        Operation::BulkPut,
        Operation::CreateIndex,
        Operation::CreateNamespace,
    ];
    let before = writes.map(|operation| count(&simulation.sandbox, operation));
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(
        writes.map(|operation| count(&simulation.sandbox, operation)),
        before
    );
    assert_eq!(outcome.number("/points/unchanged"), 1_000);
    assert_eq!(outcome.number("/points/settled"), 0);
    assert_eq!(outcome.number("/file_index/written"), 0);
    assert_eq!(simulation.state(), state);
}

#[tokio::test(start_paused = true)]
async fn calls_of_any_five_minutes_stay_within_the_budget() {
    let window = Duration::from_secs(300);
    for budget in [20, 50] {
        let mut simulation = Simulation::new(1_000, |_| {});
        simulation.pace = PaceOptions {
            api_budget: Some(ApiBudget::Calls(budget)),
            batch_count: Some(20),
            ..PaceOptions::default()
        };
        let outcome = simulation.run().await.expect_code(0);
        let calls = simulation.sandbox.calls();
        assert!(calls.total() > 2 * budget as usize, "too few calls to tell");
        assert!(
            calls.most_within(window) <= budget as usize,
            "{}",
            calls.most_within(window)
        );
        assert_eq!(outcome.number("/requests/rate_limited"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_count_against_the_budget_too() {
    let mut simulation = Simulation::new(400, |options| {
        options.faults = vec![
            "503:0.2".parse().unwrap(),
            "drop-after:0.1".parse().unwrap(),
        ];
    });
    simulation.pace = PaceOptions {
        api_budget: Some(ApiBudget::Calls(30)),
        batch_count: Some(20),
        ..PaceOptions::default()
    };
    simulation.run().await.expect_code(0);
    let most = simulation
        .sandbox
        .calls()
        .most_within(Duration::from_secs(300));
    assert!(most <= 30, "{most} calls");
}

#[tokio::test(start_paused = true)]
async fn batches_keep_the_count_and_the_bytes_that_were_asked_for() {
    let mut simulation = Simulation::new(500, |_| {});
    simulation.pace = PaceOptions {
        batch_count: Some(37),
        ..PaceOptions::default()
    };
    simulation.run().await.expect_code(0);
    let lines: Vec<usize> = bodies(&simulation).iter().map(lines).collect();
    assert!(lines.iter().all(|lines| *lines <= 37), "{lines:?}");
    assert_eq!(
        lines.len(),
        500_usize.div_ceil(37) + 1,
        "full batches, and the barrier"
    );

    let mut simulation = Simulation::new(500, |_| {});
    simulation.pace = PaceOptions {
        batch_bytes: Some("64KiB".parse().unwrap()),
        ..PaceOptions::default()
    };
    simulation.run().await.expect_code(0);
    let sizes: Vec<usize> = bodies(&simulation).iter().map(bytes::Bytes::len).collect();
    assert!(sizes.iter().all(|size| *size <= 64 << 10), "{sizes:?}");
    assert!(sizes.len() > 3, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn as_many_batches_fly_at_once_as_concurrency_allows() {
    // Unasked, more than four where they only wait for their answers.
    for (concurrency, most) in [(Some(1), 1), (Some(5), 5), (Some(64), 20), (None, 16)] {
        let mut simulation = Simulation::new(200, |options| {
            options.faults = vec!["slow:1".parse().unwrap()];
        });
        simulation.pace = PaceOptions {
            batch_count: Some(10),
            concurrency,
            ..PaceOptions::default()
        };
        simulation.run().await.expect_code(0);
        let seen = simulation.in_flight.1.load(Ordering::Relaxed);
        assert_eq!(seen, most, "with --concurrency {concurrency:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_sends_only_what_was_not_accepted() {
    let mut simulation = Simulation::new(1_000, |_| {});
    simulation.pace = PaceOptions {
        batch_count: Some(50),
        concurrency: Some(2),
        ..PaceOptions::default()
    };
    simulation.interrupt_after = Some(400);
    interrupted(&simulation).await;
    let before = bodies(&simulation).len();
    assert!(
        (8..=11).contains(&before),
        "{before} batches before the interruption"
    );

    simulation.interrupt_after = None;
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    let bodies = bodies(&simulation);
    assert_eq!(bodies.len(), 20 + 1, "each batch once, and the barrier");
    let sent: usize = bodies.iter().map(lines).sum();
    assert_eq!(sent, 1_000 + 1);
}

async fn interrupted(simulation: &Simulation) -> Outcome {
    let outcome = simulation.run().await.expect_code(130);
    assert_eq!(outcome.report["outcome"], "interrupted");
    outcome
}

#[tokio::test(start_paused = true)]
async fn other_batch_sizes_at_the_next_start_send_nothing_twice() {
    let mut simulation = Simulation::new(1_000, |_| {});
    simulation.pace = PaceOptions {
        batch_count: Some(50),
        ..PaceOptions::default()
    };
    simulation.interrupt_after = Some(300);
    interrupted(&simulation).await;
    simulation.interrupt_after = None;
    simulation.pace = PaceOptions {
        batch_count: Some(7),
        ..PaceOptions::default()
    };
    simulation.run().await.expect_code(0).check_sum();
    let sent: usize = bodies(&simulation).iter().map(lines).sum();
    assert_eq!(sent, 1_000 + 1);
}

fn bodies(simulation: &Simulation) -> Vec<bytes::Bytes> {
    simulation.upserts.lock().unwrap().clone()
}

fn lines(body: &bytes::Bytes) -> usize {
    body.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .count()
}

#[tokio::test(start_paused = true)]
async fn ids_of_others_in_many_entries_are_asked_for_together() {
    let points = 200 * CHUNKS;
    let simulation = Simulation::new(points, |_| {});
    simulation.run().await.expect_code(0);
    // After the inventory: the index itself has to be asked for them.
    let namespace = namespace_id(&simulation.sandbox);
    for (key, held) in simulation.state().entries {
        let Some(file) = key.strip_prefix("file:") else {
            continue;
        };
        let foreign = format!("{file}_of_another");
        let mut ids: Vec<String> = serde_json::from_slice(&held.value).unwrap();
        ids.push(foreign.clone());
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (sandbox, entry) = (&simulation.sandbox, entry(&ids));
        sandbox.put_entry(&namespace, &key, &entry).unwrap();
        let vector = expected_vector(1, DIMENSIONS).1;
        sandbox.put_vector(INDEX, &foreign, &vector).unwrap();
    }
    let before = count(&simulation.sandbox, Operation::GetByIds);
    simulation.verb(Verb::Index).await.expect_code(0);
    let asked = count(&simulation.sandbox, Operation::GetByIds) - before;
    assert_eq!(asked, 200 / 20, "calls for 200 ids");
}
