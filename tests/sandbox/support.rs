//! One way to call a sandbox, over HTTP or in-process, and the usual beginnings.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::sandbox::{Dropped, Sandbox, SandboxOptions, Unsettled};
use serde_json::{Value, json};

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const INDEXES: &str = "/accounts/acc/vectorize/v2/indexes";
pub(crate) const NAMESPACES: &str = "/accounts/acc/storage/kv/namespaces";

enum Wire {
    Http {
        client: reqwest::Client,
        base: String,
    },
    Local,
}

/// A sandbox and how it is called.
pub(crate) struct Api {
    pub(crate) sandbox: Sandbox,
    wire: Wire,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The result of a successful envelope.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let envelope = self.json();
        assert_eq!(envelope["success"], true, "{envelope}");
        assert_eq!(envelope["errors"], json!([]));
        envelope["result"].clone()
    }

    /// Status and code of a failed envelope.
    #[track_caller]
    pub(crate) fn failure(&self) -> (u16, u64) {
        let envelope = self.json();
        assert_eq!(envelope["success"], false, "{envelope}");
        assert_eq!(envelope["result"], Value::Null);
        assert!(envelope["messages"].is_array());
        (self.status, envelope["errors"][0]["code"].as_u64().unwrap())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["errors"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub(crate) fn at_once() -> SandboxOptions {
    SandboxOptions {
        apply_delay: Duration::ZERO,
        ..SandboxOptions::default()
    }
}

pub(crate) fn lenient() -> SandboxOptions {
    SandboxOptions {
        unsettled: Unsettled::Lenient,
        ..at_once()
    }
}

/// A sandbox in memory, served over HTTP.
pub(crate) async fn served(options: SandboxOptions) -> Api {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sandbox = Sandbox::open(None, options, Clock::real()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = sandbox.clone();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Api {
        sandbox,
        wire: Wire::Http { client, base },
    }
}

/// A sandbox in memory on a simulated clock; the test must have paused tokio's time.
pub(crate) fn simulated(options: SandboxOptions) -> Api {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    local(Sandbox::open(None, options, Clock::simulated(wall)).unwrap())
}

pub(crate) fn local(sandbox: Sandbox) -> Api {
    Api {
        sandbox,
        wire: Wire::Local,
    }
}

impl Api {
    /// One call below `/client/v4`; an error when the connection broke.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let path = format!("/client/v4{path}");
        match &self.wire {
            Wire::Http { client, base } => {
                let mut request = client
                    .request(method, format!("{base}{path}"))
                    .body(body.into());
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let response = request.send().await.map_err(|error| format!("{error:?}"))?;
                Ok(Answer {
                    status: response.status().as_u16(),
                    headers: response.headers().clone(),
                    body: response
                        .bytes()
                        .await
                        .map_err(|error| format!("{error:?}"))?,
                })
            }
            Wire::Local => {
                let mut request = Request::builder().method(method).uri(path);
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let request = request.body(body.into()).unwrap();
                let answer = self.sandbox.handle(request).await;
                let (head, body) = answer
                    .map_err(|dropped: Dropped| dropped.to_string())?
                    .into_parts();
                Ok(Answer {
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body,
                })
            }
        }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let headers = [
            ("authorization", "Bearer t"),
            ("content-type", content_type),
        ];
        self.try_call(method, path, &headers, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, JSON, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, JSON, body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, JSON, body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, JSON, "").await
    }

    /// An index `i` of 32 dimensions.
    pub(crate) async fn with_index(self, metric: &str) -> Self {
        let body = json!({"name": "i", "config": {"dimensions": 32, "metric": metric}});
        self.post(INDEXES, body).await.result();
        self
    }

    /// Sends lines to index `i`; `verb` is insert or upsert.
    pub(crate) async fn write(&self, verb: &str, lines: &[Value]) -> Answer {
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        let path = format!("{INDEXES}/i/{verb}");
        self.call(Method::POST, &path, NDJSON, lines.join("\n"))
            .await
    }

    pub(crate) async fn upsert(&self, lines: &[Value]) -> Answer {
        self.write("upsert", lines).await
    }

    pub(crate) async fn get_by_ids(&self, ids: &[&str]) -> Value {
        let path = format!("{INDEXES}/i/get_by_ids");
        self.post(&path, json!({"ids": ids})).await.result()
    }

    pub(crate) async fn info(&self) -> Value {
        self.get(&format!("{INDEXES}/i/info")).await.result()
    }

    /// A new namespace's path.
    pub(crate) async fn namespace(&self, title: &str) -> String {
        let made = self
            .post(NAMESPACES, json!({"title": title}))
            .await
            .result();
        format!("{NAMESPACES}/{}", made["id"].as_str().unwrap())
    }
}

/// 32 values that begin with those given.
pub(crate) fn values(first: &[f64]) -> Value {
    let mut values = first.to_vec();
    values.resize(32, 0.0);
    json!(values)
}

/// A vector with 32 values, the first of which is given.
pub(crate) fn vector(id: &str, first: f64) -> Value {
    json!({"id": id, "values": values(&[first, 1.0])})
}
