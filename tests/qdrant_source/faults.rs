//! Whatever goes wrong and passes: the points are complete and the same.
//! Whatever does not pass: the right kind of error.

use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::error::{Error, Kind};
use cf_migrate::source::Source;
use cf_migrate::source::qdrant::{QdrantSettings, QdrantSource};

use qdrant_client::qdrant::RetrievedPoint;

use crate::support::qdrant::{QdrantDouble, Server, Switch, unnamed};
use crate::{open, read_from, settings, told};

const POINTS: u64 = 2_000;

fn docs() -> Server {
    QdrantDouble::generated("docs", POINTS, 32, 11).start()
}

/// Reads everything while these faults are on, and once more without.
async fn assert_complete(faults: &[Switch]) -> Server {
    let server = docs();
    let mut source = open(&server, "docs").await.unwrap();
    let undisturbed = read_from(&mut source, None).await.unwrap();
    assert_eq!(undisturbed.len() as u64, POINTS);
    let mut source = open(&server, "docs").await.unwrap();
    for fault in faults {
        server.set(fault.clone());
    }
    let disturbed = read_from(&mut source, None).await.unwrap();
    assert!(
        disturbed == undisturbed,
        "the points differ under {faults:?}"
    );
    server
}

async fn assert_fails(fault: Switch) -> Error {
    let server = docs();
    let mut source = open(&server, "docs").await.unwrap();
    server.set(fault);
    read_from(&mut source, None).await.unwrap_err()
}

#[tokio::test]
async fn passing_failures_leave_the_points_complete() {
    for fault in [
        Switch::Unavailable { calls: 5 },
        Switch::Internal { calls: 3 },
        Switch::SlowFor { calls: 4 },
        Switch::RateLimit {
            calls: 3,
            retry_after_s: 0,
        },
        Switch::RefuseLargeAbove { limit: 90 },
        Switch::SlowAbove { limit: 7 },
    ] {
        assert_complete(&[fault]).await;
    }
}

#[tokio::test]
async fn a_connection_cut_in_the_midst_of_an_answer_is_made_again() {
    for bytes in [0, 1_000, 150_000] {
        assert_complete(&[Switch::CutAfter { bytes }]).await;
    }
}

#[tokio::test]
async fn a_short_page_that_claims_to_be_the_last_is_not_believed() {
    for call in 1..=3 {
        assert_complete(&[Switch::ShortPage { call }]).await;
    }
}

#[tokio::test]
async fn the_true_end_is_confirmed_by_one_probe() {
    let server = QdrantDouble::recorded("tiny8").start();
    let mut source = open(&server, "tiny8").await.unwrap();
    read_from(&mut source, None).await.unwrap();
    assert_eq!(server.scroll_limits(), [256, 1]);
}

#[tokio::test]
async fn an_empty_page_amid_points_is_passed_over_only_as_far_as_it_says() {
    let server = docs();
    let mut source = open(&server, "docs").await.unwrap();
    server.set(Switch::EmptyPage { call: 2 });
    let points = read_from(&mut source, None).await.unwrap();
    // The server itself said that nothing lies between: the count tells it.
    assert_eq!(points.len() as u64, POINTS - 512);
    assert_eq!(source.count().await.unwrap(), Some(POINTS));
}

