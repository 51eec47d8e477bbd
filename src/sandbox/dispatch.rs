//! The way of a call: recorded, counted against the budget, struck by a fault or
//! not, admitted, carried out, answered.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, request};
use bytes::Bytes;
use serde_json::json;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::fault::{Fate, FaultKind};
use super::operation::{self, Route};
use super::reply::{self, Answer, Failure};
use super::request::{Incoming, decode, decode_query, read_body};
use super::{Dropped, Operation, Sandbox, account, auth, kv, lock, vectorize};

/// Where the API begins.
pub(super) const BASE: &str = "/client/v4";

/// How an answer reaches the caller.
#[derive(Debug)]
pub(super) enum Delivery {
    Whole(Response<Bytes>),
    /// Half of the body, then the connection is cut.
    Half(Response<Bytes>),
    /// Nothing: the connection is cut.
    Cut,
}

impl Sandbox {
    /// Answers one call in-process. Time passes only by the sandbox's clock, so
    /// this works on a simulated one.
    ///
    /// # Errors
    /// [`Dropped`] where a client would see its connection cut: the faults
    /// `drop-before`, `drop-after` and `truncated`.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        match self.deliver(request).await {
            Delivery::Whole(response) => Ok(response),
            Delivery::Half(_) | Delivery::Cut => Err(Dropped),
        }
    }

    pub(super) async fn deliver(&self, request: Request<Bytes>) -> Delivery {
        let (head, body) = request.into_parts();
        let below = head.uri.path().strip_prefix(BASE);
        let Some(path) = below.filter(|path| path.starts_with('/')) else {
            return Delivery::Whole(reply::html_response(StatusCode::NOT_FOUND));
        };
        let route = operation::find(&head.method, path);
        let operation = match &route {
            Route::To(operation, _) => *operation,
            Route::WrongMethod | Route::Nowhere => Operation::Unknown,
        };
        let fate = match self.admit(operation) {
            Ok(fate) => fate,
            Err(refused) => return Delivery::Whole(reply::render(Err(refused))),
        };
        if let Some(delivery) = struck_before(fate, operation) {
            return delivery;
        }
        let answer = self.carry_out(&head, body, route, fate).await;
        let mut response = reply::render(answer);
        self.add_limit_headers(operation, response.headers_mut());
        if fate.fault == Some(FaultKind::Slow) {
            self.inner.clock.sleep(FaultKind::SLOWNESS).await;
        }
        struck_after(fate, response)
    }

    /// Records the call and takes a turn of the budget.
    fn admit(&self, operation: Operation) -> Result<Fate, Failure> {
        let now = self.inner.clock.now();
        lock(&self.inner.calls).record(operation, now);
        if let Some(window) = lock(&self.inner.budget).as_mut() {
            let now = Duration::from_millis(self.inner.clock.uptime().ms);
            window.take(now).map_err(|blocked| {
                Failure::too_many(10000, Some(blocked.as_secs_f64().ceil() as u64))
            })?;
        }
        Ok(lock(&self.inner.faults).draw(operation))
    }

    async fn carry_out(
        &self,
        head: &request::Parts,
        body: Bytes,
        route: Route,
        fate: Fate,
    ) -> Answer {
        let (operation, params) = match route {
            Route::To(operation, params) => (operation, params),
            Route::WrongMethod => return Err(wrong_method(head)),
            Route::Nowhere => return Err(no_route(head)),
        };
        let mut params = params
            .iter()
            .map(|param| decode(param).ok_or_else(|| no_route(head)))
            .collect::<Result<Vec<_>, _>>()?;
        let has_account = operation.template().contains("{account}");
        let account = has_account.then(|| params.remove(0));
        let options = &self.inner.options;
        auth::check(options, operation, &head.headers, account.as_deref())?;
        let call = Incoming {
            operation,
            params,
            query: decode_query(&head.uri),
            headers: head.headers.clone(),
            body_bytes: body.len(),
            body: read_body(head, body).await,
            now_ms: i64::try_from(self.inner.clock.wall_ms()).unwrap_or(i64::MAX),
            unsettled: options.unsettled,
            fate,
        };
        blocking(|| self.perform(&call))
    }

    fn perform(&self, call: &Incoming) -> Answer {
        let store = &self.inner.store;
        if call.operation.is_vectorize() {
            vectorize::answer(store, call)
        } else if call.operation.is_kv() {
            kv::answer(store, call)
        } else {
            account::answer(&self.inner.options, call.operation)
        }
    }

    /// As observed live: the policy is told, the remainder is not tracked, and KV
    /// tells neither.
    fn add_limit_headers(&self, operation: Operation, headers: &mut HeaderMap) {
        let Some(budget) = self.inner.options.budget.filter(|_| !operation.is_kv()) else {
            return;
        };
        let policy = format!(
            "\"default\";q={};w={}",
            budget.calls,
            budget.window.as_secs()
        );
        let remaining = format!("\"default\";r={};t=1", budget.calls.saturating_sub(1));
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", remaining)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// Runs work that may take a while. On a runtime of several threads the others
/// are told to go on without this one; on one thread (a simulated clock) it is
/// simply done, since a paused clock jumps ahead while other threads work.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// The answer of faults that strike before the call is carried out.
fn struck_before(fate: Fate, operation: Operation) -> Option<Delivery> {
    let response = match fate.fault? {
        FaultKind::DropBefore => return Some(Delivery::Cut),
        FaultKind::TooManyRequests => reply::render(Err(throttled(operation))),
        FaultKind::Challenge => challenge(),
        kind => failed_server(kind).filter(|failed| !is_hidden_success(failed.status()))?,
    };
    Some(Delivery::Whole(response))
}

/// What becomes of the answer of a call that was carried out.
fn struck_after(fate: Fate, response: Response<Bytes>) -> Delivery {
    match fate.fault {
        Some(FaultKind::DropAfter) => Delivery::Cut,
        Some(FaultKind::Truncated) => Delivery::Half(response),
        Some(kind) => Delivery::Whole(failed_server(kind).unwrap_or(response)),
        None => Delivery::Whole(response),
    }
}

/// A gateway that gave up waiting does not know that the call succeeded.
fn is_hidden_success(status: StatusCode) -> bool {
    status == StatusCode::GATEWAY_TIMEOUT
}

fn failed_server(kind: FaultKind) -> Option<Response<Bytes>> {
    let (FaultKind::ServerError(status)
    | FaultKind::ServerErrorHtml(status)
    | FaultKind::ServerErrorBare(status)) = kind
    else {
        return None;
    };
    let status = StatusCode::from_u16(status).ok()?;
    let message = "the service is temporarily unavailable";
    Some(match kind {
        FaultKind::ServerErrorHtml(_) => reply::html_response(status),
        FaultKind::ServerErrorBare(_) => {
            reply::json_response(status, &json!({"code": 10001, "error": message}))
        }
        _ => reply::render(Err(Failure::new(status, 10001, message))),
    })
}

fn throttled(operation: Operation) -> Failure {
    if operation.is_mutation() {
        let mut failure = Failure::too_many(40041, None);
        failure.message = "vectorize.upstream_error - too many requests".to_owned();
        return failure;
    }
    Failure::too_many(971, Some(1))
}

fn challenge() -> Response<Bytes> {
    let mut response = reply::html_response(StatusCode::FORBIDDEN);
    response.headers_mut().insert(
        HeaderName::from_static("cf-mitigated"),
        HeaderValue::from_static("challenge"),
    );
    response
}

fn no_route(head: &request::Parts) -> Failure {
    let path = head.uri.path();
    if path.starts_with("/client/v4/accounts/") {
        let message =
            format!("Could not route to {path}, perhaps your object identifier is invalid?");
        return Failure::new(StatusCode::NOT_FOUND, 7003, message);
    }
    Failure::new(StatusCode::NOT_FOUND, 7000, "No route for that URI")
}

fn wrong_method(head: &request::Parts) -> Failure {
    let message = format!("{} method not allowed for this endpoint", head.method);
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, 10405, message)
}
