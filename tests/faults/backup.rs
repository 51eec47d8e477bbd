//! Backups of an index while things go wrong: walks that break, answers that are
//! lost, vectors that vanish, and an end in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;

use cf_migrate::archive::Generation;
use cf_migrate::sandbox::inspect::StoredVector;
use cf_migrate::sandbox::{FaultKind, Operation};

use serde_json::Value;

use crate::binary::INDEX;
use crate::listing::{FOREIGN, two_pages, write_foreign};
use crate::simulation::Simulation;

/// What the archive holds, as the index would.
fn archived(generation: &Generation) -> BTreeMap<String, StoredVector> {
    let points = generation.read(0..u64::MAX).unwrap();
    points
        .map(|read| {
            let (_, point) = read.unwrap();
            let vector = StoredVector {
                namespace: point.namespace,
                values: point.dense[0].clone().unwrap(),
                metadata: (!point.payload.is_empty()).then_some(Value::Object(point.payload)),
            };
            (point.id.to_string(), vector)
        })
        .collect()
}

#[track_caller]
fn assert_whole(simulation: &Simulation, generation: &Generation) {
    let held = simulation.sandbox.vectors(INDEX).unwrap();
    assert_eq!(generation.points(), held.len() as u64);
    assert!(
        archived(generation) == held,
        "the archive holds something else"
    );
    let left = std::fs::read_dir(simulation.folder.join("archive")).unwrap();
    let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["0001"], "the list of ids is left");
}

fn count(simulation: &Simulation, operation: Operation) -> usize {
    simulation.sandbox.calls().count(operation)
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_breaks_is_walked_again_and_a_busy_index_stops_the_backup() {
    let mut simulation = two_pages().await;
    let sandbox = simulation.sandbox.clone();
    let (struck, strikes) = (Arc::new(AtomicUsize::new(0)), 4);
    simulation.before_call = Some(Arc::new(move |path: &str| {
        let second_page = path.contains("/list?") && path.contains("cursor=");
        let strikes = second_page && struck.fetch_add(1, Ordering::Relaxed) < strikes;
        let sandbox = sandbox.clone();
        async move {
            if strikes {
                write_foreign(&sandbox).await;
            }
        }
        .boxed()
    }));
    let told = simulation.back_up().await.0.unwrap_err();
    assert!(
        told.contains("broke off 3 times") && told.contains("pause what writes"),
        "{told}"
    );
    assert_eq!(count(&simulation, Operation::GetByIds), 0);

    let (ended, said) = simulation.back_up().await;
    assert_whole(&simulation, &ended.unwrap());
    assert!(
        said.iter().any(|line| line.contains("walking it again")),
        "{said:?}"
    );
    assert_eq!(
        count(&simulation, Operation::ListVectors),
        10,
        "five walks of two pages"
    );
}

#[tokio::test(start_paused = true)]
async fn lost_and_refused_answers_are_asked_for_again() {
    for fault in [
        "429",
        "drop-before",
        "drop-after",
        "truncated",
        "503",
        "502-html",
        "slow",
    ] {
        let simulation = two_pages().await;
        let kind: FaultKind = fault.parse().unwrap();
        for operation in [
            Operation::ListVectors,
            Operation::GetByIds,
            Operation::GetByIds,
        ] {
            simulation.sandbox.queue_fault(operation, kind);
        }
        let (ended, _) = simulation.back_up().await;
        assert_whole(
            &simulation,
            &ended.unwrap_or_else(|error| panic!("{fault}: {error}")),
        );
        assert_eq!(simulation.sandbox.unused_faults(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn vectors_that_vanish_meanwhile_are_counted() {
    let mut simulation = two_pages().await;
    let sandbox = simulation.sandbox.clone();
    simulation.before_call = Some(Arc::new(move |path: &str| {
        if path.ends_with("/get_by_ids") {
            for id in ["foreign_0005", "foreign_1400"] {
                sandbox.remove_vector(INDEX, id).unwrap();
            }
        }
        std::future::ready(()).boxed()
    }));
    let (ended, said) = simulation.back_up().await;
    let generation = ended.unwrap();
    assert_whole(&simulation, &generation);
    assert_eq!(generation.points(), FOREIGN - 2);
    let told = "2 of the 1500 ids that were listed were gone when they were read";
    assert!(said.iter().any(|line| line.contains(told)), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_ended_in_the_middle_goes_on_behind_what_was_read() {
    let mut simulation = two_pages().await;
    let reads = Arc::new(AtomicUsize::new(0));
    simulation.change_path = Some(Arc::new(move |path: &str| {
        let broken = path.ends_with("/get_by_ids") && reads.fetch_add(1, Ordering::Relaxed) >= 60;
        match broken {
            true => path.replace("/indexes/docs/", "/indexes/gone/"),
            false => path.to_owned(),
        }
    }));
    simulation.back_up().await.0.unwrap_err();
    let listed = count(&simulation, Operation::ListVectors);
    simulation.change_path = None;
    let before = count(&simulation, Operation::GetByIds);
    let (ended, said) = simulation.back_up().await;
    assert_whole(&simulation, &ended.unwrap());
    let told = ": 500 vectors are left: about 25 requests (0 to list the ids, 25 to read";
    assert!(said.iter().any(|line| line.contains(told)), "{said:?}");
    assert_eq!(
        count(&simulation, Operation::ListVectors),
        listed,
        "the ids are known"
    );
    assert_eq!(count(&simulation, Operation::GetByIds) - before, 25);
}

#[tokio::test(start_paused = true)]
async fn the_account_budget_is_kept_and_the_hours_are_told() {
    let mut simulation = two_pages().await;
    simulation.pace.api_budget = Some(cf_migrate::settings::ApiBudget::Calls(20));
    let begun = simulation.clock.now();
    let (ended, said) = simulation.back_up().await;
    assert_whole(&simulation, &ended.unwrap());
    let told = "about 77 requests (2 to list the ids, 75 to read 20 vectors at a time), about 15m with --api-budget 20";
    assert!(said.iter().any(|line| line.contains(told)), "{said:?}");
    let took = simulation.clock.now() - begun;
    assert!(
        took >= Duration::from_secs(900) && took < Duration::from_secs(1_300),
        "{took:?}"
    );
    let most = simulation
        .sandbox
        .calls()
        .most_within(Duration::from_secs(300));
    assert!(
        most <= 21,
        "{most} calls in five minutes, with the one that made the index"
    );
}
