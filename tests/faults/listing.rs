//! Walks over the index's ids that break because it is written to (code 40052).

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::json;

use cf_migrate::sandbox::Operation;
use cf_migrate::sandbox::inspect::StoredVector;

use crate::binary::{INDEX, call, create_index, values};
use crate::simulation::{DIMENSIONS, Simulation};

/// More than one page of the list.
pub(crate) const FOREIGN: u64 = 1_500;

fn foreign(number: u64) -> StoredVector {
    StoredVector {
        namespace: None,
        values: values(number, DIMENSIONS),
        metadata: None,
    }
}

/// An index of two pages whose list breaks as soon as something is applied
/// between them.
pub(crate) async fn two_pages() -> Simulation {
    let simulation = Simulation::new(20, |options| {
        options.apply_delay = Duration::ZERO;
        options.faults = vec!["cursor-corrupted:1".parse().unwrap()];
    });
    create_index(&simulation.sandbox, DIMENSIONS).await;
    for number in 0..FOREIGN {
        simulation
            .sandbox
            .put_vector(INDEX, &format!("foreign_{number:04}"), &foreign(number))
            .unwrap();
    }
    simulation
}

/// Another writer, who writes one vector of his own again before each second page.
fn busy(simulation: &mut Simulation) {
    let sandbox = simulation.sandbox.clone();
    simulation.before_call = Some(Arc::new(move |path: &str| {
        let (sandbox, strikes) = (
            sandbox.clone(),
            path.contains("/list?") && path.contains("cursor="),
        );
        async move {
            if strikes {
                write_foreign(&sandbox).await;
            }
        }
        .boxed()
    }));
}

pub(crate) async fn write_foreign(sandbox: &cf_migrate::sandbox::Sandbox) {
    let line = json!({"id": "foreign_0000", "values": values(0, DIMENSIONS)});
    call(
        sandbox,
        "POST",
        "/vectorize/v2/indexes/docs/upsert",
        line.to_string(),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn three_broken_walks_of_the_inventory_stop_before_anything_is_written() {
    let mut simulation = two_pages().await;
    busy(&mut simulation);
    let before = simulation.sandbox.vectors(INDEX).unwrap();
    let outcome = simulation.run().await.expect_code(5);
    let told = outcome.error.unwrap();
    assert!(
        told.contains("3 walks broke off") && told.contains("nothing was written"),
        "{told}"
    );
    assert_eq!(simulation.sandbox.vectors(INDEX).unwrap(), before);
    assert!(simulation.sandbox.namespaces().unwrap().is_empty());
    assert!(simulation.upserts.lock().unwrap().is_empty());
    let walks = simulation.sandbox.calls().count(Operation::ListVectors);
    assert_eq!(walks, 6, "three walks of two pages");

    // Once the other writer pauses, the same command goes on.
    simulation.before_call = None;
    simulation.run().await.expect_code(0).check_sum();
    assert_eq!(
        simulation.sandbox.vectors(INDEX).unwrap().len() as u64,
        FOREIGN + 20
    );
}

#[tokio::test(start_paused = true)]
async fn three_broken_walks_of_verify_say_that_extras_were_not_excluded() {
    let mut simulation = two_pages().await;
    simulation.run().await.expect_code(0);
    busy(&mut simulation);
    let outcome = simulation.verify().await.expect_code(5);
    assert_eq!(outcome.report["outcome"], "stopped");
    assert_eq!(outcome.report["verification"]["verdict"], "incomplete");
    let left_out = outcome.report["verification"]["not_compared"][0]
        .as_str()
        .unwrap();
    assert!(
        left_out.starts_with("extra vectors were not excluded"),
        "{left_out}"
    );
    assert_eq!(outcome.number("/verification/values_sampled"), 20);

    // What can be found without the list is found all the same.
    simulation.sandbox.remove_vector(INDEX, "f2_2").unwrap();
    let outcome = simulation.verify().await.expect_code(4);
    assert_eq!(outcome.finding("missing"), (1, vec!["f2_2".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_breaks_once_is_walked_again() {
    let mut simulation = two_pages().await;
    let sandbox = simulation.sandbox.clone();
    let first = Arc::new(std::sync::atomic::AtomicBool::new(true));
    simulation.before_call = Some(Arc::new(move |path: &str| {
        let second_page = path.contains("/list?") && path.contains("cursor=");
        let strikes = second_page && first.swap(false, std::sync::atomic::Ordering::Relaxed);
        let sandbox = sandbox.clone();
        async move {
            if strikes {
                write_foreign(&sandbox).await;
            }
        }
        .boxed()
    }));
    let outcome = simulation.run().await.expect_code(0);
    assert!(
        outcome
            .said
            .iter()
            .any(|line| line.contains("walking it again")),
        "{:?}",
        outcome.said
    );
    assert_eq!(outcome.number("/points/foreign"), FOREIGN);
}
