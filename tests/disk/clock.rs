//! Clocks that are set, and machines that sleep: at any moment of whole migrations
//! and under budgets that several processes share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cf_migrate::clock::Clock;
use cf_migrate::http::Budget;
use cf_migrate::sandbox;
use cf_migrate::settings::{ApiBudget, PaceOptions};
use futures::FutureExt as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use secrecy::SecretString;

use crate::binary::State;
use crate::simulation::{Outcome, Simulation, scratch};

const POINTS: u64 = 40;
const HOUR: Duration = Duration::from_secs(3_600);
const WINDOW: Duration = Duration::from_secs(300);

/// Calls that the account allows in five minutes, and those that are ours.
const ALLOWED: usize = 24;
const OURS: u32 = 20;

fn simulation() -> Simulation {
    let mut simulation = Simulation::new(POINTS, |options| {
        options.budget = Some(sandbox::Budget {
            calls: ALLOWED,
            window: WINDOW,
        });
    });
    simulation.pace = PaceOptions {
        batch_count: Some(2),
        api_budget: Some(ApiBudget::Calls(OURS)),
        ..PaceOptions::default()
    };
    simulation
}

/// What may happen to a machine's time.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The wall clock is set by so many milliseconds.
    Set(i64),
    /// The machine sleeps; its monotonic time stands still, as Linux has it.
    Sleep(Duration),
    /// The machine is stopped from outside and its monotonic time jumps.
    Stop(Duration),
}

impl Event {
    fn of(random: &mut StdRng, stops: bool) -> Self {
        let seconds = random.random_range(1..4 * 3_600);
        match random.random_range(0..if stops { 4 } else { 3 }) {
            0 => Self::Set(seconds * 1_000),
            1 => Self::Set(-seconds * 1_000),
            2 => Self::Sleep(Duration::from_secs(seconds.unsigned_abs())),
            _ => Self::Stop(HOUR),
        }
    }

    async fn happen(self, ours: Clock, service: Clock) {
        match self {
            Self::Set(by_ms) => ours.set_ahead(by_ms),
            // The world outside does not sleep.
            Self::Sleep(time) => [ours, service].iter().for_each(|clock| clock.suspend(time)),
            Self::Stop(time) => tokio::time::advance(time).await,
        }
    }
}

/// Things happen to the machine now and then, for ever.
async fn weather(seed: u64, stops: bool, ours: Clock, service: Clock) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        let pause = random.random_range(0..90_000);
        ours.sleep(Duration::from_millis(pause)).await;
        Event::of(&mut random, stops).happen(ours, service).await;
    }
}

/// A run while things happen: as it waits, and right before every tenth call or so.
async fn run(simulation: &mut Simulation, seed: u64, stops: bool) -> Outcome {
    let (ours, service) = (simulation.clock, simulation.service_clock);
    let random = Arc::new(Mutex::new(StdRng::seed_from_u64(!seed)));
    simulation.before_call = Some(Arc::new(move |_| {
        let mut random = random.lock().unwrap();
        let happens = random.random_ratio(1, 10);
        let event = happens.then(|| Event::of(&mut random, stops));
        async move {
            if let Some(event) = event {
                event.happen(ours, service).await;
            }
        }
        .boxed()
    }));
    tokio::select! {
        outcome = simulation.run() => outcome,
        () = weather(seed, stops, ours, service) => unreachable!("it goes on for ever"),
    }
}

async fn undisturbed() -> (State, u64) {
    let simulation = simulation();
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/requests/rate_limited"), 0);
    let requests = outcome.number("/requests/total");
    assert!(requests > 2 * u64::from(OURS), "{requests} requests");
    (simulation.state(), requests)
}

