//! A collection cut into stretches of ids that are read side by side: whatever
//! the ids look like, every point comes once, from lanes of about one size.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::point::PointName;
use cf_migrate::source::qdrant::{QdrantSettings, QdrantSource};
use cf_migrate::source::{Cursor, Lane, Source};
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{Distance, RetrievedPoint, VectorParams};

use crate::support::qdrant::{Collection, Id, QdrantDouble, Server, Switch, unnamed};
use crate::{double_id, ids, open, read_from, settings};

const MANY: u64 = 30_000;

/// A collection of four-dimensional points with these ids.
fn collection(ids: impl IntoIterator<Item = Id>) -> Collection {
    let params = VectorParams {
        size: 4,
        distance: Distance::Dot.into(),
        ..VectorParams::default()
    };
    let mut collection = Collection::described("docs", Some(Config::Params(params)), &[]);
    for id in ids {
        collection.put(RetrievedPoint {
            id: Some(id.wire()),
            vectors: Some(unnamed(vec![0.5; 4])),
            ..RetrievedPoint::default()
        });
    }
    collection
}

fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn random_uuid(number: u64) -> Id {
    Id::Uuid((u128::from(mix(number)) << 64) | u128::from(mix(number + 1_000_000)))
}

/// Milliseconds of one day in the upper 48 bits, as in UUIDs of version 7.
fn timed_uuid(number: u64) -> Id {
    let time = 1_790_000_000_000 + number * 2_880;
    Id::Uuid((u128::from(time) << 80) | u128::from(mix(number)))
}

/// Ids of every kind that collections have.
fn shapes() -> Vec<(&'static str, Vec<Id>)> {
    let made = |id: fn(u64) -> Id| (0..MANY).map(id).collect::<Vec<_>>();
    let mixed = (0..MANY).map(|number| match number % 3 {
        0 => random_uuid(number),
        _ => Id::Number(number),
    });
    vec![
        ("counted", made(|number| Id::Number(number + 1))),
        ("sparse", made(|number| Id::Number(mix(number) >> 8))),
        ("random", made(random_uuid)),
        ("timed", made(timed_uuid)),
        ("mixed", mixed.collect()),
    ]
}

/// Reads everything along freshly drawn lanes; the points of each lane.
async fn read_along(source: &mut QdrantSource) -> Vec<Vec<PointName>> {
    let lanes = source.draw_lanes().await.unwrap();
    source.read_along(&lanes);
    let mut read = vec![Vec::new(); lanes.len()];
    let mut from: Option<Cursor> = None;
    loop {
        let page = source.page(from.as_ref()).await.unwrap();
        let lane = page.lane.expect("the collection is large enough for lanes");
        read[lane].extend(page.points.into_iter().map(|read| read.point.name()));
        match page.next {
            Some(next) => from = Some(next),
            None => return read,
        }
    }
}

fn assert_complete(server: &Server, read: &[Vec<PointName>]) {
    assert!(read.iter().all(|lane| lane.is_sorted()));
    let names: BTreeSet<Id> = read
        .iter()
        .flatten()
        .map(|name| double_id(&name.id))
        .collect();
    let points: usize = read.iter().map(Vec::len).sum();
    assert_eq!(points, names.len(), "points came twice");
    assert!(
        names.into_iter().eq(server.ids("docs")),
        "points are missing"
    );
}

#[tokio::test]
async fn whatever_the_ids_a_sample_cuts_lanes_of_about_one_size() {
    for (shape, ids) in shapes() {
        let server = QdrantDouble::default().and(collection(ids)).start();
        let mut source = open(&server, "docs").await.unwrap();
        let read = read_along(&mut source).await;
        assert_complete(&server, &read);
        assert_eq!(read.len(), 6, "{shape}");
        let largest = read.iter().map(Vec::len).max().unwrap();
        assert!(largest < 6_000, "{shape}: {largest} points in one lane");
        assert_eq!(server.calls("query"), 1);
    }
}

#[tokio::test]
async fn servers_that_draw_no_sample_are_probed_instead() {
    for (shape, ids) in shapes() {
        for switch in [Switch::Version("1.10.1"), Switch::NoSamples] {
            let asked = u64::from(matches!(switch, Switch::NoSamples));
            let double = QdrantDouble::default().and(collection(ids.clone()));
            let server = double.with(switch).start();
            let mut source = open(&server, "docs").await.unwrap();
            let lanes = source.draw_lanes().await.unwrap();
            assert!(
                server.calls("scroll") < 220,
                "{shape}: {}",
                server.calls("scroll")
            );
            assert_eq!(server.calls("query"), asked);
            let read = read_along(&mut source).await;
            assert_complete(&server, &read);
            assert!(lanes.len() >= 6, "{shape}");
            let largest = read.iter().map(Vec::len).max().unwrap();
            assert!(largest < 11_000, "{shape}: {largest} points in one lane");
        }
    }
}

#[tokio::test]
async fn a_small_collection_is_read_in_one_go_without_further_calls() {
    let server = QdrantDouble::generated("docs", 19_999, 8, 1).start();
    let mut source = open(&server, "docs").await.unwrap();
    assert_eq!(source.draw_lanes().await.unwrap(), []);
    assert_eq!((server.calls("scroll"), server.calls("query")), (0, 0));
}

