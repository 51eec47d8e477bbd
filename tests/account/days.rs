//! Days of an account in simulated time: we cause no 429 as long as others keep to
//! their margin, use what is ours, share it fairly, and after a 429 that somebody
//! else caused all of ours wait.

use std::time::Duration;

use cf_migrate::http::Client;
use tokio::time::Instant;

use crate::office::{Latency, Office, WINDOW, work};

const QUICK: Latency = Latency {
    usual: Duration::from_millis(400),
    rare: Duration::from_secs(4),
};
const SLOW: Latency = Latency {
    usual: Duration::from_secs(3),
    rare: Duration::from_secs(50),
};
const HOUR: Duration = Duration::from_secs(3_600);

/// What became of a time of work.
struct Figures {
    /// The least part of the budget that was used in a full window after the first.
    least: f64,
    /// The same of all of them together.
    mean: f64,
    /// Calls of each process.
    shares: Vec<u64>,
}

/// Processes with work always waiting, and others who use their whole margin.
async fn figures(office: &Office, budget: usize, processes: &[usize], time: Duration) -> Figures {
    let end = office.began + time;
    let clients: Vec<Client> = (0..processes.len() as u64)
        .map(|seed| office.process(budget, seed))
        .collect();
    let working = clients
        .iter()
        .zip(processes)
        .map(|(client, at_once)| work(client, office.clock, *at_once, end));
    let others = office.others(budget / 5, end, 99);
    let (shares, ()) = futures::future::join(futures::future::join_all(working), others).await;

    let refused = office.seen().refused.lock().unwrap().len();
    assert_eq!(refused, 0, "answers of ours that said 429");
    let others = &office.seen().others_refused;
    assert_eq!(others.load(std::sync::atomic::Ordering::Relaxed), 0);
    let used = used(office, end);
    let part = |calls: usize| calls as f64 / budget as f64;
    Figures {
        least: used.iter().copied().map(part).fold(f64::MAX, f64::min),
        mean: part(used.iter().sum()) / used.len() as f64,
        shares,
    }
}

/// Our calls in each full window after the first, wherever windows begin.
fn used(office: &Office, end: Instant) -> Vec<usize> {
    let mut arrived = office.seen().arrived.lock().unwrap().clone();
    arrived.sort_unstable();
    let before = |then: Instant| arrived.partition_point(|at| *at < then);
    let mut begin = office.began + WINDOW;
    let mut used = Vec::new();
    while begin + WINDOW <= end {
        used.push(before(begin + WINDOW) - before(begin));
        begin += Duration::from_secs(20);
    }
    used
}

#[track_caller]
fn check(case: &str, figures: &Figures) {
    println!(
        "{case}: least {:.3}, mean {:.3}, shares {:?}",
        figures.least, figures.mean, figures.shares
    );
    assert!(figures.least >= 0.9, "{case}: {:.3} used", figures.least);
    let all: u64 = figures.shares.iter().sum();
    let fair = all as f64 / figures.shares.len() as f64;
    for share in &figures.shares {
        let part = *share as f64 / fair;
        assert!((0.6..1.6).contains(&part), "{case}: {:?}", figures.shares);
    }
}

#[tokio::test(start_paused = true)]
async fn over_days_five_processes_use_their_budget_fairly_and_cause_no_429() {
    let office = Office::new(120, QUICK);
    let figures = figures(&office, 100, &[4, 1, 4, 16, 2], 24 * HOUR).await;
    check("five processes, 100 of 120, a day", &figures);
}

#[tokio::test(start_paused = true)]
async fn over_days_one_process_uses_its_budget_and_causes_no_429() {
    let office = Office::new(120, QUICK);
    let figures = figures(&office, 100, &[4], 24 * HOUR).await;
    check("one process, 100 of 120, a day", &figures);
}

#[tokio::test(start_paused = true)]
async fn answers_that_take_long_are_counted_when_the_service_may_have_counted_them() {
    let office = Office::new(120, SLOW);
    let figures = figures(&office, 100, &[4, 4], 24 * HOUR).await;
    check("two processes, slow answers, a day", &figures);
}

#[tokio::test(start_paused = true)]
async fn the_usual_budget_is_used() {
    let office = Office::new(1_200, QUICK);
    let figures = figures(&office, 1_000, &[4, 4], 2 * HOUR / 3).await;
    check("two processes, 1,000 of 1,200, forty minutes", &figures);
}

/// The figures of docs/reliability.md.
#[tokio::test(start_paused = true)]
#[ignore = "takes minutes"]
async fn the_usual_budget_is_used_over_days() {
    for (case, processes) in [("one", vec![4]), ("five", vec![4, 1, 4, 16, 2])] {
        let office = Office::new(1_200, QUICK);
        let figures = figures(&office, 1_000, &processes, 72 * HOUR / 3).await;
        check(&format!("{case}, 1,000 of 1,200, three days"), &figures);
    }
}

/// Three processes work for an hour, in which somebody else spends the account's
/// whole budget at once; what the processes worked with.
async fn an_hour_with_an_intruder(office: &Office) -> Vec<Client> {
    let clients: Vec<Client> = (0..3).map(|seed| office.process(100, seed)).collect();
    let end = office.began + HOUR;
    let working = clients
        .iter()
        .map(|client| work(client, office.clock, 4, end));
    let intruder = async {
        office.clock.sleep(Duration::from_secs(1_000)).await;
        for _ in 0..121 {
            office.foreign_call().await;
        }
    };
    futures::future::join(futures::future::join_all(working), intruder).await;
    clients
}

#[tokio::test(start_paused = true)]
async fn after_a_429_that_somebody_else_caused_every_process_waits_as_told() {
    let office = Office::new(120, QUICK);
    let clients = an_hour_with_an_intruder(&office).await;

    let refused = office.seen().refused.lock().unwrap().clone();
    let first = refused[0];
    // Those that were on the wire when the first answer came, and no more.
    assert!(refused.len() <= 12, "{} answers", refused.len());
    let left = office.seen().left.lock().unwrap().clone();
    // The block began with the last of the intruder's calls.
    let told = office.began + Duration::from_secs(1_000) + WINDOW;
    let early: Vec<_> = left
        .iter()
        .filter(|at| (first..told).contains(at))
        .collect();
    assert!(early.is_empty(), "{} calls while told to wait", early.len());
    assert!(
        left.iter().filter(|at| **at > told).count() > 500,
        "it went on"
    );
    let counted: u64 = clients
        .iter()
        .map(|client| client.counters().rate_limited)
        .sum();
    assert_eq!(counted, refused.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_block_of_five_minutes_that_nobody_announces_is_outlasted() {
    let office = Office::new(120, QUICK).without_retry_after();
    an_hour_with_an_intruder(&office).await;
    let refused = office.seen().refused.lock().unwrap().clone();
    let lasted = refused[refused.len() - 1] - refused[0];
    assert!(lasted <= WINDOW, "{lasted:?}");
    // Each time its pause ends, the block is asked by as few as possible.
    assert!(refused.len() <= 12 + 4 * 3, "{} answers", refused.len());
    let left = office.seen().left.lock().unwrap().clone();
    let after = office.began + Duration::from_secs(1_000) + 2 * WINDOW;
    assert!(
        left.iter().filter(|at| **at > after).count() > 500,
        "it went on"
    );
}
