//! The line: what was allowed of it is used, and no more; and a service that reads
//! slowly always has something to read.

use std::time::Duration;

use cf_migrate::settings::PaceOptions;

use crate::service::{Slowness, slow};
use crate::simulation::Simulation;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_bandwidth_that_was_asked_for_is_used_and_kept() {
    const RATE: usize = 250_000;
    let mut simulation = Simulation::new(12_000, |_| {});
    simulation.pace = PaceOptions {
        max_bandwidth: Some("2Mbit/s".parse().unwrap()),
        batch_count: Some(300),
        ..PaceOptions::default()
    };
    let arrivals = slow(
        &mut simulation,
        Slowness {
            line: Duration::ZERO,
            answer: SECOND,
        },
    );
    simulation.run().await.expect_code(0);
    let arrivals = arrivals.lock().unwrap().clone();
    let bodies = simulation.upserts.lock().unwrap().clone();
    // The last is the barrier, for which everything is waited for.
    let sizes: Vec<usize> = bodies.iter().map(bytes::Bytes::len).collect();
    let (last, sizes) = (sizes.len() - 2, &sizes[..sizes.len() - 1]);
    let took = (arrivals[last] - arrivals[0]).as_secs_f64();
    let used = sizes[1..].iter().sum::<usize>() as f64 / took / RATE as f64;
    assert!(took > 10.0, "{took} s is too short to tell");
    // What the first ones had in common with the next is a body of each at most.
    let begun_before = 3.0 * sizes[0] as f64 / took / RATE as f64;
    assert!(used >= 0.95, "{used} of the rate");
    assert!(used <= 1.0 + begun_before, "{used} of the rate");
    for (at, end) in arrivals[..=last].iter().enumerate() {
        let within = |then: &Instant| *end - *then < 5 * SECOND;
        let first = arrivals.iter().position(within).unwrap();
        let bytes: usize = sizes[first..=at].iter().sum();
        let most = 5 * RATE + 4 * sizes[0];
        assert!(bytes <= most, "{bytes} bytes in five seconds");
    }
}

use cf_migrate::clock::Instant;

#[tokio::test(start_paused = true)]
async fn a_service_that_reads_slowly_always_has_something_to_read() {
    // Half a second for each body, and its answer four seconds later.
    let mut simulation = Simulation::new(2_000, |_| {});
    simulation.pace = PaceOptions {
        batch_count: Some(20),
        ..PaceOptions::default()
    };
    let line = Duration::from_millis(500);
    let arrivals = slow(
        &mut simulation,
        Slowness {
            line,
            answer: 4 * SECOND,
        },
    );
    simulation.run().await.expect_code(0);
    let arrivals = arrivals.lock().unwrap().clone();
    let last = arrivals.len() - 2;
    let took = arrivals[last] - arrivals[0];
    let busy = line * u32::try_from(last).unwrap();
    let used = busy.as_secs_f64() / took.as_secs_f64();
    assert!(last > 90, "{last} batches are too few to tell");
    assert!(used >= 0.95, "{used} of the line");
}
