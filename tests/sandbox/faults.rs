//! Every kind of fault, over HTTP where the connection matters.

use std::time::Duration;

use axum::http::Method;
use cf_migrate::clock::Clock;
use cf_migrate::sandbox::{FaultKind, Operation, SandboxOptions};
use serde_json::{Value, json};

use crate::support::{Answer, Api, INDEXES, NDJSON, at_once, served, simulated, vector};

async fn ready() -> Api {
    served(at_once()).await.with_index("cosine").await
}

async fn upsert_under(api: &Api, fault: &str) -> Result<Answer, String> {
    api.sandbox
        .queue_fault(Operation::Upsert, fault.parse().unwrap());
    let headers = [("authorization", "Bearer t"), ("content-type", NDJSON)];
    let path = format!("{INDEXES}/i/upsert");
    let body = vector("a", 1.0).to_string();
    let answer = api.try_call(Method::POST, &path, &headers, body).await;
    assert_eq!(api.sandbox.unused_faults(), []);
    answer
}

async fn is_stored(api: &Api) -> bool {
    api.get_by_ids(&["a"]).await != json!([])
}

#[tokio::test]
async fn server_errors_come_with_envelope_with_html_or_bare_and_only_504_hides_a_success() {
    for status in [500, 502, 503, 504] {
        let api = ready().await;
        let answer = upsert_under(&api, &status.to_string()).await.unwrap();
        assert_eq!(answer.failure(), (status, 10001));
        assert_eq!(is_stored(&api).await, status == 504);
        let answer = upsert_under(&api, &format!("{status}-html")).await.unwrap();
        assert_eq!(answer.status, status);
        assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
        let answer = upsert_under(&api, &format!("{status}-bare")).await.unwrap();
        let body = answer.json();
        assert_eq!(answer.status, status);
        assert!(
            body["code"].is_number() && body["error"].is_string() && body.get("success").is_none()
        );
        assert_eq!(is_stored(&api).await, status == 504);
    }
}

