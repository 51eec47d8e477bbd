//! The HTTP side: paths, tokens, envelopes, and answers that go wrong.

use std::net::TcpListener;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use cf_migrate::clock::Clock;
use futures::StreamExt as _;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::faults::Failure;
use super::{READ_ONLY, Shared, TOKEN, calls, locked};

/// What a call comes to: a result, or a status and an error's text.
pub(super) type Outcome = Result<Value, (u16, String)>;

/// Endpoints that change something.
const WRITES: [&str; 5] = ["upsert", "update", "delete", "reset", "delete-namespace"];

pub(super) async fn serve(state: Shared, listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it does not block");
    let routes = Router::new()
        .fallback(answer)
        .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
        .with_state(state);
    axum::serve(listener, routes)
        .await
        .expect("serving ends only with the runtime");
}

async fn answer(
    State(state): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let Some((endpoint, namespace)) = place(uri.path()) else {
        return enveloped(Err((404, "Not Found".to_owned())), None);
    };
    let (failure, outcome) = {
        let mut state = locked(&state);
        *state.calls.entry(endpoint.clone()).or_default() += 1;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if endpoint == "range" {
            state.ranges.push((namespace.clone(), body.clone()));
        }
        let failure = state.faults.failure(&endpoint);
        let refused = match &failure {
            Some(Failure::Cut | Failure::Slow(_)) | None => None,
            Some(other) => Some(other.clone()),
        };
        let outcome = match (&refused, allowed(&headers, &endpoint, &state)) {
            (Some(_), _) => Ok(Value::Null),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => calls::call(&mut state, &endpoint, &namespace, &body),
        };
        (failure, outcome)
    };
    match failure {
        None => enveloped(outcome, None),
        Some(failure) => failed(failure, outcome).await,
    }
}

/// Endpoint and namespace of a path; a name with a slash in it has to be escaped.
fn place(path: &str) -> Option<(String, String)> {
    let mut segments = path.strip_prefix('/')?.split('/');
    let endpoint = segments.next()?.to_owned();
    let namespace = segments.next().unwrap_or_default();
    let decoded = percent_decode_str(namespace).decode_utf8().ok()?;
    segments
        .next()
        .is_none()
        .then(|| (endpoint, decoded.into_owned()))
}

fn allowed(headers: &HeaderMap, endpoint: &str, state: &super::State) -> Result<(), (u16, String)> {
    let given = headers
        .get("authorization")
        .and_then(|given| given.to_str().ok());
    match given.and_then(|given| given.strip_prefix("Bearer ")) {
        Some(TOKEN) => Ok(()),
        Some(READ_ONLY)
            if WRITES.contains(&endpoint) || state.faults.read_only_refused.contains(&endpoint) =>
        {
            Err((
                403,
                format!("Forbidden: a read-only token may not call {endpoint}"),
            ))
        }
        Some(READ_ONLY) => Ok(()),
        _ => Err((401, "Unauthorized: Invalid auth token".to_owned())),
    }
}

fn enveloped(outcome: Outcome, retry_after: Option<&str>) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(result) => (200, json!({ "result": result })),
        Err((status, error)) => (status, json!({ "error": error, "status": status })),
    };
    let mut answer = plain(status, "application/json", body.to_string());
    if let Some(seconds) = retry_after {
        let seconds = seconds.parse().expect("the test gives a header's value");
        answer.headers_mut().insert("retry-after", seconds);
    }
    answer
}

fn plain(status: u16, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(status).expect("the test gives a status"))
        .header("content-type", content_type)
        .body(body.into())
        .expect("the parts are valid")
}

async fn failed(failure: Failure, outcome: Outcome) -> Response<Body> {
    match failure {
        Failure::Told(status, text) => enveloped(Err((status, text.to_owned())), None),
        Failure::RetryAfter(status, seconds) => {
            enveloped(Err((status, "Too many requests".to_owned())), Some(seconds))
        }
        Failure::ToldAs200(text) => {
            let body = json!({ "error": text, "status": 400 });
            plain(200, "application/json", body.to_string())
        }
        Failure::Html(status) => plain(status, "text/html", "<html><h1>Bad gateway</h1></html>"),
        Failure::Cut => cut(outcome),
        Failure::None => enveloped(outcome, None),
        Failure::Slow(time) => {
            Clock::real().sleep(time).await;
            enveloped(outcome, None)
        }
        Failure::Huge(bytes) => plain(200, "application/json", vec![b' '; bytes]),
    }
}

/// Half of the answer, then the connection breaks.
fn cut(outcome: Outcome) -> Response<Body> {
    let body = json!({ "result": outcome.unwrap_or_default() }).to_string();
    let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
    let sent = futures::stream::iter([Ok::<_, std::io::Error>(half)]);
    let broken = futures::stream::iter([Err(std::io::ErrorKind::ConnectionReset.into())]);
    plain(
        200,
        "application/json",
        Body::from_stream(sent.chain(broken)),
    )
}
