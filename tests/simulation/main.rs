//! Whole migrations, simulated from one number each: random collections, settings
//! and accounts, faults of every kind, interrupts and crashes at any moment, then a
//! run without any, and everything compared with a naive model. What is simulated
//! and how a seed is replayed is in `docs/reliability.md`.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a simulation fails as tests do, and tells what it was asked to"
)]

mod account;
#[path = "../support/binary.rs"]
mod binary;
mod broken;
mod called;
mod choices;
mod collection;
mod complaints;
mod dice;
mod doom;
mod expected;
mod figures;
mod guard;
mod json;
mod judge;
mod model;
mod play;
mod points;
mod process;
mod report;
mod scenario;
mod source;
mod watch;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use broken::Broken;
use figures::Figures;
use play::{Finding, Manner, play};

/// Seeds that once found something, each with what that was.
const KEPT: [(u64, &str); 7] = [
    (
        1_248,
        "of a batch that was split for its refused records one part was passed over by the index, and not missed",
    ),
    (
        11_816,
        "a failed read of the ledger was taken for nothing left to send",
    ),
    (
        302_352,
        "the name of the migration folder was never synced, and a power cut took it",
    ),
    (
        3_002_095,
        "what the service refused before it took anything refused the next start",
    ),
    (
        1_234_501_676,
        "a batch that an earlier start had brought through in part was forgotten over a refusal",
    ),
    (
        2_000_000_055,
        "a deletion that was promised to an earlier start and passed over was waited for in vain",
    ),
    (
        3_200_000_436,
        "an entry that went with its file and came back without its metadata was taken for somebody else's",
    ),
];

/// Fresh seeds that every run of the tests plays.
const FRESH: u64 = 150;

/// A number from the environment.
fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

/// Plays seeds on all cores; the first findings, and what was gone through.
fn play_all(seeds: &[u64], manner: Manner, most_findings: usize) -> (Figures, Vec<(u64, Finding)>) {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Figures::default());
    let findings = Mutex::new(Vec::new());
    let work = || loop {
        let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
        let Some(seed) = seeds.get(at) else { return };
        if findings.lock().unwrap().len() >= most_findings {
            return;
        }
        match play(*seed, manner) {
            Ok(figures) => total.lock().unwrap().add(figures),
            Err(finding) => {
                // A run of many seeds may be cut off.
                println!("seed {seed}: {}", finding.what[0]);
                findings.lock().unwrap().push((*seed, finding));
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let mut findings = findings.into_inner().unwrap();
    findings.sort_by_key(|(seed, _)| *seed);
    (total.into_inner().unwrap(), findings)
}

fn told(findings: &[(u64, Finding)]) -> String {
    let all = findings.iter().map(|(seed, finding)| {
        format!(
            "seed {seed} (replay: CF_MIGRATE_SEED={seed} cargo test --test simulation replay -- --nocapture)\n  {}\n",
            finding.what.join("\n  ")
        )
    });
    all.collect()
}

#[test]
fn fresh_seeds_end_as_the_model_says() {
    let wanted = asked("CF_MIGRATE_SEEDS");
    let count = wanted.unwrap_or(FRESH);
    let most_findings = wanted.map_or(5, |_| 50);
    let first = asked("CF_MIGRATE_FIRST_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let seeds: Vec<u64> = (first..first + count).collect();
    let (figures, findings) = play_all(&seeds, Manner::default(), most_findings);
    println!("from seed {first} on\n{figures}");
    assert!(findings.is_empty(), "{}", told(&findings));
}

#[test]
fn seeds_that_once_found_something_find_nothing() {
    let seeds: Vec<u64> = KEPT.iter().map(|(seed, _)| *seed).collect();
    let (_, findings) = play_all(&seeds, Manner::default(), usize::MAX);
    assert!(findings.is_empty(), "{}", told(&findings));
}

/// `CF_MIGRATE_SEED=S` tells every call of that seed.
#[test]
fn replay() {
    let Some(seed) = asked("CF_MIGRATE_SEED") else {
        return;
    };
    let manner = Manner {
        tells: true,
        ..Manner::default()
    };
    match play(seed, manner) {
        Ok(figures) => println!("{figures}"),
        Err(finding) => panic!("{}", told(&[(seed, finding)])),
    }
}

#[test]
fn a_seed_gives_the_same_calls_at_the_same_times_again() {
    for seed in 0..20 {
        let trace = || play(seed, Manner::default()).map(|figures| figures.trace);
        let (one, other) = (trace(), trace());
        assert_eq!(one.unwrap(), other.unwrap(), "seed {seed}");
    }
}

/// Seeds that a broken program may survive before it must be caught.
const SURVIVED_AT_MOST: u64 = 300;

/// The first seed at which the broken program is caught, and by what.
fn caught(broken: Broken) -> (u64, Finding) {
    let manner = Manner {
        broken: Some(broken),
        ..Manner::default()
    };
    let found = (0..SURVIVED_AT_MOST).find_map(|seed| Some((seed, play(seed, manner).err()?)));
    found.unwrap_or_else(|| panic!("{broken:?} survives {SURVIVED_AT_MOST} seeds"))
}

#[track_caller]
fn is_caught_and_the_healthy_program_is_not(broken: Broken) {
    let (seed, finding) = caught(broken);
    // A broken test is no catch.
    assert!(
        !finding.what[0].starts_with("a panic"),
        "{:?}",
        finding.what
    );
    println!("{broken:?} is caught at seed {seed}: {}", finding.what[0]);
    let seeds: Vec<u64> = (0..=seed).collect();
    let (_, findings) = play_all(&seeds, Manner::default(), 1);
    assert!(findings.is_empty(), "{}", told(&findings));
}

#[test]
fn ranges_that_are_drawn_anew_at_each_start_are_caught() {
    is_caught_and_the_healthy_program_is_not(Broken::RangesDrawnAnew);
}

#[test]
fn a_checkpoint_before_the_answer_is_caught() {
    is_caught_and_the_healthy_program_is_not(Broken::AcceptedBeforeTheAnswer);
}

#[test]
fn settling_without_a_barrier_is_caught() {
    is_caught_and_the_healthy_program_is_not(Broken::NoBarrier);
}

#[test]
fn successes_of_bulk_writes_that_are_not_read_are_caught() {
    is_caught_and_the_healthy_program_is_not(Broken::SuccessesNotRead);
}
