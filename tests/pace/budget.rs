//! The request budget of a long upsert, where no bytes bind.

use std::time::Duration;

use cf_migrate::clock::Instant;
use cf_migrate::settings::{ApiBudget, PaceOptions};

use crate::service::{Slowness, slow};
use crate::simulation::Simulation;

const WINDOW: Duration = Duration::from_secs(300);

/// When the upserts of 4,000 points came, a point in each.
async fn upserts(pace: PaceOptions, answer: Duration) -> Vec<Instant> {
    let mut simulation = Simulation::new(4_000, |options| {
        options.budget = match pace.api_budget {
            Some(ApiBudget::Off) => None,
            _ => options.budget,
        };
    });
    simulation.file_index = false;
    simulation.pace = PaceOptions {
        batch_count: Some(1),
        ..pace
    };
    let line = Duration::ZERO;
    let arrivals = slow(&mut simulation, Slowness { line, answer });
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/requests/rate_limited"), 0);
    let arrivals = arrivals.lock().unwrap();
    assert_eq!(arrivals.len(), 4_000 + 1, "a batch each, and the barrier");
    arrivals[..4_000].to_vec()
}

/// The least calls in a full window after the first, wherever windows begin.
fn least(arrivals: &[Instant]) -> usize {
    let (first, last) = (arrivals[0], arrivals[arrivals.len() - 1]);
    let before = |then: Instant| arrivals.partition_point(|at| *at < then);
    let begins = (0..).map(|step| first + WINDOW + step * Duration::from_secs(10));
    begins
        .take_while(|begin| *begin + WINDOW <= last)
        .map(|begin| before(begin + WINDOW) - before(begin))
        .min()
        .expect("longer than two windows")
}

#[tokio::test(start_paused = true)]
async fn of_the_budget_nine_tenths_are_used_where_answers_take_three_seconds() {
    let arrivals = upserts(PaceOptions::default(), Duration::from_secs(3)).await;
    let used = least(&arrivals);
    assert!((900..=1_000).contains(&used), "{used} of 1,000");
}

#[tokio::test(start_paused = true)]
async fn four_at_once_where_that_was_asked_for_are_no_more() {
    let pace = PaceOptions {
        concurrency: Some(4),
        ..PaceOptions::default()
    };
    let arrivals = upserts(pace, Duration::from_secs(3)).await;
    let used = least(&arrivals);
    assert!((395..=405).contains(&used), "{used}: four in three seconds");
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nothing_waits_for_a_turn() {
    let pace = PaceOptions {
        api_budget: Some(ApiBudget::Off),
        concurrency: Some(4),
        ..PaceOptions::default()
    };
    let arrivals = upserts(pace, Duration::from_millis(20)).await;
    let took = arrivals[arrivals.len() - 1] - arrivals[0];
    assert_eq!(took.as_secs(), 4_000 / 4 / 50 - 1, "{took:?}");
}
