//! Whatever arrives when: what is handed out is everything, once, and can be
//! gone on from.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::double::{Double, Resuming};
use super::*;
use crate::clock::Clock;
use crate::error::Kind;
use crate::point::PointId;

fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

fn clock() -> Clock {
    Clock::simulated(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

fn laned(double: Double, readers: usize) -> Laned<Double> {
    let lanes = double.lanes();
    let mut source = Laned::new(double).with_readers(NonZeroUsize::new(readers).unwrap());
    source.read_along(&lanes);
    source
}

/// Points with their places, until the end or so many pages.
async fn read(source: &mut Laned<Double>, from: Option<Cursor>, pages: usize) -> Reading {
    let mut reading = Reading::default();
    let mut from = from;
    for _ in 0..pages {
        let page = source.page(from.as_ref()).await.unwrap();
        reading.lanes.push(page.lane);
        for read in page.points {
            assert_eq!(
                read.point.namespace.as_deref(),
                page.lane.map(|lane| lane.to_string()).as_deref()
            );
            reading.points.push((read.point.name(), read.resume));
        }
        from = page.next;
        if from.is_none() {
            reading.ended = true;
            break;
        }
    }
    reading.next = from;
    reading
}

#[derive(Default)]
struct Reading {
    points: Vec<(PointName, Option<Cursor>)>,
    lanes: Vec<Option<usize>>,
    next: Option<Cursor>,
    ended: bool,
}

impl Reading {
    fn names(&self) -> Vec<PointName> {
        self.points.iter().map(|(name, _)| name.clone()).collect()
    }
}

fn any_resuming() -> impl Strategy<Value = Resuming> {
    prop_oneof![Just(Resuming::Anywhere), Just(Resuming::BehindPages)]
}

fn sorted(mut names: Vec<PointName>) -> Vec<PointName> {
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn each_point_comes_once_however_often_reading_is_broken_off(
        sizes in prop::collection::vec(0u64..12, 1..12),
        resuming in any_resuming(),
        starts in prop::collection::vec((any::<u64>(), 1usize..6, 1usize..8, any::<prop::sample::Index>()), 0..6),
    ) {
        let names = paused(async {
            let mut names = Vec::new();
            let mut from = None;
            for (seed, readers, pages, cut) in starts {
                let double = Double::new(&sizes, seed, resuming, clock());
                let mut reading = read(&mut laned(double, readers), from.clone(), pages).await;
                let ends: Vec<usize> = (0..reading.points.len())
                    .filter(|position| reading.points[*position].1.is_some())
                    .collect();
                if ends.is_empty() {
                    continue;
                }
                // Broken off behind any point that can be gone on from.
                let end = *cut.get(&ends);
                from = reading.points[end].1.clone();
                reading.points.truncate(end + 1);
                names.extend(reading.names());
            }
            let double = Double::new(&sizes, 1, resuming, clock());
            let rest = read(&mut laned(double, 3), from, usize::MAX).await;
            assert!(rest.ended);
            names.extend(rest.names());
            names
        });
        prop_assert_eq!(sorted(names), sorted(Double::names(&sizes)));
    }

    #[test]
    fn points_of_one_lane_keep_their_order(sizes in prop::collection::vec(0u64..30, 1..8), seed in any::<u64>()) {
        let double = Double::new(&sizes, seed, Resuming::Anywhere, clock());
        let reading = paused(async { read(&mut laned(double, 4), None, usize::MAX).await });
        let mut names = reading.names();
        names.sort_by(|a, b| a.namespace.cmp(&b.namespace));
        prop_assert!(names.is_sorted());
    }
}

#[test]
fn as_many_lanes_are_read_at_once_as_there_are_readers_and_no_more() {
    for readers in [1, 3, 8] {
        let source = paused(async {
            let double = Double::new(&[40; 8], 5, Resuming::Anywhere, clock());
            let mut source = laned(double, readers);
            read(&mut source, None, usize::MAX).await;
            source
        });
        let most = source.reader().most_reading.load(Ordering::Relaxed);
        assert_eq!(most, readers);
    }
}

#[test]
fn lanes_take_turns_as_their_pages_arrive() {
    let double = Double::new(&[30; 4], 9, Resuming::Anywhere, clock());
    let reading = paused(async { read(&mut laned(double, 4), None, usize::MAX).await });
    let turns = reading.lanes.windows(2).filter(|pair| pair[0] != pair[1]);
    assert!(turns.count() > 8, "{:?}", reading.lanes);
}

#[test]
fn places_name_open_lanes_only() {
    let double = Double::new(&[2; 500], 3, Resuming::Anywhere, clock());
    let reading = paused(async { read(&mut laned(double, 4), None, usize::MAX).await });
    assert_eq!(reading.points.len(), 1_000);
    for (_, resume) in &reading.points {
        let Some(Cursor::Lanes(places)) = resume else {
            panic!("{resume:?}");
        };
        assert!(places.open.len() <= 4, "{places:?}");
    }
}

#[test]
fn a_page_that_is_asked_for_again_comes_again() {
    let names = paused(async {
        let double = Double::new(&[9, 9, 9], 4, Resuming::Anywhere, clock());
        let mut source = laned(double, 2);
        let first = read(&mut source, None, 3).await;
        let ahead = read(&mut source, first.next.clone(), 2).await;
        assert!(!ahead.ended);
        let again = read(&mut source, first.next.clone(), usize::MAX).await;
        [first.names(), again.names()].concat()
    });
    assert_eq!(sorted(names), Double::names(&[9, 9, 9]));
}

#[test]
fn a_lane_that_fails_stops_the_source_and_what_came_before_stays() {
    let names = paused(async {
        let double = Double::new(&[50; 4], 6, Resuming::Anywhere, clock()).failing_after(9);
        let mut source = laned(double, 4);
        let mut names = Vec::new();
        let mut from = None;
        let error = loop {
            match source.page(from.as_ref()).await {
                Ok(page) => {
                    names.extend(page.points.iter().map(|read| read.point.name()));
                    from = page.next;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), Kind::Stopped);
        let double = Double::new(&[50; 4], 7, Resuming::Anywhere, clock());
        let rest = read(&mut laned(double, 2), from, usize::MAX).await;
        [names, rest.names()].concat()
    });
    assert_eq!(sorted(names), sorted(Double::names(&[50; 4])));
}

#[test]
fn places_of_other_sources_or_of_lanes_that_there_are_not_are_refused() {
    let stray = Places {
        open: vec![Place {
            lane: 7,
            from: None,
        }],
        unbegun: 8,
    };
    for from in [Cursor::AfterLine(3), Cursor::Lanes(stray)] {
        let double = Double::new(&[3, 3], 1, Resuming::Anywhere, clock());
        let error = paused(async { laned(double, 2).page(Some(&from)).await }).unwrap_err();
        assert_eq!(error.kind(), Kind::Failed);
        assert!(error.to_string().starts_with("double cannot be read from"));
    }
}

#[test]
fn one_lane_alone_is_read_from_where_it_stood() {
    let before = Places {
        open: vec![Place {
            lane: 1,
            from: Some(Cursor::AfterPoint(4)),
        }],
        unbegun: 2,
    };
    let alone = |lane| before.alone(lane, 4);
    assert_eq!(alone(0), None);
    let rows = [(1, 4), (2, 0), (3, 0)];
    for (lane, first) in rows {
        let from = Cursor::Lanes(alone(lane).unwrap());
        let double = Double::new(&[9; 4], 2, Resuming::Anywhere, clock());
        let reading = paused(async { read(&mut laned(double, 4), Some(from), usize::MAX).await });
        let expected: Vec<_> = Double::names(&[9; 4])
            .into_iter()
            .filter(|name| name.namespace.as_deref() == Some(&lane.to_string()))
            .filter(|name| name.id >= PointId::Integer(first))
            .collect();
        assert_eq!(reading.names(), expected);
    }
}
