//! Entries are deleted and written many at a time, and KV cannot compare before it does.
//! So little time may pass between the look at an entry and what follows from it, however
//! slow the looks are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::binary::{entry, namespace_id, point};
use crate::scene::{BEGIN, live_in, put_entry};
use crate::simulation::{DIMENSIONS, Simulation};

/// Enough for thirty looks of a hundred.
const FILES: u64 = 3_000;

async fn many_files() -> Simulation {
    let file = |number: u64| {
        let mut point = point(number, DIMENSIONS);
        point["payload"]["file_id"] = json!(format!("f{number:05}"));
        point
    };
    let simulation = Simulation::of((0..FILES).map(file), |options| {
        options.apply_delay = Duration::ZERO;
        options.budget = None;
    });
    live_in(&simulation).await;
    simulation
}

#[tokio::test(start_paused = true)]
async fn what_the_application_writes_while_others_are_looked_at_stays() {
    let mut simulation = many_files().await;
    simulation.run().await.expect_code(0);
    let (clock, sandbox) = (simulation.clock, simulation.sandbox.clone());
    let namespace = namespace_id(&sandbox);
    let theirs = entry(&["written_by_the_application"]);
    let (written, looks) = (theirs.clone(), AtomicU64::new(0));
    simulation.before_call = Some(Arc::new(move |path: &str| {
        let is_look = path.ends_with("/bulk/get");
        if is_look && looks.fetch_add(1, Ordering::Relaxed) == 10 {
            sandbox
                .put_entry(&namespace, "file:f00000", &written)
                .unwrap();
        }
        Box::pin(async move {
            if is_look {
                clock.sleep(Duration::from_secs(1)).await;
            }
        })
    }));
    simulation.rollback().await.expect_code(4);
    let left = simulation.state().entries;
    assert_eq!(left["file:f00000"].value, theirs.value);
    assert!(!left.contains_key("file:f00100"));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_comes_to_expire_while_others_are_looked_at_stays_away() {
    let mut simulation = many_files().await;
    let mut short = entry(&["theirs_2"]);
    short.expiration = Some(BEGIN + 7_200);
    put_entry(&simulation, "file:f00000", &short);
    let before = simulation.state();
    simulation.run().await.expect_code(0);
    let clock = simulation.clock;
    clock.sleep(Duration::from_secs(7_200 - 150)).await;
    // A wait for the budget, say, in which the time comes for what was looked at already.
    let looks = AtomicU64::new(0);
    simulation.before_call = Some(Arc::new(move |path: &str| {
        let waits = path.ends_with("/bulk/get") && looks.fetch_add(1, Ordering::Relaxed) == 3;
        Box::pin(async move {
            if waits {
                clock.sleep(Duration::from_secs(120)).await;
            }
        })
    }));
    simulation.rollback().await.expect_code(0);
    let mut wanted = before.entries;
    wanted.remove("file:f00000");
    assert_eq!(wanted, simulation.state().entries);
}
