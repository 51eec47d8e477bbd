//! A Cloudflare account for tests: the sandbox, served on loopback by a thread of
//! this process, so that a test can prepare it, look into it, count the calls,
//! and have single calls answered by something else.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test binary compiles all of it and uses a part"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use cf_migrate::sandbox::{Operation, Sandbox, SandboxOptions};
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "the-operators-token";

/// An account that listens on loopback until it is dropped.
pub struct Cloud {
    pub sandbox: Sandbox,
    port: u16,
    stand_ins: Arc<Mutex<Vec<StandIn>>>,
    seen: usize,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// An answer that is given instead of the sandbox's.
#[derive(Debug, Clone)]
pub struct StandIn {
    pub method: Method,
    /// The end of the path.
    pub path: &'static str,
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

impl Cloud {
    /// An account that takes only [`ACCOUNT`] and [`TOKEN`], and applies writes at once.
    pub fn start() -> Self {
        Self::with(SandboxOptions {
            apply_delay: Duration::ZERO,
            ..SandboxOptions::default()
        })
    }

    pub fn with(options: SandboxOptions) -> Self {
        let options = SandboxOptions {
            account_id: Some(ACCOUNT.to_owned()),
            token: Some(TOKEN.to_owned()),
            ..options
        };
        let sandbox = Sandbox::open(None, options, Clock::real()).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stand_ins = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel::<()>();
        let app = app(sandbox.clone(), Arc::clone(&stand_ins));
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, app) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let (stop, thread) = (Some(stop), Some(thread));
        Self {
            sandbox,
            port,
            stand_ins,
            seen: 0,
            stop,
            thread,
        }
    }

    /// For `CLOUDFLARE_API_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/client/v4", self.port)
    }

    pub fn answer_instead(&self, answer: StandIn) {
        self.stand_ins.lock().unwrap().push(answer);
    }

    pub fn answer_truly(&self) {
        self.stand_ins.lock().unwrap().clear();
    }

    /// A call of the API; its result.
    pub fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("/client/v4/accounts/{ACCOUNT}{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = runtime().block_on(self.sandbox.handle(request)).unwrap();
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(answer["success"], true, "{answer}");
        answer["result"].clone()
    }

    pub fn create_index(&self, name: &str, dimensions: usize, metric: &str) {
        let config = json!({"dimensions": dimensions, "metric": metric});
        let body = json!({"name": name, "config": config});
        self.call(Method::POST, "/vectorize/v2/indexes", &body);
    }

    /// A new KV namespace; its id.
    pub fn create_namespace(&self, title: &str) -> String {
        let made = self.call(
            Method::POST,
            "/storage/kv/namespaces",
            &json!({"title": title}),
        );
        made["id"].as_str().unwrap().to_owned()
    }

    /// The id of the KV namespace of that title.
    pub fn namespace(&self, title: &str) -> String {
        let all = self.sandbox.namespaces().unwrap();
        all.into_iter()
            .find(|(_, found)| found == title)
            .expect("the namespace exists")
            .0
    }

    pub fn put_text(&self, namespace: &str, key: &str, value: &str) {
        let entry = StoredEntry {
            value: value.as_bytes().to_vec(),
            expiration: None,
            metadata: None,
        };
        self.sandbox.put_entry(namespace, key, &entry).unwrap();
    }

    /// The entries of a namespace as text.
    pub fn texts(&self, namespace: &str) -> BTreeMap<String, String> {
        let entries = self.sandbox.entries(namespace).unwrap();
        let text = |entry: StoredEntry| String::from_utf8(entry.value).unwrap();
        entries
            .into_iter()
            .map(|(key, entry)| (key, text(entry)))
            .collect()
    }

    pub fn vectors(&self, index: &str) -> BTreeMap<String, StoredVector> {
        self.sandbox.vectors(index).unwrap()
    }

    /// Begins to count calls anew.
    pub fn forget_calls(&mut self) {
        self.seen = self.sandbox.calls().total();
    }

    /// The calls since then.
    pub fn calls(&self) -> Vec<Operation> {
        self.sandbox.calls().all()[self.seen..]
            .iter()
            .map(|call| call.operation)
            .collect()
    }

    /// Those of them that write.
    pub fn writes(&self) -> Vec<Operation> {
        self.calls()
            .into_iter()
            .filter(|operation| writes(*operation))
            .collect()
    }

    pub fn count(&self, operation: Operation) -> usize {
        self.calls()
            .into_iter()
            .filter(|called| *called == operation)
            .count()
    }
}

fn writes(operation: Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::CreateIndex
            | O::DeleteIndex
            | O::Insert
            | O::Upsert
            | O::DeleteByIds
            | O::CreateMetadataIndex
            | O::DeleteMetadataIndex
            | O::CreateNamespace
            | O::RenameNamespace
            | O::DeleteNamespace
            | O::WriteValue
            | O::DeleteValue
            | O::BulkPut
            | O::BulkDelete
            | O::BulkDeleteOld
    )
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn app(sandbox: Sandbox, stand_ins: Arc<Mutex<Vec<StandIn>>>) -> Router {
    let service = sandbox.service();
    Router::new().fallback(move |request: Request<Body>| {
        let (service, stand_ins) = (service.clone(), Arc::clone(&stand_ins));
        async move {
            let instead = find(&stand_ins.lock().unwrap(), &request);
            match instead {
                Some(answer) => {
                    // A client that is still sending would see a broken connection.
                    let _ = to_bytes(request.into_body(), usize::MAX).await;
                    canned(&answer)
                }
                None => tower::ServiceExt::oneshot(service, request).await.unwrap(),
            }
        }
    })
}

fn find(stand_ins: &[StandIn], request: &Request<Body>) -> Option<StandIn> {
    let path = request.uri().path();
    let fits = |answer: &&StandIn| answer.method == request.method() && path.ends_with(answer.path);
    stand_ins.iter().find(fits).cloned()
}

fn canned(answer: &StandIn) -> Response<Body> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(answer.body.clone())).unwrap()
}
