//! How many requests a migration makes, beside the least there can be
//! (docs/performance.md has the table).

use std::time::Duration;

use cf_migrate::sandbox::Operation;
use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::{Value, json};

use crate::binary::{INDEX, create_index, create_namespace, entry, point, values};
use crate::simulation::{DIMENSIONS, Simulation};

const POINTS: u64 = 60_000;
/// Of a file: with more than a few, all of their ids are more than is compared at a
/// time, and their entries are still fewer than fit a write.
const CHUNKS: u64 = 12;

fn chunk(number: u64) -> Value {
    let mut point = point(number, DIMENSIONS);
    point["payload"]["file_id"] = json!(format!("f{}", number / CHUNKS));
    point["payload"]["chunk_index"] = json!(number % CHUNKS);
    point
}

/// A class of requests: the least that the work needs, and what comes on top whatever
/// the size of the collection.
struct Class {
    operation: Operation,
    least: u64,
    constant: u64,
}

fn classes() -> [Class; 11] {
    let files = POINTS / CHUNKS;
    let class = |operation, least, constant| Class {
        operation,
        least,
        constant,
    };
    [
        // The barrier.
        class(Operation::Upsert, POINTS.div_ceil(5_000), 1),
        // The look before the first write, at an index that is empty.
        class(Operation::ListVectors, POINTS.div_ceil(1_000), 1),
        // The sample; a record of each batch once the barrier is applied.
        class(Operation::GetByIds, 3_000 / 20, 1),
        // The count.
        class(Operation::BulkPut, files.div_ceil(10_000), 1),
        // The count.
        class(Operation::BulkGet, files.div_ceil(100), 1),
        // Before the first write, before the entries and around the count.
        class(Operation::ListKeys, files.div_ceil(1_000), 4),
        // Around the barrier, for the count, and when verifying.
        class(Operation::IndexInfo, 0, 4),
        class(Operation::GetIndex, 0, 1),
        class(Operation::CreateIndex, 0, 1),
        class(Operation::ListNamespaces, 0, 1),
        class(Operation::CreateNamespace, 0, 1),
    ]
}

#[tokio::test(start_paused = true)]
async fn requests_are_the_least_there_can_be_and_a_few() {
    let simulation = Simulation::of((0..POINTS).map(chunk), |options| {
        options.apply_delay = Duration::ZERO;
    });
    let outcome = simulation.run().await.expect_code(0);
    let counted = count(&simulation, &classes());
    assert_eq!(outcome.number("/requests/total"), counted, "no other calls");
}

/// Holds the calls so far to what they should be, and gives their number.
fn count(simulation: &Simulation, classes: &[Class]) -> u64 {
    let calls = simulation.sandbox.calls();
    let mut counted = 0;
    for class in classes {
        let made = calls.count(class.operation) as u64;
        let most = class.least + class.least / 50 + class.constant;
        println!("{:?}: {made}, the least {}", class.operation, class.least);
        assert!(
            (class.least..=most).contains(&made),
            "{:?}: {made} calls, the least are {}",
            class.operation,
            class.least
        );
        counted += made;
    }
    counted
}

/// More files than one bulk delete takes keys.
const FILES: u64 = 25_000;

#[tokio::test(start_paused = true)]
async fn entries_are_deleted_in_calls_that_are_full() {
    let file = |number: u64| {
        let mut point = point(number, DIMENSIONS);
        point["payload"]["file_id"] = json!(format!("f{number:05}"));
        point
    };
    let simulation = Simulation::of((0..FILES).map(file), |options| {
        options.apply_delay = Duration::ZERO;
        options.budget = None;
    });
    // Something that is not ours, so that neither index nor namespace goes as a whole.
    live_in(&simulation).await;
    simulation.run().await.expect_code(0);
    simulation.rollback().await.expect_code(0);
    let class = |operation, least, constant| Class {
        operation,
        least,
        constant,
    };
    count(
        &simulation,
        &[
            // The count.
            class(Operation::BulkDelete, FILES.div_ceil(10_000), 1),
            class(Operation::DeleteByIds, FILES.div_ceil(100), 0),
        ],
    );
}

async fn live_in(simulation: &Simulation) {
    let sandbox = &simulation.sandbox;
    create_index(sandbox, DIMENSIONS).await;
    let namespace = create_namespace(sandbox).await;
    let vector = StoredVector {
        namespace: None,
        values: values(900, DIMENSIONS),
        metadata: None,
    };
    sandbox.put_vector(INDEX, "theirs", &vector).unwrap();
    sandbox
        .put_entry(&namespace, "theirs", &entry(&["theirs"]))
        .unwrap();
}