#[tokio::test]
async fn throttling_looks_different_for_vectorize_writes_and_everything_else() {
    let api = ready().await;
    let answer = upsert_under(&api, "429").await.unwrap();
    assert_eq!(answer.failure(), (429, 40041));
    assert!(!answer.headers.contains_key("retry-after"));
    assert!(!is_stored(&api).await);
    api.sandbox
        .queue_fault(Operation::IndexInfo, FaultKind::TooManyRequests);
    let answer = api.get(&format!("{INDEXES}/i/info")).await;
    assert_eq!(answer.failure(), (429, 971));
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn the_firewall_challenges() {
    let api = ready().await;
    let answer = upsert_under(&api, "challenge").await.unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(answer.headers["cf-mitigated"], "challenge");
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
}

#[tokio::test]
async fn a_connection_is_cut_before_or_after_the_call_is_carried_out() {
    for (fault, stored) in [
        ("drop-before", false),
        ("drop-after", true),
        ("truncated", true),
    ] {
        let api = ready().await;
        let error = upsert_under(&api, fault).await.err();
        assert!(error.is_some(), "{fault}: an answer came");
        assert_eq!(is_stored(&api).await, stored, "{fault}");
    }
}

#[tokio::test]
async fn a_truncated_answer_has_a_status_and_a_body_that_breaks_off() {
    let api = ready().await;
    let error = upsert_under(&api, "truncated").await.err().unwrap();
    assert!(
        error.contains("Body") || error.contains("Decode"),
        "{error}"
    );
    let error = upsert_under(&api, "drop-after").await.err().unwrap();
    assert!(error.contains("Request"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn in_process_a_cut_connection_is_an_error_and_slowness_takes_simulated_time() {
    let api = simulated(at_once()).with_index("cosine").await;
    for fault in ["drop-before", "drop-after", "truncated"] {
        assert!(upsert_under(&api, fault).await.is_err(), "{fault}");
    }
    let before = Clock::real().now();
    upsert_under(&api, "slow").await.unwrap().result();
    assert_eq!(before.elapsed(), FaultKind::SLOWNESS);
}

#[tokio::test]
async fn a_mutation_may_be_accepted_and_never_applied_while_the_marker_moves_past_it() {
    let api = ready().await;
    let accepted = upsert_under(&api, "never-applied").await.unwrap().result();
    let info = api.info().await;
    assert_eq!(info["processedUpToMutation"], accepted["mutationId"]);
    assert_eq!(info["vectorCount"], 0);
    assert!(!is_stored(&api).await);
    api.upsert(&[vector("a", 1.0)]).await.result();
    let path = format!("{INDEXES}/i/delete_by_ids");
    api.sandbox
        .queue_fault(Operation::DeleteByIds, FaultKind::NeverApplied);
    api.post(&path, json!({"ids": ["a"]})).await.result();
    assert!(is_stored(&api).await);
}

#[tokio::test]
async fn one_float_of_one_vector_may_be_altered() {
    let api = ready().await;
    api.sandbox
        .queue_fault(Operation::Upsert, FaultKind::Altered);
    let sent: Vec<_> = (0..50).map(|id| vector(&id.to_string(), 0.5)).collect();
    api.upsert(&sent).await.result();
    let stored = api.sandbox.vectors("i").unwrap();
    let different: usize = sent
        .iter()
        .map(|line| {
            let stored = &stored[line["id"].as_str().unwrap()].values;
            let sent = line["values"].as_array().unwrap();
            let pairs = sent.iter().zip(stored);
            pairs
                .filter(|(sent, stored)| sent.as_f64().unwrap() as f32 != **stored)
                .count()
        })
        .sum();
    assert_eq!(different, 1);
}

#[tokio::test]
async fn a_bulk_write_may_succeed_in_part_and_names_the_rest() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    for (count, rounds) in [(10, 3), (1, 3)] {
        for round in 0..rounds {
            let names: Vec<_> = (0..count)
                .map(|key| format!("{count}-{round}-{key}"))
                .collect();
            let pairs: Vec<_> = names
                .iter()
                .map(|key| json!({"key": key, "value": "v"}))
                .collect();
            api.sandbox
                .queue_fault(Operation::BulkPut, FaultKind::KvPartial);
            let done = api.put(&format!("{kv}/bulk"), json!(pairs)).await.result();
            let left: Vec<_> = done["unsuccessful_keys"].as_array().unwrap().clone();
            assert!(!left.is_empty());
            let written = names.len() - left.len();
            assert_eq!(done["successful_key_count"], written);
            let keys = api
                .get(&format!("{kv}/keys?prefix={count}-{round}-"))
                .await
                .result();
            assert_eq!(keys.as_array().unwrap().len(), written);
            assert!(
                keys.as_array()
                    .unwrap()
                    .iter()
                    .all(|key| !left.contains(&key["name"]))
            );
        }
    }
    api.sandbox
        .queue_fault(Operation::BulkDelete, FaultKind::KvPartial);
    let names: Vec<_> = (0..10).map(|key| format!("10-0-{key}")).collect();
    let done = api
        .post(&format!("{kv}/bulk/delete"), json!(names))
        .await
        .result();
    assert!(!done["unsuccessful_keys"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_cursor_breaks_only_when_mutations_were_applied_since() {
    let api = ready().await;
    api.upsert(&[vector("a", 1.0), vector("b", 1.0)])
        .await
        .result();
    let first = api.get(&format!("{INDEXES}/i/list?count=1")).await.result();
    let cursor = first["nextCursor"].as_str().unwrap().replace('+', "%2B");
    let next = format!("{INDEXES}/i/list?cursor={cursor}");
    api.sandbox
        .queue_fault(Operation::ListVectors, FaultKind::CursorCorrupted);
    api.get(&next).await.result();
    api.upsert(&[vector("c", 1.0)]).await.result();
    api.sandbox
        .queue_fault(Operation::ListVectors, FaultKind::CursorCorrupted);
    assert_eq!(api.get(&next).await.failure(), (400, 40052));
    api.get(&next).await.result();
}

#[tokio::test(start_paused = true)]
async fn faults_by_rate_are_the_same_for_the_same_seed() {
    let outcomes = async |seed: u64| {
        let api = simulated(SandboxOptions {
            seed,
            faults: vec![
                "500:0.3".parse().unwrap(),
                "drop-before:0.2".parse().unwrap(),
            ],
            budget: None,
            ..at_once()
        });
        let mut outcomes = Vec::new();
        for _ in 0..200 {
            let headers = [("authorization", "Bearer t")];
            let answer = api.try_call(Method::GET, INDEXES, &headers, "").await;
            outcomes.push(answer.map(|answer| answer.status).ok());
        }
        outcomes
    };
    let one = outcomes(1).await;
    assert_eq!(one, outcomes(1).await);
    assert_ne!(one, outcomes(2).await);
    for outcome in [Some(200), Some(500), None] {
        assert!(one.contains(&outcome), "{outcome:?} never happened");
    }
}

#[tokio::test]
async fn a_fault_that_no_call_met_is_reported() {
    let api = ready().await;
    api.sandbox.queue_fault(Operation::BulkPut, FaultKind::Slow);
    api.upsert(&[vector("a", 1.0)]).await.result();
    assert_eq!(
        api.sandbox.unused_faults(),
        [(Operation::BulkPut, FaultKind::Slow)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_was_applied_even_if_the_caller_gave_up() {
    let api = simulated(at_once()).with_index("cosine").await;
    let patience = Duration::from_secs(1);
    let gave_up = tokio::time::timeout(patience, upsert_under(&api, "slow")).await;
    assert!(gave_up.is_err());
    assert!(is_stored(&api).await);
}