/// Every time in a report is one that can have passed.
#[track_caller]
fn check_seconds(outcome: &Outcome, most: Duration, what: &str) {
    let seconds = outcome.report["seconds"].as_object().unwrap();
    for (step, seconds) in seconds {
        let seconds = seconds.as_f64().unwrap_or_default();
        let sane = (0.0..=most.as_secs_f64()).contains(&seconds);
        assert!(sane, "{what}: {step} took {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn clocks_that_are_set_and_machines_that_sleep_change_nothing_about_a_migration() {
    let (wanted, requests) = undisturbed().await;
    for seed in 0..25 {
        let what = format!("seed {seed}");
        let mut simulation = simulation();
        let begun = simulation.clock.now();
        let outcome = run(&mut simulation, seed, false).await.expect_code(0);
        let took = simulation.clock.now() - begun;
        let found = wanted.differences(&simulation.state());
        assert_eq!(found, Vec::<String>::new(), "{what}");
        assert_eq!(outcome.number("/requests/rate_limited"), 0, "{what}");
        let most = 2 * (requests + 20) / u64::from(OURS) + 2;
        assert!(took < WINDOW * most as u32, "{what}: {took:?}");
        check_seconds(&outcome, took, &what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_stopped_for_an_hour_goes_on_or_does_at_the_next_start() {
    let (wanted, _) = undisturbed().await;
    let mut starts = BTreeMap::<u64, u64>::new();
    for seed in 0..25 {
        let mut simulation = simulation();
        let mut started = 1;
        loop {
            let outcome = run(&mut simulation, seed + 1_000 * started, true).await;
            assert_eq!(outcome.number("/requests/rate_limited"), 0, "seed {seed}");
            match outcome.report["exit_code"].as_u64() {
                Some(0) => break,
                Some(5) if started < 10 => started += 1,
                _ => panic!("seed {seed}: {:?}", outcome.error),
            }
        }
        *starts.entry(started).or_default() += 1;
        let found = wanted.differences(&simulation.state());
        assert_eq!(found, Vec::<String>::new(), "seed {seed}");
    }
    assert!(starts[&1] > 15, "{starts:?}");
}

/// The processes of one machine, each with its budget on the same file.
async fn share(seed: u64, folder: &Path) -> (Vec<u64>, Duration) {
    const PROCESSES: usize = 4;
    const CALLS: usize = 25;
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = Clock::simulated(start);
    let service = Clock::simulated(start);
    let user = |number: u64| async move {
        let mut random = StdRng::seed_from_u64(seed * 100 + number);
        let mut called = Vec::new();
        let mut budget = open(folder, clock);
        for _ in 0..CALLS {
            // Now and then a process ends, and another one begins.
            if random.random_ratio(1, 8) {
                budget = open(folder, clock);
            }
            let ongoing = budget.take(Duration::from_secs(60)).await.unwrap();
            clock
                .sleep(Duration::from_millis(random.random_range(0..2_000)))
                .await;
            called.push(service.uptime().ms);
            drop(ongoing);
        }
        called
    };
    let begun = service.uptime().ms;
    let users = futures::future::join_all((0..PROCESSES as u64).map(user));
    let called = tokio::select! {
        called = users => called.concat(),
        () = weather(seed, false, clock, service) => unreachable!("it goes on for ever"),
    };
    (called, Duration::from_millis(service.uptime().ms - begun))
}

fn open(folder: &Path, clock: Clock) -> Budget {
    let token = SecretString::from("token");
    Budget::shared(folder, "account", &token, OURS as usize, clock).unwrap()
}

#[tokio::test(start_paused = true)]
async fn processes_that_share_a_budget_keep_it_whatever_is_done_to_their_clock() {
    for seed in 0..30 {
        let folder = scratch();
        let (mut called, _) = share(seed, folder.path()).await;
        called.sort_unstable();
        assert_eq!(called.len(), 100);
        let window_ms = u64::try_from(WINDOW.as_millis()).unwrap();
        let densest = (0..called.len())
            .map(|first| called[first..].partition_point(|call| call - called[first] <= window_ms));
        let densest = densest.max().unwrap();
        assert!(
            densest <= OURS as usize,
            "seed {seed}: {densest} calls in five minutes"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_when_it_should_whatever_the_wall_clock_says_then() {
    let clock = Clock::simulated(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let folder = scratch();
    for by_hours in [-100_i64, -1, 1, 100] {
        open(folder.path(), clock).pause(WINDOW).unwrap();
        clock.set_ahead(by_hours * 3_600_000);
        let begun = clock.now();
        drop(open(folder.path(), clock).take(HOUR).await.unwrap());
        let waited = clock.now() - begun;
        assert!(
            (WINDOW..WINDOW + Duration::from_secs(60)).contains(&waited),
            "{waited:?}"
        );
    }
}
