//! `--memory`: what bodies weigh that are under way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cf_migrate::settings::PaceOptions;
use serde_json::json;

use crate::binary::point;
use crate::service::{Slowness, slow};
use crate::simulation::{DIMENSIONS, Simulation};

#[tokio::test(start_paused = true)]
async fn bodies_under_way_and_the_one_being_encoded_take_what_the_process_leaves_them() {
    // About 75 MB of records, batches of 8 MiB, and 32 MiB for all bodies.
    const BATCH: usize = 8 << 20;
    let text = "lorem ipsum ".repeat(800);
    let points = (0..7_500).map(|number| {
        let mut point = point(number, DIMENSIONS);
        point["payload"]["text"] = json!(text);
        point
    });
    let mut simulation = Simulation::of(points, |_| {});
    simulation.file_index = false;
    simulation.sample = 20;
    simulation.pace = PaceOptions {
        batch_bytes: Some("8MiB".parse().unwrap()),
        concurrency: Some(64),
        memory: Some("96MiB".parse().unwrap()),
        ..PaceOptions::default()
    };
    let slowness = Slowness {
        line: Duration::ZERO,
        answer: Duration::from_secs(60),
    };
    slow(&mut simulation, slowness);
    simulation.run().await.expect_code(0);
    let most = simulation.bytes_in_flight.1.load(Ordering::Relaxed);
    assert!(most <= 32 << 20, "{most} bytes");
    assert!(most > 3 * BATCH, "{most} bytes: memory was left unused");
}