#[tokio::test]
async fn pages_shrink_on_timeouts_and_grow_again() {
    let server = docs();
    let mut source = open(&server, "docs").await.unwrap();
    server.set(Switch::SlowAbove { limit: 100 });
    read_from(&mut source, None).await.unwrap();
    let limits = server.scroll_limits();
    assert_eq!(limits[..9], [256, 128, 64, 73, 83, 94, 106, 53, 60]);
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_and_made_again() {
    let server = docs();
    let settings = QdrantSettings {
        timeout: Duration::from_millis(500),
        ..settings(&server)
    };
    let mut source = QdrantSource::open("docs", None, settings, Clock::real())
        .await
        .unwrap();
    // The client repeats a hanging call once by itself.
    server.set(Switch::Hang { calls: 2 });
    let points = read_from(&mut source, None).await.unwrap();
    assert_eq!(points.len() as u64, POINTS);
    assert_eq!(server.scroll_limits()[..3], [256, 256, 128]);
}

#[tokio::test]
async fn an_outage_that_does_not_pass_stops_the_run_and_can_be_resumed() {
    let server = docs();
    let settings = QdrantSettings {
        first_pause: Duration::from_micros(10),
        ..settings(&server)
    };
    let mut source = QdrantSource::open("docs", None, settings, Clock::real())
        .await
        .unwrap();
    let first = source.page(None).await.unwrap();
    server.set(Switch::Unavailable { calls: 1_000 });
    let error = source.page(first.next.as_ref()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Stopped);
    let text = told(&error);
    assert!(
        text.starts_with(
            "Qdrant failed while reading collection \"docs\" from id 00000000-0000-00ff-"
        ),
        "{text}"
    );
    assert!(text.contains("(10 tries in "), "{text}");
    assert!(text.ends_with("Unavailable: Service is starting"), "{text}");
    server.set(Switch::Healthy);
    let mut source = open(&server, "docs").await.unwrap();
    let rest = read_from(&mut source, first.next).await.unwrap();
    assert_eq!((first.points.len() + rest.len()) as u64, POINTS);
}

#[tokio::test]
async fn a_long_rate_limit_stops_the_run_and_says_when_to_come_back() {
    let error = assert_fails(Switch::RateLimit {
        calls: 99,
        retry_after_s: 3_600,
    })
    .await;
    assert_eq!(error.kind(), Kind::Stopped);
    assert_eq!(
        told(&error),
        "Qdrant's rate limit held off reading collection \"docs\" from its beginning (1 try in 0 s)\n\
         Run again in 3600 seconds, or raise the collection's read_rate_limit\n\
         ResourceExhausted: Rate limiting exceeded: Read rate limit exceeded, retry later"
    );
}

#[tokio::test]
async fn a_full_disk_has_a_message_of_its_own() {
    let error = assert_fails(Switch::StorageFull { calls: 99 }).await;
    assert_eq!(error.kind(), Kind::Stopped);
    assert_eq!(
        told(&error),
        "Qdrant's disk or memory is full, so it failed while reading collection \"docs\" from its beginning\n\
         Make room on the Qdrant server, then run again\n\
         ResourceExhausted: No space left on device"
    );
}

#[tokio::test]
async fn repeated_and_disordered_points_are_errors_that_name_them() {
    let error = assert_fails(Switch::Duplicate).await;
    let text = error.to_string();
    assert!(
        text.starts_with("Qdrant answered point 00000000-0000-0000-"),
        "{text}"
    );
    assert!(text.ends_with(" twice in one page"), "{text}");
    let error = assert_fails(Switch::Backwards).await;
    assert!(
        error
            .to_string()
            .starts_with("Qdrant answered out of order: point ")
    );
    assert_eq!(error.kind(), Kind::Failed);
}

#[tokio::test]
async fn a_key_withdrawn_in_the_midst_is_forbidden() {
    let error = assert_fails(Switch::Key("new")).await;
    assert_eq!(error.kind(), Kind::Forbidden);
}

#[tokio::test]
async fn a_count_that_moves_is_given_as_it_is_each_time() {
    let server = docs();
    server.set(Switch::GrowingCount);
    let mut source = open(&server, "docs").await.unwrap();
    assert_eq!(source.count().await.unwrap(), Some(POINTS));
    assert_eq!(source.count().await.unwrap(), Some(POINTS + 1));
}

#[tokio::test]
async fn a_point_that_does_not_fit_the_collection_is_named() {
    let server = QdrantDouble::recorded("tiny8").start();
    let point = RetrievedPoint {
        id: Some(7_777.into()),
        vectors: Some(unnamed(vec![0.5; 9])),
        ..RetrievedPoint::default()
    };
    server.put("tiny8", point);
    let mut source = open(&server, "tiny8").await.unwrap();
    let error = source.page(None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(
        told(&error),
        "Qdrant answered with a point that cannot be read, in collection \"tiny8\"\n\n\
         point 7777\n\
         the unnamed vector has length 9 instead of 8"
    );
}
