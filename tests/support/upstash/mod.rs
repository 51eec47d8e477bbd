//! An Upstash Vector index for tests, on a port of its own. It follows the contract,
//! not our client, and is driven by the vendor's clients too (`tests/upstash_source/sdk.rs`):
//! everything by POST, namespaces in the path, insertion order, cursors that are
//! positions, the empty text at the end.
//!
//! It runs on a thread and runtime of its own, so that a test may be blocking or
//! drive the real binary: `UPSTASH_VECTOR_REST_URL` is [`Server::url`],
//! `UPSTASH_VECTOR_REST_TOKEN` is [`TOKEN`] or [`READ_ONLY`].

mod calls;
mod faults;
mod http;
mod index;
mod search;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::faults::Faults;
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use self::faults::{End, Failure, Switch};
use self::index::Index;

/// The token that may do everything.
pub const TOKEN: &str = "full-token";
/// The one that may not write.
pub const READ_ONLY: &str = "read-only-token";

/// What the index is and holds, to be started.
pub struct UpstashDouble {
    state: State,
}

impl UpstashDouble {
    /// An empty dense index that compares by cosine.
    pub fn dense(dimensions: usize) -> Self {
        let state = State {
            index: Index::new(dimensions, "COSINE", "DENSE"),
            faults: Faults::default(),
            calls: BTreeMap::new(),
            ranges: Vec::new(),
        };
        Self { state }
    }

    /// As it is, but `SPARSE` or `HYBRID`.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.state.index.kind = kind;
        self
    }

    /// As it is, compared otherwise.
    pub fn similarity(mut self, similarity: &'static str) -> Self {
        self.state.index.similarity = similarity;
        self
    }

    /// With vectors in a namespace, as `upsert` takes them.
    pub fn with(mut self, namespace: &str, vectors: Vec<Value>) -> Self {
        for vector in vectors {
            self.state.index.put(namespace, vector);
        }
        self
    }

    /// With `count` generated vectors, ids `PREFIX0` and so on.
    pub fn generated(self, namespace: &str, prefix: &str, count: usize) -> Self {
        let dimensions = self.state.index.dimensions;
        let vectors = (0..count).map(|number| generated(prefix, number, dimensions));
        self.with(namespace, vectors.collect())
    }

    /// With a namespace that holds nothing.
    pub fn with_empty(mut self, namespace: &str) -> Self {
        self.state.index.namespace(namespace);
        self
    }

    /// Sets a switch before the server starts.
    pub fn switch(mut self, switch: Switch) -> Self {
        self.state.faults.set(switch);
        self
    }

    /// Serves on a free port of loopback.
    pub fn start(self) -> Server {
        Server::start(self.state)
    }
}

/// A vector with metadata and data, the same for the same number.
pub fn generated(prefix: &str, number: usize, dimensions: usize) -> Value {
    json!({
        "id": format!("{prefix}{number}"),
        "vector": values(number, dimensions),
        "metadata": {"file_id": format!("{prefix}f{}", number / 5), "chunk_index": number % 5, "big": 9_007_199_254_740_991_u64},
        "data": format!("Text № {number}"),
    })
}

/// The numbers of a generated vector.
pub fn values(number: usize, dimensions: usize) -> Vec<f32> {
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state >> 27;
        state = state.wrapping_mul(0x94d0_49bb_1331_11eb);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(&mut next).take(dimensions).collect()
}

struct State {
    index: Index,
    faults: Faults,
    calls: BTreeMap<String, u64>,
    /// Namespace and body of every range call.
    ranges: Vec<(String, Value)>,
}

type Shared = Arc<Mutex<State>>;

fn locked(state: &Shared) -> MutexGuard<'_, State> {
    state
        .lock()
        .expect("no test panics while holding the state")
}

/// A running double; stops when dropped.
pub struct Server {
    state: Shared,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(state: State) -> Self {
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener
            .set_nonblocking(true)
            .expect("a fresh listener takes the setting");
        let port = listener.local_addr().expect("it is bound").port();
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || serve(shared, listener, stopped));
        Self {
            state,
            port,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// For `UPSTASH_VECTOR_REST_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Turns a switch while the server runs.
    pub fn set(&self, switch: Switch) {
        locked(&self.state).faults.set(switch);
    }

    /// How often an endpoint was called: `range`, `info`, `fetch`, ….
    pub fn calls(&self, endpoint: &str) -> u64 {
        locked(&self.state)
            .calls
            .get(endpoint)
            .copied()
            .unwrap_or(0)
    }

    /// The bodies of all range calls so far, failed ones included.
    pub fn ranges(&self) -> Vec<Value> {
        let asked = locked(&self.state).ranges.clone();
        asked.into_iter().map(|(_, body)| body).collect()
    }

    /// Namespace and cursor of all range calls so far, failed ones included.
    pub fn places_asked(&self) -> Vec<(String, String)> {
        let asked = locked(&self.state).ranges.clone();
        let cursor = |body: &Value| body["cursor"].as_str().unwrap_or_default().to_owned();
        asked
            .into_iter()
            .map(|(namespace, body)| (namespace, cursor(&body)))
            .collect()
    }

    /// Writes a vector, as another client would.
    pub fn put(&self, namespace: &str, vector: Value) {
        locked(&self.state).index.put(namespace, vector);
    }

    /// Deletes a namespace, as another client would.
    pub fn delete_namespace(&self, namespace: &str) {
        locked(&self.state).index.namespaces.remove(namespace);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(state: Shared, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        tokio::select! {
            () = http::serve(state, listener) => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}
