//! Every kind of fault that the service can have, often; then the same command until
//! it comes to its end.

use std::path::Path;

use cf_migrate::sandbox::{Sandbox, SandboxOptions};
use cf_migrate::stages::inventory::Existing;

use crate::binary::State;
use crate::scene::{add_conflicts, empty, live_in, lived_in, same};
use crate::simulation::Simulation;

const KINDS: [&str; 14] = [
    "429",
    "500",
    "502-html",
    "503-bare",
    "504",
    "504-html",
    "challenge",
    "drop-before",
    "drop-after",
    "slow",
    "truncated",
    "kv-partial",
    "never-applied",
    "cursor-corrupted",
];

/// A migration that is done, on a sandbox on the disk; and what there was before it.
async fn migrated(place: &Path) -> (Simulation, State) {
    let mut simulation = trouble(empty(|_| {}), place, |_| {});
    live_in(&simulation).await;
    add_conflicts(&simulation);
    let before = simulation.state();
    simulation.existing = Existing::KeepOverwritten;
    simulation.run().await.expect_code(0);
    (simulation, before)
}

/// The same account with other options.
fn trouble(
    mut simulation: Simulation,
    place: &Path,
    change: impl FnOnce(&mut SandboxOptions),
) -> Simulation {
    let mut options = SandboxOptions {
        budget: None,
        ..SandboxOptions::default()
    };
    change(&mut options);
    simulation.sandbox = Sandbox::open(Some(place), options, simulation.clock).unwrap();
    simulation
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_fault_is_got_over() {
    for kind in KINDS {
        for seed in 0..3 {
            let rate = if kind == "challenge" { 0.01 } else { 0.15 };
            let place = tempfile::tempdir().unwrap();
            let (simulation, before) = migrated(place.path()).await;
            let simulation = trouble(simulation, place.path(), |options| {
                options.seed = seed;
                options.faults = vec![format!("{kind}:{rate}").parse().unwrap()];
            });
            let mut outcome = simulation.rollback().await;
            for _ in 0..30 {
                if outcome.report["exit_code"] == 0 {
                    break;
                }
                outcome = simulation.rollback().await;
            }
            outcome.expect_code(0);
            same(&before, &simulation, &format!("{kind} with seed {seed}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_writer_between_all_calls_holds_up_nothing() {
    use crate::binary::{INDEX, call};
    use futures::FutureExt as _;
    let mut simulation = lived_in(|_| {}).await;
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let (sandbox, clock) = (simulation.sandbox.clone(), simulation.clock);
    // After each of our deletions another mutation, so that the marker is overtaken.
    simulation.before_call = Some(std::sync::Arc::new(move |path: &str| {
        let sandbox = sandbox.clone();
        let is_look = path.ends_with("/info");
        async move {
            if is_look {
                let path = format!("/vectorize/v2/indexes/{INDEX}/delete_by_ids");
                call(&sandbox, "POST", &path, r#"{"ids":["nobody"]}"#.to_owned()).await;
                clock.sleep(std::time::Duration::from_secs(2)).await;
            }
        }
        .boxed()
    }));
    simulation.rollback().await.expect_code(0);
    same(&before, &simulation, "after the rollback");
}
