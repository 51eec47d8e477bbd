//! Every kind of fault, at a rate that every run meets it, by several seeds, where
//! the contract is silent either way.

use std::time::Duration;

use cf_migrate::sandbox::{Budget, FaultKind, FaultRate, Operation, SandboxOptions, Unsettled};
use cf_migrate::settings::PaceOptions;
use cf_migrate::stages::inventory::Existing;

use crate::binary::{State, entry, expected_vector};
use crate::simulation::{DIMENSIONS, Outcome, Simulation};

const POINTS: u64 = 200;
const SEEDS: u64 = 3;

/// What a run is meant to end in.
fn wanted() -> State {
    let vectors = (0..POINTS)
        .map(|number| expected_vector(number, DIMENSIONS))
        .collect();
    let ids = |file: u64| {
        (0..5)
            .map(|chunk| format!("f{file}_{chunk}"))
            .collect::<Vec<_>>()
    };
    let mut entries: std::collections::BTreeMap<_, _> = (0..POINTS / 5)
        .map(|file| {
            let ids = ids(file);
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            (format!("file:f{file}"), entry(&ids))
        })
        .collect();
    let mut count = entry(&[]);
    count.value = POINTS.to_string().into_bytes();
    entries.insert("_vector_count".to_owned(), count);
    State { vectors, entries }
}

/// A migration in batches of ten, so that there are many calls to strike.
fn simulation(change: impl FnOnce(&mut SandboxOptions)) -> Simulation {
    let mut simulation = Simulation::new(POINTS, change);
    simulation.pace = PaceOptions {
        batch_count: Some(10),
        ..PaceOptions::default()
    };
    simulation
}

fn struck(kinds: &[(&str, f64)], seed: u64, unsettled: Unsettled) -> Simulation {
    let faults = kinds.iter().map(|(kind, rate)| FaultRate {
        kind: kind.parse().unwrap(),
        rate: *rate,
    });
    simulation(|options| {
        options.faults = faults.collect();
        options.seed = seed;
        options.unsettled = unsettled;
    })
}

/// Runs until a run does not stop for a passing reason.
async fn run_to_the_end(simulation: &Simulation) -> Outcome {
    for _ in 0..5 {
        let outcome = simulation.run().await;
        if outcome.report["exit_code"] != 5 {
            return outcome;
        }
        simulation.clock.sleep(Duration::from_secs(300)).await;
    }
    panic!("five runs stopped for a passing reason");
}

/// Each combination ends proven, with exactly what was meant to be there.
async fn ends_proven(kinds: &[(&str, f64)]) {
    let mut retried = 0;
    for unsettled in [Unsettled::Strict, Unsettled::Lenient] {
        for seed in 0..SEEDS {
            let simulation = struck(kinds, seed, unsettled);
            let outcome = run_to_the_end(&simulation).await.expect_code(0);
            assert_eq!(outcome.report["outcome"], "proven");
            let differences = wanted().differences(&simulation.state());
            assert!(
                differences.is_empty(),
                "{kinds:?} seed {seed} {unsettled}: {differences:?}"
            );
            outcome.check_sum();
            retried += outcome.number("/requests/retried");
        }
    }
    let only_slow = kinds
        .iter()
        .all(|(kind, _)| ["slow", "kv-partial"].contains(kind));
    assert!(only_slow || retried > 0, "no call met {kinds:?}");
}

macro_rules! got_over {
    ($($name:ident: $kind:literal $rate:literal;)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            ends_proven(&[($kind, $rate)]).await;
        })*
    };
}

got_over! {
    too_many_requests_are_got_over: "429" 0.1;
    an_internal_error_is_got_over: "500" 0.1;
    a_bad_gateway_is_got_over: "502" 0.1;
    an_unavailable_service_is_got_over: "503" 0.1;
    a_gateway_timeout_after_the_fact_is_got_over: "504" 0.1;
    an_internal_error_as_html_is_got_over: "500-html" 0.1;
    an_unavailable_service_as_html_is_got_over: "503-html" 0.1;
    a_gateway_timeout_as_html_is_got_over: "504-html" 0.1;
    a_bare_error_is_got_over: "500-bare" 0.1;
    a_bare_gateway_timeout_is_got_over: "504-bare" 0.1;
    connections_cut_before_the_call_are_got_over: "drop-before" 0.15;
    connections_cut_after_the_call_are_got_over: "drop-after" 0.15;
    slow_answers_are_got_over: "slow" 0.2;
    truncated_answers_are_got_over: "truncated" 0.15;
    keys_left_out_of_a_bulk_write_are_got_over: "kv-partial" 0.5;
}

#[tokio::test(start_paused = true)]
async fn everything_at_once_is_got_over() {
    let kinds = [
        "429",
        "500",
        "502-html",
        "503-bare",
        "504",
        "drop-before",
        "drop-after",
        "slow",
        "truncated",
        "kv-partial",
        "cursor-corrupted",
    ];
    ends_proven(&kinds.map(|kind| (kind, 0.03))).await;
}

