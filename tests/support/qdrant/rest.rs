//! The REST side: who is there, and points by id.

use std::net::TcpListener;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::recorded::rest_value_id;
use super::{Shared, json as written, locked};

type Answer = (StatusCode, String);

pub(super) async fn serve(state: Shared, listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it does not block");
    let routes = Router::new()
        .route("/", get(who))
        .route("/collections/{name}/points", post(points))
        .with_state(state);
    axum::serve(listener, routes)
        .await
        .expect("serving ends only with the runtime");
}

async fn who(State(state): State<Shared>) -> String {
    let version = locked(&state).faults.version.unwrap_or("1.18.3");
    json!({ "title": "qdrant - vector search engine", "version": version }).to_string()
}

async fn points(
    State(state): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut state = locked(&state);
    *state.calls.entry("rest").or_default() += 1;
    let given = headers.get("api-key").and_then(|key| key.to_str().ok());
    if state.faults.key.is_some_and(|key| given != Some(key)) {
        return refusal(StatusCode::UNAUTHORIZED, "Invalid API key or JWT");
    }
    let Some(collection) = state.collections.get(&name) else {
        return refusal(
            StatusCode::NOT_FOUND,
            "Not found: Collection doesn't exist!",
        );
    };
    let ids = serde_json::from_slice(&body).ok().and_then(|body: Value| {
        let ids = body.get("ids")?.as_array()?.iter();
        ids.map(rest_value_id).collect::<Option<Vec<_>>>()
    });
    let Some(ids) = ids else {
        return refusal(StatusCode::BAD_REQUEST, "Format error in JSON body");
    };
    let found = ids.into_iter().filter_map(|id| {
        let held = collection.get(id)?;
        let recorded = collection.recorded_rest.get(&id).cloned();
        Some(recorded.unwrap_or_else(|| written::point(held)))
    });
    let found: Vec<_> = found.collect();
    (
        StatusCode::OK,
        json!({ "result": found, "status": "ok", "time": 0.0 }).to_string(),
    )
}

fn refusal(status: StatusCode, text: &str) -> Answer {
    (
        status,
        json!({ "status": { "error": text }, "time": 0.0 }).to_string(),
    )
}
