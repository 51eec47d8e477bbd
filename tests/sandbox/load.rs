//! The service as a tower service, and several callers at once.

use axum::body::Body;
use axum::http::Request;
use cf_migrate::clock::Clock;
use cf_migrate::sandbox::Sandbox;
use futures::future::join_all;
use serde_json::json;
use tower::ServiceExt;

use crate::support::{at_once, served, vector};

#[tokio::test]
async fn the_service_can_be_called_without_a_socket() {
    let sandbox = Sandbox::open(None, at_once(), Clock::real()).unwrap();
    let request = Request::builder()
        .uri("/client/v4/user/tokens/verify")
        .header("authorization", "Bearer t")
        .body(Body::empty())
        .unwrap();
    let response = sandbox.service().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_flight_side_by_side_are_all_applied() {
    let api = served(at_once()).await.with_index("cosine").await;
    let batches: Vec<Vec<_>> = (0..20)
        .map(|batch| {
            (0..50)
                .map(|id| vector(&format!("{batch}-{id}"), 1.0))
                .collect()
        })
        .collect();
    for answer in join_all(batches.iter().map(|batch| api.upsert(batch))).await {
        answer.result();
    }
    assert_eq!(api.info().await["vectorCount"], json!(1_000));
}
