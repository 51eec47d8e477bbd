//! A stand-in for Cloudflare that answers at once and throws away the vectors it is
//! sent: what is measured with it is what we cost. It counts their lines, and gives
//! back by formula what it would hold, so that a whole migration with verification
//! ends as proven. The pairs of Workers KV it really keeps.

mod kv;

use std::fmt;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::doubles::qdrant::Formula;
use crate::support::line::Line;

/// The name of the one index that it has.
pub const INDEX: &str = "bench";
/// The id of the one KV namespace.
pub const NAMESPACE: &str = "0123456789abcdef0123456789abcdef";
const LIST_PAGE: u64 = 1_000;

/// It, serving until the process ends.
#[derive(Debug)]
pub struct Sink {
    seen: Arc<Seen>,
    base_url: String,
}

/// What it was sent, and what it would hold.
struct Seen {
    formula: Formula,
    /// What upserts come in by; none for as fast as they come.
    line: Option<Arc<Line>>,
    /// Upserts, whose numbers are their mutation ids.
    upserts: AtomicU64,
    /// Lines of their bodies.
    lines: AtomicU64,
    /// Bytes of their bodies.
    bytes: AtomicU64,
    requests: AtomicU64,
    pairs: Mutex<kv::Pairs>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").finish_non_exhaustive()
    }
}

impl Sink {
    /// Serves on a port that the system chooses, on a thread of its own.
    pub fn start(formula: Formula) -> Self {
        Self::over(formula, None)
    }

    /// The same, whose upserts come in by that line.
    pub fn at_the_end_of(formula: Formula, line: Arc<Line>) -> Self {
        Self::over(formula, Some(line))
    }

    fn over(formula: Formula, line: Option<Arc<Line>>) -> Self {
        let seen = Arc::new(Seen {
            formula,
            line,
            upserts: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            pairs: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::clone(&seen);
        thread::spawn(move || serve(listener, state));
        Self {
            seen,
            base_url: format!("http://{address}/client/v4"),
        }
    }

    /// The variables that lead the program to it.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("CLOUDFLARE_API_BASE_URL", self.base_url.clone()),
            ("CLOUDFLARE_API_TOKEN", "token".to_owned()),
            ("CLOUDFLARE_ACCOUNT_ID", "0".repeat(32)),
        ]
    }

    /// Requests of every kind so far.
    pub fn requests(&self) -> u64 {
        self.seen.requests.load(Relaxed)
    }

    /// Bytes of all upserts so far.
    pub fn bytes(&self) -> u64 {
        self.seen.bytes.load(Relaxed)
    }
}

fn serve(listener: TcpListener, seen: Arc<Seen>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let routes = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::disable())
        .with_state(seen);
    runtime.block_on(async {
        listener
            .set_nonblocking(true)
            .expect("a socket can be told not to block");
        let listener = tokio::net::TcpListener::from_std(listener).expect("it is bound");
        axum::serve(listener, routes)
            .await
            .expect("serving ends only with the process");
    });
}

async fn answer(State(seen): State<Arc<Seen>>, method: Method, uri: Uri, body: Body) -> Response {
    seen.requests.fetch_add(1, Relaxed);
    let path = uri.path().to_owned();
    let query = uri.query().unwrap_or_default();
    if path.ends_with("/upsert") {
        return seen.upsert(body).await;
    }
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let answered = match path.split_once("/namespaces/") {
        Some((_, rest)) => seen
            .pairs
            .lock()
            .expect("no call panics")
            .answer(rest, query, &body),
        None => seen
            .vectors(&method, &path, query, &body)
            .map(|result| (result, Value::Null)),
    };
    match answered {
        Some((result, info)) => enveloped(StatusCode::OK, &result, &info),
        None => enveloped(StatusCode::NOT_FOUND, &Value::Null, &Value::Null),
    }
}

impl Seen {
    async fn upsert(&self, body: Body) -> Response {
        let mut lines = 1;
        let mut chunks = body.into_data_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            self.bytes.fetch_add(chunk.len() as u64, Relaxed);
            lines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
            if let Some(line) = &self.line {
                line.read(chunk.len() as u64).await;
            }
        }
        if let Some(line) = &self.line {
            line.answer().await;
        }
        self.lines.fetch_add(lines, Relaxed);
        let number = self.upserts.fetch_add(1, Relaxed) + 1;
        let result = json!({ "mutationId": number.to_string() });
        enveloped(StatusCode::OK, &result, &Value::Null)
    }

    /// A line more than there are vectors is the barrier, sent a second time.
    fn count(&self) -> u64 {
        self.lines.load(Relaxed).min(self.formula.count())
    }

    fn vectors(&self, method: &Method, path: &str, query: &str, body: &Bytes) -> Option<Value> {
        let dimensions = self.formula.dimensions();
        let end = path.rsplit('/').next()?;
        Some(match (method.as_str(), end) {
            ("GET", "info") => json!({
                "dimensions": dimensions,
                "vectorCount": self.count(),
                "processedUpToMutation": self.upserts.load(Relaxed).to_string(),
                "processedUpToDatetime": "2026-01-01T00:00:00Z",
            }),
            ("GET", "list") => self.page(query),
            ("POST", "get_by_ids") => self.by_ids(body)?,
            ("GET", "namespaces") => json!([{ "id": NAMESPACE, "title": "files" }]),
            ("GET", INDEX) => json!({
                "name": INDEX,
                "description": "",
                "created_on": "2026-01-01T00:00:00Z",
                "modified_on": "2026-01-01T00:00:00Z",
                "config": { "dimensions": dimensions, "metric": "cosine" },
            }),
            _ => return None,
        })
    }

    fn page(&self, query: &str) -> Value {
        let first: u64 = parameter(query, "cursor").map_or(0, |c| c.parse().unwrap_or_default());
        let (count, next) = (self.count(), first + LIST_PAGE);
        let ids = self.formula.ids(first..next.min(count));
        let ids: Vec<Value> = ids.map(|id| json!({ "id": id })).collect();
        json!({
            "count": ids.len(),
            "totalCount": count,
            "isTruncated": next < count,
            "nextCursor": (next < count).then(|| next.to_string()),
            "vectors": ids,
        })
    }

    fn by_ids(&self, body: &[u8]) -> Option<Value> {
        let asked: Value = serde_json::from_slice(body).ok()?;
        let ids = asked["ids"].as_array()?.iter().filter_map(Value::as_str);
        let found = ids.filter_map(|id| self.formula.point(id)).map(|point| {
            json!({ "id": point["id"], "values": point["vector"], "metadata": point["payload"] })
        });
        Some(found.collect())
    }
}

/// A parameter of a query, which none of these needs to be decoded for.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn enveloped(status: StatusCode, result: &Value, info: &Value) -> Response {
    let errors = match status.is_success() {
        true => json!([]),
        false => json!([{ "code": 7003, "message": "no such route" }]),
    };
    let body = json!({
        "success": status.is_success(), "result": result, "result_info": info,
        "errors": errors, "messages": [],
    });
    (status, body.to_string()).into_response()
}
