//! The real binary, run and killed in a folder of its own, and the sandbox that it
//! talks to: served by the test's process, looked into through the sandbox's own API.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "every test binary compiles all of it and uses a part; helpers of tests fail as tests do"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use axum::http::Request;
use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use cf_migrate::sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The account of every test.
pub const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
/// The index of every test.
pub const INDEX: &str = "docs";
/// The title of every test's KV namespace.
pub const NAMESPACE: &str = "files";
/// The id template of the generated points.
pub const ID: &str = "{file_id}_{chunk_index}";
/// The prefix of the sandbox's paths.
const ACCOUNT_PATH: &str = "http://sandbox/client/v4/accounts/0123456789abcdef0123456789abcdef";

/// A folder that one migration's command lines are run in.
pub struct Workplace {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// How a command line ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Workplace {
    /// A workplace without an account: for `--sandbox=DIR`.
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// A workplace whose account is served there.
    pub fn of(served: &Served) -> Self {
        Self::new()
            .with("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
            .with("CLOUDFLARE_API_TOKEN", "token")
            .with("CLOUDFLARE_API_BASE_URL", served.url.as_str())
    }

    /// Sets a variable for every command line.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command line that inherits nothing but what this workplace sets.
    pub fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cf-migrate"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("CF_MIGRATE_STATE_DIR", self.path("state"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line to its end.
    pub fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Ended {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The result object in the migration folder.
    pub fn report(&self) -> Value {
        let path = self.path(&format!("{INDEX}.migration")).join("report.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}

impl Ended {
    /// The exit code and the report, which must agree.
    #[track_caller]
    pub fn report(&self) -> Value {
        let report: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|_| panic!("no report, but {}\n{}", self.stdout, self.stderr));
        assert_eq!(
            report["exit_code"].as_i64(),
            self.code.map(i64::from),
            "{report:#}"
        );
        report
    }

    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// A sandbox served on loopback by a thread of the test's process.
pub struct Served {
    pub sandbox: Sandbox,
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// An account with nothing in it.
    pub fn new(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::open(None, options, Clock::real()).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/client/v4", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let serving = sandbox.clone();
        let thread = std::thread::spawn(move || {
            blocking(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let stopped = async move { drop(stopped.await) };
                // Connections that clients keep open must not keep the thread.
                tokio::select! {
                    served = serving.serve(listener, std::future::pending()) => served.unwrap(),
                    () = stopped => {}
                }
            });
        });
        Self {
            sandbox,
            url,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs a future to its end on a runtime of its own.
pub fn blocking<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// One call of the sandbox's API, which must succeed; its result.
pub async fn call(sandbox: &Sandbox, method: &str, path: &str, body: String) -> Value {
    let ndjson = path.ends_with("/upsert");
    let content_type = if ndjson {
        "application/x-ndjson"
    } else {
        "application/json"
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("{ACCOUNT_PATH}{path}"))
        .header("authorization", "Bearer token")
        .header("content-type", content_type)
        .body(Bytes::from(body))
        .unwrap();
    let answer = sandbox.handle(request).await.unwrap();
    let envelope: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(envelope["success"], true, "{method} {path}: {envelope}");
    envelope["result"].clone()
}

/// Makes the index of the test.
pub async fn create_index(sandbox: &Sandbox, dimensions: usize) {
    let body = json!({"name": INDEX, "config": {"dimensions": dimensions, "metric": "cosine"}});
    call(sandbox, "POST", "/vectorize/v2/indexes", body.to_string()).await;
}

/// Makes the KV namespace of the test; its id.
pub async fn create_namespace(sandbox: &Sandbox) -> String {
    let body = json!({"title": NAMESPACE}).to_string();
    let created = call(sandbox, "POST", "/storage/kv/namespaces", body).await;
    created["id"].as_str().unwrap().to_owned()
}

/// The id of the test's KV namespace.
pub fn namespace_id(sandbox: &Sandbox) -> String {
    let namespaces = sandbox.namespaces().unwrap();
    let found = namespaces.into_iter().find(|(_, title)| title == NAMESPACE);
    found.expect("the sandbox has the test's namespace").0
}

/// An entry that holds these ids.
pub fn entry(ids: &[&str]) -> StoredEntry {
    StoredEntry {
        value: json!(ids).to_string().into_bytes(),
        expiration: None,
        metadata: None,
    }
}

/// Everything that a migration may change.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub vectors: BTreeMap<String, StoredVector>,
    pub entries: BTreeMap<String, StoredEntry>,
}

impl State {
    pub fn of(sandbox: &Sandbox) -> Self {
        Self {
            vectors: sandbox.vectors(INDEX).unwrap(),
            entries: sandbox.entries(&namespace_id(sandbox)).unwrap(),
        }
    }

    /// The first few differences, for a message that can be read.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = differing("vector", &self.vectors, &other.vectors);
        found.extend(differing("entry", &self.entries, &other.entries));
        found.truncate(10);
        found
    }
}

fn differing<T: PartialEq>(
    what: &str,
    left: &BTreeMap<String, T>,
    right: &BTreeMap<String, T>,
) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let differs = |key: &&&String| left.get(**key) != right.get(**key);
    keys.iter()
        .filter(differs)
        .map(|key| format!("{what} {key}"))
        .collect()
}

/// Chunks of one generated file.
pub const CHUNKS: u64 = 5;

/// A generated point in Qdrant's form: chunk `number % 5` of file `number / 5`.
pub fn point(number: u64, dimensions: usize) -> Value {
    let (file, chunk) = (number / CHUNKS, number % CHUNKS);
    json!({
        "id": number,
        "vector": values(number, dimensions),
        "payload": {
            "file_id": format!("f{file}"),
            "chunk_index": chunk,
            "text": format!("Chunk {chunk} of \"file\" {file}, ≈ 3½ words"),
            "weight": number as f64 + 0.5,
        }
    })
}

/// The numbers of a generated point.
pub fn values(number: u64, dimensions: usize) -> Vec<f32> {
    let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state >> 27;
        state = state.wrapping_mul(0x94d0_49bb_1331_11eb);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(&mut next).take(dimensions).collect()
}

/// Writes lines of JSON to a file.
pub fn write_lines(path: &Path, lines: impl IntoIterator<Item = Value>) {
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    std::fs::write(path, text).unwrap();
}

/// What the index holds of a generated point after a migration by [`ID`].
pub fn expected_vector(number: u64, dimensions: usize) -> (String, StoredVector) {
    let metadata = point(number, dimensions)["payload"].clone();
    let id = format!("f{}_{}", number / CHUNKS, number % CHUNKS);
    let values = values(number, dimensions);
    (
        id,
        StoredVector {
            namespace: None,
            values,
            metadata: Some(metadata),
        },
    )
}
