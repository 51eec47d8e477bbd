//! Budgets on simulated time, several on one file.

use std::fs;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::http::window::{SPREAD_MS, WINDOW_MS};

const START: Duration = Duration::from_secs(1_800_000_000);

const PATIENCE: Duration = Duration::from_secs(60);

/// A call that is over at once.
async fn call(budget: &Budget) {
    drop(budget.take(PATIENCE).await.unwrap());
}

fn simulated() -> Clock {
    Clock::simulated(UNIX_EPOCH + START)
}

fn open(folder: &Path, limit: usize, clock: Clock) -> Budget {
    let token = SecretString::from("secret-token");
    Budget::shared(folder, "account", &token, limit, clock).unwrap()
}

fn on_paused_time<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run)
}

fn densest(calls_ms: &[u64]) -> usize {
    let within = |start: u64| move |call: &&u64| (start..=start + WINDOW_MS).contains(*call);
    let counts = calls_ms
        .iter()
        .map(|start| calls_ms.iter().filter(within(*start)).count());
    counts.max().unwrap_or(0)
}

/// Every budget takes its turns after these pauses; the instants of all turns.
async fn turns(budgets: &[Budget], pauses_ms: &[Vec<u64>], clock: Clock) -> Vec<u64> {
    let users = budgets
        .iter()
        .zip(pauses_ms)
        .map(|(budget, pauses)| async move {
            let mut taken = Vec::new();
            for pause_ms in pauses {
                clock.sleep(Duration::from_millis(*pause_ms)).await;
                let ongoing = budget.take(PATIENCE).await.unwrap();
                taken.push(clock.wall_ms());
                drop(ongoing);
            }
            taken
        });
    futures::future::join_all(users).await.concat()
}

#[test]
fn with_work_always_waiting_nearly_the_whole_limit_is_used() {
    on_paused_time(async {
        let clock = simulated();
        let budget = Budget::in_memory(1_000, clock);
        let from = clock.now();
        for _ in 0..10_000 {
            call(&budget).await;
        }
        // The first thousand need no time, so nine windows pass; the last thousand
        // are spread.
        let allowed = Duration::from_millis(9 * WINDOW_MS).div_f64(0.99);
        let allowed = allowed + Duration::from_millis(SPREAD_MS);
        assert!(clock.now() - from <= allowed);
    });
}

#[test]
fn calls_with_different_tokens_count_together_in_a_larger_budget() {
    on_paused_time(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = simulated();
        let of = |token: &str| {
            let token = SecretString::from(token);
            Budget::shared(folder.path(), "account", &token, 40, clock).unwrap()
        };
        let larger = Budget::in_memory(40, clock);
        let jobs = ["one", "other"].map(|token| of(token).within(&larger));
        // One after the other, as the jobs of a command.
        let first = turns(&jobs[..1], &[vec![0; 30]], clock).await;
        let second = turns(&jobs[1..], &[vec![0; 30]], clock).await;
        assert_eq!(densest(&[first, second].concat()), 40);

        // Alone each has its whole limit.
        clock.sleep(2 * Duration::from_millis(WINDOW_MS)).await;
        let from = clock.now();
        for budget in [of("one"), of("other")] {
            turns(&[budget], &[vec![0; 40]], clock).await;
        }
        assert!(clock.now() - from < Duration::from_millis(WINDOW_MS));
    });
}

#[test]
fn a_pause_holds_everything_within_the_larger_budget() {
    on_paused_time(async {
        let clock = simulated();
        let larger = Budget::in_memory(40, clock);
        let jobs = [0, 1].map(|_| Budget::in_memory(40, clock).within(&larger));
        jobs[0].pause(Duration::from_secs(30)).unwrap();
        let from = clock.now();
        call(&jobs[1]).await;
        assert!(clock.now() - from >= Duration::from_secs(30));
    });
}

#[test]
fn two_processes_with_work_always_waiting_share_nearly_the_whole_limit() {
    on_paused_time(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = simulated();
        let budgets = [
            open(folder.path(), 40, clock),
            open(folder.path(), 40, clock),
        ];
        let from = clock.now();
        let taken = turns(&budgets, &[vec![0; 100], vec![0; 100]], clock).await;
        assert_eq!(densest(&taken), 40);
        let allowed = Duration::from_millis(4 * WINDOW_MS).div_f64(0.99);
        let allowed = allowed + Duration::from_millis(SPREAD_MS);
        assert!(clock.now() - from <= allowed);
    });
}

