//! Several migrations at once into one index of one account: together they keep the
//! budget, and both end with nothing missing or different. What the other one writes
//! meanwhile is neither's own, and each says so.

use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::sandbox::{Budget, SandboxOptions};
use cf_migrate::settings::{ApiBudget, PaceOptions};
use serde_json::{Value, json};

use crate::binary::{INDEX, Served, Workplace, create_index, point, write_lines};
use crate::simulation::{DIMENSIONS, Simulation};

const POINTS: u64 = 400;

/// Points that no other migration has: ids of their own.
fn points(migration: u64) -> impl Iterator<Item = Value> {
    (0..POINTS).map(move |number| {
        let mut point = point(number + 10_000 * migration, DIMENSIONS);
        point["payload"]["migration"] = json!(migration);
        point
    })
}

/// An account that takes so many calls in five minutes.
fn tight(calls: usize) -> impl FnOnce(&mut SandboxOptions) {
    move |options| {
        options.budget = Some(Budget {
            calls,
            window: Duration::from_secs(300),
        });
    }
}

/// Migrations into the account of the first, which share their budget.
fn side_by_side(migrations: u64, budget: u32, folder: &std::path::Path) -> Vec<Simulation> {
    let mut simulations: Vec<Simulation> = (0..migrations)
        // One more, for the call that makes the index.
        .map(|number| Simulation::of(points(number), tight(budget as usize + 1)))
        .collect();
    let (sandbox, clock): (_, Clock) = (simulations[0].sandbox.clone(), simulations[0].clock);
    for simulation in &mut simulations {
        simulation.sandbox = sandbox.clone();
        simulation.clock = clock;
        simulation.file_index = false;
        simulation.create = false;
        simulation.budget_folder = Some(folder.to_owned());
        simulation.pace = PaceOptions {
            api_budget: Some(ApiBudget::Calls(budget)),
            batch_count: Some(20),
            ..PaceOptions::default()
        };
    }
    simulations
}

/// All of its own is there as it should be, and it was never told to slow down.
#[track_caller]
fn check(report: &Value) {
    assert_eq!(report["requests"]["rate_limited"], 0, "{report:#}");
    assert_eq!(report["points"]["settled"], POINTS, "{report:#}");
    let found = &report["verification"];
    assert_eq!(found["values_sampled"], POINTS, "{report:#}");
    let kinds: Vec<_> = found["findings"].as_object().unwrap().keys().collect();
    assert!(
        kinds
            .iter()
            .all(|kind| ["count", "extra"].contains(&kind.as_str())),
        "{kinds:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_migrations_into_one_index_keep_one_budget_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let simulations = side_by_side(2, 30, folder.path());
    create_index(&simulations[0].sandbox, DIMENSIONS).await;
    let runs = simulations.iter().map(Simulation::run);
    for outcome in futures::future::join_all(runs).await {
        check(&outcome.report);
    }
    let calls = simulations[0].sandbox.calls();
    assert!(
        calls.total() > 3 * 30,
        "{} calls tell nothing",
        calls.total()
    );
    let vectors = simulations[0].sandbox.vectors(INDEX).unwrap();
    assert_eq!(vectors.len() as u64, 2 * POINTS);
}

#[tokio::test(start_paused = true)]
async fn a_migration_goes_on_after_a_429_that_somebody_else_caused_and_counts_it() {
    for tells_how_long in [true, false] {
        let mut simulation = Simulation::new(POINTS, tight(60));
        simulation.pace = PaceOptions {
            api_budget: Some(ApiBudget::Calls(50)),
            batch_count: Some(20),
            ..PaceOptions::default()
        };
        if !tells_how_long {
            simulation.drop_header = Some("retry-after");
        }
        let sandbox = simulation.sandbox.clone();
        let crowd = async {
            // While the migration waits for its second window.
            simulation.clock.sleep(Duration::from_secs(200)).await;
            for _ in 0..61 {
                foreign_call(&sandbox).await;
            }
            simulation.clock.sleep(Duration::from_secs(110)).await;
        };
        let (outcome, ()) = futures::future::join(simulation.run(), crowd).await;
        let outcome = outcome.expect_code(0);
        assert_eq!(outcome.report["outcome"], "proven");
        assert!(
            outcome.number("/requests/rate_limited") >= 1,
            "{:#}",
            outcome.report
        );
    }
}

async fn foreign_call(sandbox: &cf_migrate::sandbox::Sandbox) {
    let request = axum::http::Request::builder()
        .uri("http://sandbox/client/v4/accounts/0123456789abcdef0123456789abcdef/vectorize/v2/indexes")
        .header("authorization", "Bearer another")
        .body(bytes::Bytes::new())
        .unwrap();
    sandbox.handle(request).await.unwrap();
}

#[test]
fn two_processes_on_two_folders_keep_the_budget_that_the_account_allows() {
    const ALLOWED: usize = 150;
    let mut options = SandboxOptions::default();
    tight(ALLOWED)(&mut options);
    let served = Served::new(options);
    let place = Workplace::of(&served);
    let started: Vec<_> = (0..2)
        .map(|number| {
            let file = format!("points-{number}.ndjson");
            write_lines(&place.path(&file), points(number));
            let index = format!("vectorize:docs-{number}");
            let line = [
                "run",
                &file,
                &index,
                "--create",
                "--id",
                crate::binary::ID,
                "--batch-count",
                "20",
                "--api-budget",
                "150",
                "--json",
            ];
            let mut command = place.command(&line);
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in started {
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        check(&serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{told}")));
    }
    let calls = served.sandbox.calls();
    assert!(
        calls.total() <= ALLOWED && calls.total() > ALLOWED / 2,
        "{}",
        calls.total()
    );
}
