//! How many requests a migration makes, beside the least there can be
//! (docs/performance.md has the table).

use std::time::Duration;

use cf_migrate::sandbox::Operation;
use serde_json::{Value, json};

use crate::binary::point;
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
    let calls = simulation.sandbox.calls();
    let mut counted = 0;
    for class in classes() {
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
    assert_eq!(outcome.number("/requests/total"), counted, "no other calls");
}