#[tokio::test]
async fn lanes_go_on_where_they_stood_although_points_came_and_went_meanwhile() {
    let server = QdrantDouble::default()
        .and(collection((0..MANY).map(random_uuid)))
        .start();
    let mut source = open(&server, "docs").await.unwrap();
    let lanes = source.draw_lanes().await.unwrap();
    source.read_along(&lanes);
    let mut names = Vec::new();
    let mut from = None;
    for _ in 0..9 {
        let mut page = source.page(from.as_ref()).await.unwrap();
        // Stopped in the midst of the page.
        page.points.truncate(page.points.len() / 2 + 1);
        from = page.points.last().and_then(|read| read.resume.clone());
        names.extend(page.points.into_iter().map(|read| read.point.name()));
    }
    let read: BTreeSet<Id> = names.iter().map(|name| double_id(&name.id)).collect();
    let held = server.ids("docs");
    let gone = *held.iter().find(|id| !read.contains(id)).unwrap();
    server.delete("docs", gone);

    let later = QdrantSettings {
        readers: NonZeroUsize::new(2).unwrap(),
        ..settings(&server)
    };
    let mut source = QdrantSource::open("docs", None, later, Clock::real())
        .await
        .unwrap();
    source.read_along(&lanes);
    while let Some(place) = from {
        let page = source.page(Some(&place)).await.unwrap();
        names.extend(page.points.into_iter().map(|read| read.point.name()));
        from = page.next;
    }
    let all: BTreeSet<Id> = names.iter().map(|name| double_id(&name.id)).collect();
    assert_eq!(all.len(), names.len(), "points came twice");
    assert!(all.into_iter().eq(server.ids("docs")));
}

#[tokio::test]
async fn failures_that_pass_leave_every_lane_complete() {
    for fault in [
        Switch::Unavailable { calls: 7 },
        Switch::SlowFor { calls: 6 },
        Switch::ShortPage { call: 3 },
        Switch::RefuseLargeAbove { limit: 700 },
        Switch::CutAfter { bytes: 100_000 },
    ] {
        let server = QdrantDouble::default()
            .and(collection((0..MANY).map(timed_uuid)))
            .start();
        let mut source = open(&server, "docs").await.unwrap();
        let lanes = source.draw_lanes().await.unwrap();
        server.set(fault.clone());
        source.read_along(&lanes);
        let mut read = Vec::new();
        let mut from = None;
        loop {
            let page = source.page(from.as_ref()).await.unwrap();
            read.extend(page.points.into_iter().map(|read| read.point));
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        let mut read = ids(&read);
        read.sort();
        assert!(read == server.ids("docs"), "{fault:?}");
    }
}

#[tokio::test]
async fn pages_of_several_lanes_are_under_way_at_once() {
    for (readers, most) in [(1, 1..=1), (4, 2..=4)] {
        let server = QdrantDouble::default()
            .and(collection((0..MANY).map(random_uuid)))
            .with(Switch::Delay(Duration::from_millis(50)))
            .start();
        let settings = QdrantSettings {
            readers: NonZeroUsize::new(readers).unwrap(),
            ..settings(&server)
        };
        let mut source = QdrantSource::open("docs", None, settings, Clock::real())
            .await
            .unwrap();
        let read = read_along(&mut source).await;
        assert_complete(&server, &read);
        let at_once = server.most_pages_at_once();
        assert!(most.contains(&at_once), "{at_once} with {readers} readers");
    }
}

#[tokio::test]
async fn lanes_are_stretches_that_follow_each_other() {
    let server = QdrantDouble::generated("docs", 50_000, 8, 1).start();
    let mut source = open(&server, "docs").await.unwrap();
    let lanes = source.draw_lanes().await.unwrap();
    let ends: Vec<_> = lanes
        .iter()
        .map(|lane| match lane {
            Lane::Ids { from, until } => (from.clone(), until.clone()),
            other => panic!("{other:?} is no stretch of ids"),
        })
        .collect();
    assert_eq!((&ends[0].0, &ends[ends.len() - 1].1), (&None, &None));
    assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0));
}

#[tokio::test]
async fn a_source_that_hung_up_has_no_connection_and_is_read_on_over_new_ones() {
    let server = QdrantDouble::generated("docs", 20_000, 8, 1).start();
    let mut source = open(&server, "docs").await.unwrap();
    let lanes = source.draw_lanes().await.unwrap();
    source.read_along(&lanes);
    let first = source.page(None).await.unwrap();
    assert!(server.connections() > 1, "{}", server.connections());

    source.hang_up();
    for _ in 0..500 {
        if server.connections() == 0 {
            break;
        }
        Clock::real().sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.connections(), 0);

    let rest = read_from(&mut source, first.next).await.unwrap();
    let first = first.points.into_iter().map(|read| read.point);
    let read: BTreeSet<Id> = first
        .chain(rest)
        .map(|point| double_id(&point.id))
        .collect();
    assert!(
        read.into_iter().eq(server.ids("docs")),
        "points are missing"
    );
}
