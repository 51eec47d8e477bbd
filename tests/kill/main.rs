//! A kill at any instant, then the same command, ends as an undisturbed run does
//! (design invariant 3): the real binary is killed at random moments of `run`, in
//! every stage, and what the account holds in the end is compared value by value.
//!
//! The moments come from a seed that is printed; `KILL_SEED` sets it again. The long
//! form is for `CF_MIGRATE_KILLS=300` and more (docs/reliability.md).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/mod.rs"]
#[allow(unused_imports, reason = "shared with other test binaries")]
mod support;

mod migration;
mod moments;

use std::collections::BTreeMap;
use std::io::Write as _;

use binary::{State, entry, expected_vector};
use migration::{Migration, Points};
use moments::Moments;

const POINTS: u64 = 3_000;
const DIMENSIONS: usize = 32;
/// Kills without `CF_MIGRATE_KILLS`.
const USUAL_KILLS: usize = 66;

#[test]
fn a_killed_run_started_again_ends_as_an_undisturbed_one() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seed: u64 = number("KILL_SEED").unwrap_or_else(rand::random);
    let wanted = number("CF_MIGRATE_KILLS").map_or(USUAL_KILLS, |kills| kills as usize);
    tell(&format!("kills at random moments, KILL_SEED={seed}"));
    let cases = [
        Case {
            source: SourceKind::File,
            account: AccountKind::ServedLive,
        },
        Case {
            source: SourceKind::File,
            account: AccountKind::Embedded,
        },
        Case {
            source: SourceKind::Qdrant,
            account: AccountKind::ServedEmpty,
        },
    ];
    let each = wanted.div_ceil(cases.len());
    let mut stages: BTreeMap<String, usize> = BTreeMap::new();
    let mut migrations = 0;
    std::thread::scope(|scope| {
        let seeds = (0..).map(|number| seed.wrapping_add(number));
        let runs: Vec<_> = cases
            .into_iter()
            .zip(seeds)
            .map(|(case, seed)| scope.spawn(move || case.kill_often(seed, each)))
            .collect();
        for run in runs {
            let (killed, ended) = run.join().unwrap();
            migrations += ended;
            for stage in killed {
                *stages.entry(stage).or_default() += 1;
            }
        }
    });
    let kills: usize = stages.values().sum();
    tell(&format!(
        "{kills} kills in {migrations} migrations, all ends equal: {stages:#?}"
    ));
    assert!(kills >= wanted, "{kills} kills");
    for stage in ["export", "upsert", "settle", "index", "verify"] {
        assert!(
            stages.contains_key(stage),
            "no kill hit {stage}: {stages:?}"
        );
    }
}

/// Past the test harness's capture, so that it is seen when all is well.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    File,
    Qdrant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountKind {
    /// The test serves it, with a live application's data in it.
    ServedLive,
    /// The test serves it, and the migration makes index and namespace.
    ServedEmpty,
    /// It dies with the binary, and holds a live application's data.
    Embedded,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    source: SourceKind,
    account: AccountKind,
}

impl Case {
    /// The stages that so many kills hit, and the migrations it took; the end of each
    /// is checked.
    fn kill_often(self, seed: u64, kills: usize) -> (Vec<String>, usize) {
        let source = Points::of(self.source);
        let undisturbed = Migration::new(self, &source);
        assert_eq!(
            undisturbed.attempt(0, None),
            None,
            "it was not to be killed"
        );
        let wanted = undisturbed.state();
        check_undisturbed(self, &undisturbed.state_before, &wanted);

        let mut moments = Moments::new(seed, &undisturbed.log(0));
        let (mut stages, mut migrations) = (Vec::new(), 0);
        while stages.len() < kills {
            let migration = Migration::new(self, &source);
            // Then once more: a run that catches up with a source that stayed the same.
            for first in [0, 1_000] {
                let killed = migration.kill_and_resume(first, &mut moments);
                migration.check_end(&wanted, &format!("{self:?} killed in {killed:?}"));
                stages.extend(killed);
            }
            migrations += 1;
        }
        (stages, migrations)
    }
}

/// That what an undisturbed run ends in is right itself, for the generated file.
fn check_undisturbed(case: Case, before: &State, after: &State) {
    let foreign = before.vectors.len() as u64;
    assert_eq!(after.vectors.len() as u64, POINTS + foreign);
    assert_eq!(
        after.entries["_vector_count"].value,
        (POINTS + foreign).to_string().into_bytes()
    );
    if case.source == SourceKind::Qdrant {
        return;
    }
    for number in 0..POINTS {
        let (id, vector) = expected_vector(number, DIMENSIONS);
        assert_eq!(after.vectors.get(&id), Some(&vector), "{id}");
    }
    let theirs: &[&str] = if foreign > 0 { &["foreign_2"] } else { &[] };
    let ours = ["f7_0", "f7_1", "f7_2", "f7_3", "f7_4"];
    assert_eq!(after.entries["file:f7"], entry(&[&ours, theirs].concat()));
}