#[test]
fn no_turn_is_forgotten_when_processes_take_them_at_the_same_instant() {
    let folder = tempfile::tempdir().unwrap();
    let clock = simulated_now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let budget = open(folder.path(), 400, clock);
            let ask = crowded(&budget);
            scope.spawn(move || {
                for _ in 0..100 {
                    let turn = budget.update(|window, _| window.take(5, &ask)).unwrap();
                    assert!(matches!(turn, Turn::Now(_)));
                }
            });
        }
    });
    let budget = open(folder.path(), 400, clock);
    let ask = crowded(&budget);
    let turn = budget.update(|window, _| window.take(5, &ask)).unwrap();
    assert!(matches!(turn, Turn::In(_)), "a call was lost");
}

/// What a budget asks for, were a second as long as one likes.
fn crowded(budget: &Budget) -> Ask {
    Ask {
        per_second: None,
        ..budget.ask(PATIENCE)
    }
}

#[test]
fn another_account_or_token_has_a_budget_of_its_own() {
    let names = [("a", "bc"), ("ab", "c"), ("a", "b")]
        .map(|(account, token)| file_name(account, &SecretString::from(token)));
    assert_ne!(names[0], names[1]);
    assert_ne!(names[0], names[2]);
}

#[test]
fn no_file_holds_or_is_named_by_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let budget = open(folder.path(), 3, simulated_now());
    on_paused_time(call(&budget));
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert!(!path.to_string_lossy().contains("secret-token"));
        assert!(!fs::read_to_string(path).unwrap().contains("secret-token"));
    }
}

fn simulated_now() -> Clock {
    on_paused_time(async { simulated() })
}

#[test]
fn a_pause_holds_every_process_on_the_file() {
    on_paused_time(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = simulated();
        let (one, other) = (open(folder.path(), 9, clock), open(folder.path(), 9, clock));
        one.pause(Duration::from_secs(30)).unwrap();
        let from = clock.now();
        call(&other).await;
        assert!(clock.now() - from >= Duration::from_secs(30));
    });
}

#[test]
fn a_damaged_file_counts_as_a_full_window_once() {
    on_paused_time(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = simulated();
        let name = file_name("account", &SecretString::from("secret-token"));
        for damage in ["", "{\"calls_ms\":[1,2", "[]", "\u{0}\u{0}"] {
            fs::write(folder.path().join(format!("{name}.json")), damage).unwrap();
            let budget = open(folder.path(), 9, clock);
            let from = clock.now();
            call(&budget).await;
            let waited = clock.now() - from;
            assert!(waited >= Duration::from_millis(WINDOW_MS), "{damage:?}");
            call(&budget).await;
            assert_eq!(clock.now() - from, waited, "{damage:?}");
        }
    });
}

#[test]
fn instants_of_the_future_and_absurd_numbers_are_harmless() {
    on_paused_time(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = simulated();
        let name = file_name("account", &SecretString::from("secret-token"));
        let absurd = format!(
            "{{\"calls_ms\":[{0},3,{0}],\"paused_until_ms\":{0}}}",
            u64::MAX
        );
        fs::write(folder.path().join(format!("{name}.json")), absurd).unwrap();
        let budget = open(folder.path(), 1, clock);
        let from = clock.now();
        call(&budget).await;
        assert!(clock.now() - from <= Duration::from_secs(3_601));
    });
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let token = SecretString::from("t");
    let error = Budget::shared(&file.join("below"), "a", &token, 1, simulated_now()).unwrap_err();
    assert!(error.to_string().contains("below"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_five_minutes_hold_more_than_the_limit_whatever_arrives_when(
        limit in 1usize..12,
        pauses_ms in prop::collection::vec(prop::collection::vec(0u64..90_000, 1..25), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let taken = on_paused_time(async {
            let clock = simulated();
            let budgets: Vec<_> = pauses_ms
                .iter()
                .map(|_| open(folder.path(), limit, clock))
                .collect();
            turns(&budgets, &pauses_ms, clock).await
        });
        prop_assert_eq!(taken.len(), pauses_ms.iter().map(Vec::len).sum::<usize>());
        prop_assert!(densest(&taken) <= limit);
    }
}

#[test]
fn without_a_limit_only_a_pause_holds_a_call_back() {
    on_paused_time(async {
        let clock = simulated();
        let budget = Budget::unlimited(clock);
        let began = clock.now();
        for _ in 0..10_000 {
            call(&budget).await;
        }
        assert_eq!(clock.now(), began);
        budget.pause(Duration::from_secs(90)).unwrap();
        call(&budget).await;
        assert_eq!((clock.now() - began).as_secs(), 90);
        call(&budget).await;
        assert_eq!((clock.now() - began).as_secs(), 90);
    });
}
