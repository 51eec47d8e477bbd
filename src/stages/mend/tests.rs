//! Exports that are broken off and gone on with, and parts that are lost: along
//! lanes, whose pages arrive in another order each time.

mod copied;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::mend;
use crate::archive::{Archive, Generation, Rewritten};
use crate::clock::Clock;
use crate::error::{Error, Kind};
use crate::ledger::Ledger;
use crate::point::PointName;
use crate::progress::Recording;
use crate::settings::{Pace, PaceOptions};
use crate::source::lanes::double::{Double, Resuming};
use crate::source::{Laned, ReadPoint};
use crate::stages::context::{Migration, Mode, Stop};
use crate::stages::export::export;

fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

fn migration(folder: &Path) -> Migration {
    Migration {
        ledger: Ledger::open(&folder.join("ledger.db")).unwrap(),
        archive: Archive::at(folder.join("archive")),
        clock: Clock::simulated(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        progress: Arc::new(Recording::default()),
        stop: Stop::new().1,
        pace: Pace::resolve(&PaceOptions::default()).unwrap(),
        mode: Mode::Write,
    }
}

/// How one start of an export goes.
#[derive(Debug, Clone, Copy)]
struct Start {
    seed: u64,
    readers: usize,
    ending: Ending,
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    /// The source fails after so many pages, and what there is gets sealed.
    Failure { pages: usize },
    /// The process is killed after so many milliseconds.
    Kill { after_ms: u64 },
}

fn any_start() -> impl Strategy<Value = Start> {
    let failure = (0usize..12).prop_map(|pages| Ending::Failure { pages });
    let kill = (0u64..300).prop_map(|after_ms| Ending::Kill { after_ms });
    let ending = prop_oneof![3 => failure, 1 => kill];
    (any::<u64>(), 1usize..6, ending).prop_map(|(seed, readers, ending)| Start {
        seed,
        readers,
        ending,
    })
}

fn source(migration: &Migration, sizes: &[u64], resuming: Resuming, start: Start) -> Laned<Double> {
    let double = Double::new(sizes, start.seed, resuming, migration.clock);
    let double = match start.ending {
        Ending::Failure { pages } => double.failing_after(pages),
        Ending::Kill { .. } => double,
    };
    Laned::new(double).with_readers(NonZeroUsize::new(start.readers).unwrap())
}

/// One start; the generation if it came to the end.
async fn begin(
    migration: &Migration,
    source: &mut Laned<Double>,
    ending: Ending,
) -> Option<Generation> {
    const LONG: u64 = 100_000_000;
    let killed = match ending {
        Ending::Kill { after_ms } => after_ms,
        Ending::Failure { .. } => LONG,
    };
    tokio::select! {
        () = migration.clock.sleep(Duration::from_millis(killed)) => None,
        outcome = export(migration, source, None) => match outcome {
            Ok(generation) => Some(generation),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Stopped, "{error}");
                None
            }
        }
    }
}

/// Starts until the export is complete; lanes are drawn before the first page only.
async fn exported(
    folder: &Path,
    sizes: &[u64],
    resuming: Resuming,
    starts: &[Start],
) -> Generation {
    const LAST: Start = Start {
        seed: 77,
        readers: 3,
        ending: Ending::Failure { pages: usize::MAX },
    };
    let mut drawn = 0;
    for start in starts.iter().copied().chain([LAST]) {
        let migration = migration(folder);
        let mut source = source(&migration, sizes, resuming, start);
        let generation = begin(&migration, &mut source, start.ending).await;
        drawn += source.reader().drawn.load(Ordering::Relaxed);
        assert!(drawn <= 1, "lanes were drawn anew");
        if let Some(generation) = generation {
            return generation;
        }
    }
    panic!("the last start is not disturbed");
}

fn names(generation: &Generation) -> Vec<PointName> {
    let points = generation.read(0..u64::MAX).unwrap();
    let mut names: Vec<_> = points.map(|read| read.unwrap().1.name()).collect();
    names.sort();
    names
}

fn all_names(sizes: &[u64]) -> Vec<PointName> {
    let mut names = Double::names(sizes);
    names.sort();
    names
}

async fn mended(
    folder: &Path,
    generation: &Generation,
    mut source: Laned<Double>,
) -> Result<(), Error> {
    mend(&migration(folder), generation, Some(&mut source)).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_export_along_lanes_holds_each_point_once_and_each_part_can_be_mended(
        sizes in prop::collection::vec(0u64..20, 1..10),
        resuming in prop_oneof![Just(Resuming::Anywhere), Just(Resuming::BehindPages)],
        starts in prop::collection::vec(any_start(), 0..6),
        mender in any_start(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        paused(async {
            let generation = exported(dir.path(), &sizes, resuming, &starts).await;
            assert_eq!(names(&generation), all_names(&sizes));
            let mender = Start { ending: Ending::Failure { pages: usize::MAX }, ..mender };
            for part in &generation.manifest().parts {
                let path = generation.folder().join(&part.file);
                let sealed = fs::read(&path).unwrap();
                fs::remove_file(&path).unwrap();
                let source = source(&migration(dir.path()), &sizes, resuming, mender);
                mended(dir.path(), &generation, source).await.unwrap();
                assert!(fs::read(&path).unwrap() == sealed, "{} came out otherwise", part.file);
            }
        });
    }
}

const QUIET: Start = Start {
    seed: 3,
    readers: 4,
    ending: Ending::Failure { pages: usize::MAX },
};

#[test]
fn a_part_whose_lanes_have_changed_since_is_left_as_it_was_found() {
    let dir = tempfile::tempdir().unwrap();
    paused(async {
        let generation = exported(dir.path(), &[9, 9], Resuming::Anywhere, &[]).await;
        let part = generation
            .folder()
            .join(&generation.manifest().parts[0].file);
        fs::write(&part, "damaged").unwrap();
        let source = source(&migration(dir.path()), &[9, 8], Resuming::Anywhere, QUIET);
        let error = mended(dir.path(), &generation, source).await.unwrap_err();
        assert!(
            error.to_string().contains("no longer gives the points"),
            "{error}"
        );
        assert_eq!(fs::read(&part).unwrap(), b"damaged");
    });
}

#[test]
fn the_manifest_says_whose_points_follow_whose() {
    let dir = tempfile::tempdir().unwrap();
    paused(async {
        let generation = exported(dir.path(), &[9, 9, 9], Resuming::Anywhere, &[]).await;
        let manifest = generation.manifest();
        assert_eq!(manifest.lanes.len(), 3);
        let runs = &manifest.parts[0].runs;
        assert_eq!(runs.by_lane().into_values().collect::<Vec<_>>(), [9, 9, 9]);
        assert!(runs.iter().count() > 3, "{runs:?}");
        let points = generation.read(0..u64::MAX).unwrap();
        let lanes: Vec<_> = points
            .map(|read| read.unwrap().1.namespace.unwrap())
            .collect();
        let said = runs
            .iter()
            .flat_map(|run| std::iter::repeat_n(run.lane.to_string(), run.points as usize));
        assert_eq!(said.collect::<Vec<_>>(), lanes);
    });
}
