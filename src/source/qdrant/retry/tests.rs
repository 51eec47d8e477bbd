use std::time::UNIX_EPOCH;

use tonic::metadata::MetadataMap;

use super::*;
use crate::error::Kind;

fn answer(code: Code, text: &str) -> QdrantError {
    Status::new(code, text).into()
}

fn answer_with(code: Code, text: &str, key: &'static str, value: &str) -> QdrantError {
    let mut metadata = MetadataMap::new();
    metadata.insert(key, value.parse().unwrap());
    Status::with_metadata(code, text, metadata).into()
}

#[test]
fn each_status_of_the_contract_has_its_decision() {
    let rows = [
        (Code::InvalidArgument, "limit too large", Decision::Refused),
        (
            Code::Unauthenticated,
            "Invalid API key",
            Decision::Unauthenticated,
        ),
        (Code::PermissionDenied, "no access", Decision::Denied),
        (Code::FailedPrecondition, "locked", Decision::Refused),
        (
            Code::NotFound,
            "Collection `x` not found",
            Decision::Missing,
        ),
        (Code::DeadlineExceeded, "timed out", Decision::Smaller),
        (Code::Cancelled, "Timeout expired", Decision::Smaller),
        (
            Code::Internal,
            "Service internal error",
            Decision::RetryBriefly,
        ),
        (
            Code::Internal,
            "Failed to connect to http://h:1/: refused",
            Decision::Retry,
        ),
        (Code::Unavailable, "starting", Decision::Retry),
        (Code::Unknown, "transport error", Decision::Retry),
        (
            Code::Unknown,
            "grpc-status header missing, mapped from HTTP status code 413",
            Decision::Smaller,
        ),
        (Code::Unimplemented, "no such method", Decision::Refused),
        (
            Code::OutOfRange,
            "Error, decoded message length too large: found 9 bytes",
            Decision::Smaller,
        ),
        (Code::OutOfRange, "index", Decision::Refused),
    ];
    for (code, text, decision) in rows {
        assert_eq!(classify(&answer(code, text)), decision, "{code:?} {text}");
    }
}

#[test]
fn the_meanings_of_resource_exhausted_are_told_apart() {
    let exhausted = Code::ResourceExhausted;
    assert_eq!(
        classify(&answer_with(
            exhausted,
            "Rate limiting exceeded",
            "retry-after",
            "7"
        )),
        Decision::Wait(Duration::from_secs(7))
    );
    assert_eq!(
        classify(&answer_with(
            exhausted,
            "full",
            "qdrant-insufficient-storage",
            "disk"
        )),
        Decision::StorageFull
    );
    for text in [
        "No space left on device: WAL buffer size exceeds available disk space",
        "Out of memory, free: 12, needed: 15",
    ] {
        assert_eq!(classify(&answer(exhausted, text)), Decision::StorageFull);
    }
    for text in [
        "grpc: received message larger than max (8388608 vs. 4194304)",
        "Error, encoded message length too large: found 9 bytes, the limit is: 4 bytes",
        "try less",
    ] {
        assert_eq!(
            classify(&answer(exhausted, text)),
            Decision::Smaller,
            "{text}"
        );
    }
    assert_eq!(
        classify(&answer(exhausted, "Rate limiting exceeded, try later")),
        Decision::Retry
    );
}

#[test]
fn the_text_of_a_failed_call_leaves_out_headers() {
    let error = answer_with(
        Code::Unauthenticated,
        "Invalid API key or JWT",
        "x-secret",
        "abc",
    );
    assert_eq!(
        CallError::of(&error).to_string(),
        "Unauthenticated: Invalid API key or JWT"
    );
}

fn patience() -> (Patience, Clock) {
    let clock = Clock::simulated(UNIX_EPOCH);
    (Patience::new(clock, Duration::from_millis(250)), clock)
}

async fn fail(patience: &mut Patience, decision: Decision) -> Result<Again, Error> {
    let error = CallError::text("below");
    patience.after("reading a page", decision, error).await
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_ten_times_and_then_stops_the_run() {
    let (mut patience, _) = patience();
    for _ in 1..MOST_TRIES {
        assert_eq!(
            fail(&mut patience, Decision::Retry).await.unwrap(),
            Again::Same
        );
    }
    let error = fail(&mut patience, Decision::Retry).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Stopped);
    let text = error.to_string();
    assert!(
        text.starts_with("Qdrant failed while reading a page (10 tries in "),
        "{text}"
    );
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "below"
    );
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_wait_is_kept_to_the_second() {
    let (mut patience, clock) = patience();
    let began = clock.now();
    fail(&mut patience, Decision::Wait(Duration::from_secs(42)))
        .await
        .unwrap();
    assert_eq!(clock.now() - began, Duration::from_secs(42));
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_time_for_one_call_stops_and_says_when_to_come_back() {
    let (mut patience, clock) = patience();
    let began = clock.now();
    let error = fail(&mut patience, Decision::Wait(Duration::from_secs(3_600)))
        .await
        .unwrap_err();
    assert_eq!(clock.now(), began);
    assert_eq!(error.kind(), Kind::Stopped);
    assert_eq!(
        error.advice().unwrap(),
        "Run again in 3600 seconds, or raise the collection's read_rate_limit"
    );
}

#[tokio::test(start_paused = true)]
async fn an_absurd_wait_is_no_reason_to_panic() {
    let (mut patience, _) = patience();
    let forever = Decision::Wait(Duration::from_secs(u64::MAX));
    fail(&mut patience, Decision::Retry).await.unwrap();
    fail(&mut patience, forever).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn slow_tries_end_by_time_rather_than_by_number() {
    let (mut patience, clock) = patience();
    let mut tries = 0;
    let error = loop {
        clock.sleep(Duration::from_secs(120)).await;
        tries += 1;
        match fail(&mut patience, Decision::Smaller).await {
            Ok(again) => assert_eq!(again, Again::Smaller),
            Err(error) => break error,
        }
    };
    assert_eq!((tries, error.kind()), (5, Kind::Stopped));
}

#[tokio::test(start_paused = true)]
async fn an_internal_error_is_tried_three_times() {
    let (mut patience, _) = patience();
    fail(&mut patience, Decision::RetryBriefly).await.unwrap();
    fail(&mut patience, Decision::RetryBriefly).await.unwrap();
    fail(&mut patience, Decision::RetryBriefly)
        .await
        .unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_pass_ends_at_once_with_its_own_kind() {
    let rows = [
        (
            Decision::Unauthenticated,
            Kind::Forbidden,
            "Qdrant refused the API key while reading a page",
        ),
        (
            Decision::Denied,
            Kind::Forbidden,
            "the API key has no right to what was asked while reading a page",
        ),
        (
            Decision::Missing,
            Kind::Failed,
            "Qdrant no longer knows the collection while reading a page",
        ),
        (
            Decision::StorageFull,
            Kind::Stopped,
            "Qdrant's disk or memory is full, so it failed while reading a page",
        ),
        (
            Decision::Refused,
            Kind::Failed,
            "Qdrant refused the call while reading a page",
        ),
    ];
    for (decision, kind, text) in rows {
        let (mut patience, clock) = patience();
        let began = clock.now();
        let error = fail(&mut patience, decision).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
        assert_eq!(clock.now(), began);
    }
}