/// A firewall's page is nothing that waiting helps against: each run that meets it
/// ends, and loses nothing that was done.
#[tokio::test(start_paused = true)]
async fn a_firewall_that_interferes_now_and_then_costs_runs_and_nothing_else() {
    let simulation = struck(&[("challenge", 0.02)], 5, Unsettled::Strict);
    let mut stopped = 0;
    let outcome = loop {
        let outcome = simulation.run().await;
        if outcome.report["exit_code"] != 6 {
            break outcome;
        }
        stopped += 1;
        assert!(stopped < 30, "{:?}", outcome.error);
    };
    assert!(stopped > 0, "no call met the firewall");
    outcome.expect_code(0).check_sum();
    assert_eq!(
        wanted().differences(&simulation.state()),
        Vec::<String>::new()
    );
}

/// Production uses the same account: its block is waited out, and no call is made
/// meanwhile.
#[tokio::test(start_paused = true)]
async fn a_blocked_account_is_left_alone_until_the_block_ends() {
    let window = Duration::from_secs(300);
    let simulation = simulation(|options| {
        options.budget = Some(Budget { calls: 30, window });
    });
    let outcome = run_to_the_end(&simulation).await.expect_code(0);
    let blocks = outcome.number("/requests/rate_limited");
    assert!(blocks > 0, "the account was never blocked");
    let calls = simulation.sandbox.calls();
    let times: Vec<_> = calls.all().iter().map(|call| call.at).collect();
    let pauses = times.windows(2).filter(|pair| pair[1] - pair[0] >= window);
    assert!(pauses.count() > 0, "calls went on during the block");
    // Those that were under way when the block began are refused with it.
    assert!(blocks <= 5 * 4, "{blocks} refused calls");
}

#[tokio::test(start_paused = true)]
async fn faults_and_a_stale_store_are_got_over_together() {
    for seed in 0..SEEDS {
        let simulation = simulation(|options| {
            options.faults = ["429:0.05", "drop-after:0.1", "kv-partial:0.3"]
                .map(|f| f.parse().unwrap())
                .to_vec();
            options.seed = seed;
            options.stale = Duration::from_secs(60);
        });
        run_to_the_end(&simulation).await.expect_code(0);
        assert_eq!(
            wanted().differences(&simulation.state()),
            Vec::<String>::new()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_bulk_write_that_leaves_keys_out_is_sent_again() {
    let simulation = simulation(|options| {
        options.faults = vec!["kv-partial:0.9".parse().unwrap()];
    });
    run_to_the_end(&simulation).await.expect_code(0);
    let puts = simulation.sandbox.calls().count(Operation::BulkPut);
    assert!(
        puts > 2,
        "entries and the count in {puts} calls: no key was left out"
    );
}

/// What is lost or altered behind an accepted mutation is found, each and every
/// one by name, and a migration of its own puts it right.
async fn is_found_and_mended(kind: FaultKind, finding: &str) {
    let mut struck_runs = 0;
    for seed in 0..SEEDS {
        let simulation = struck(&[(&kind.to_string(), 0.2)], seed, Unsettled::Strict);
        let outcome = run_to_the_end(&simulation).await;
        let bad = bad_vectors(&simulation);
        let (count, named) = outcome.finding(finding);
        assert_eq!(count, bad.len() as u64, "{:#}", outcome.report);
        for example in &named {
            assert!(
                bad.iter().any(|id| example.starts_with(id.as_str())),
                "{example}"
            );
        }
        if bad.is_empty() {
            outcome.expect_code(0);
            continue;
        }
        struck_runs += 1;
        outcome.expect_code(4).check_sum();
        // The same command looks again and says the same: what is different now
        // may be the application's own doing.
        simulation.run().await.expect_code(4);
        mend(simulation).await;
    }
    assert!(struck_runs > 0, "no run met {kind}");
}

/// Ids whose vectors are not as they were meant to be.
fn bad_vectors(simulation: &Simulation) -> Vec<String> {
    let (wanted, found) = (wanted(), simulation.state());
    let bad = wanted
        .vectors
        .iter()
        .filter(|(id, vector)| found.vectors.get(*id) != Some(*vector));
    bad.map(|(id, _)| id.clone()).collect()
}

/// A new folder with `--overwrite` writes all of it again.
async fn mend(simulation: Simulation) {
    let mut again = simulation.with_a_healthy_account().await;
    again.folder = again.folder.with_file_name("again.migration");
    again.existing = Existing::Overwrite;
    again.run().await.expect_code(0);
    assert_eq!(wanted().differences(&again.state()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn mutations_that_are_never_applied_are_sent_again() {
    let mut sent_again = 0;
    for seed in 0..SEEDS {
        let rates = [(&*FaultKind::NeverApplied.to_string(), 0.3)];
        let simulation = struck(&rates, seed, Unsettled::Strict);
        run_to_the_end(&simulation).await.expect_code(0).check_sum();
        assert_eq!(bad_vectors(&simulation), [""; 0]);
        let upserts = simulation.sandbox.calls().count(Operation::Upsert);
        sent_again += usize::from(upserts > undisturbed_upserts().await);
    }
    assert!(sent_again > 0, "no run lost a batch");
}

async fn undisturbed_upserts() -> usize {
    let simulation = struck(&[], 0, Unsettled::Strict);
    run_to_the_end(&simulation).await.expect_code(0);
    simulation.sandbox.calls().count(Operation::Upsert)
}

#[tokio::test(start_paused = true)]
async fn floats_altered_by_the_service_are_found() {
    is_found_and_mended(FaultKind::Altered, "values").await;
}
