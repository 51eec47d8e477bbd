//! A Qdrant server for tests: gRPC on the server traits that the client crate
//! generates, and the little of REST that is needed, each on a port of its own. It
//! follows the contract, not our client: ordered points, inclusive offsets, a limit
//! of zero refused, keys shuffled in every answer.
//!
//! It runs on a thread and runtime of its own, so that a test may be blocking, paused or
//! drive the real binary: `QDRANT_URL` is [`Server::grpc_url`], `QDRANT_REST_PORT` is
//! [`Server::rest_port`].

mod collection;
mod cut;
mod faults;
mod generated;
mod grpc;
mod json;
mod recorded;
mod rest;
mod wire;
mod write;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use self::collection::{Collection, Id};
use self::faults::Faults;
pub use self::faults::Switch;
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use self::generated::Formula;
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use self::wire::unnamed;

/// What the server holds, to be started.
#[derive(Default)]
pub struct QdrantDouble {
    state: State,
}

impl QdrantDouble {
    /// The recorded answers of a real server under `fixtures/qdrant-1.18.3/NAME`.
    pub fn recorded(name: &str) -> Self {
        Self::default().and(recorded::load(name))
    }

    /// `count` points of `dimensions` numbers, the same for the same seed, with a
    /// payload like that of the recorded `project_docs`. Made when asked for, so
    /// that their number costs no memory.
    pub fn generated(name: &str, count: u64, dimensions: usize, seed: u64) -> Self {
        Self::default().and(generated::collection(name, count, dimensions, seed))
    }

    /// Another collection on the same server.
    pub fn and(mut self, collection: Collection) -> Self {
        let name = collection.name.clone();
        self.state.collections.insert(name, collection);
        self
    }

    /// Sets a switch before the server starts.
    pub fn with(mut self, switch: Switch) -> Self {
        self.state.faults.set(switch);
        self
    }

    /// Serves on two free ports of loopback.
    pub fn start(self) -> Server {
        Server::start(self.state)
    }
}

#[derive(Default)]
struct State {
    collections: BTreeMap<String, Collection>,
    faults: Faults,
    calls: BTreeMap<&'static str, u64>,
    scroll_limits: Vec<u32>,
    /// How many points each upsert had, failed ones included.
    upserts: Vec<usize>,
    /// Pages under way, and the most there were at once.
    pages: (usize, usize),
    /// gRPC connections that are open.
    connections: usize,
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
    grpc_port: u16,
    rest_port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(state: State) -> Self {
        let state = Arc::new(Mutex::new(state));
        let (grpc, grpc_port) = listen();
        let (rest, rest_port) = listen();
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || serve(shared, grpc, rest, stopped));
        Self {
            state,
            grpc_port,
            rest_port,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// For `QDRANT_URL`.
    pub fn grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc_port)
    }

    /// For `QDRANT_GRPC_PORT`.
    pub fn grpc_port(&self) -> u16 {
        self.grpc_port
    }

    /// For `QDRANT_REST_PORT`.
    pub fn rest_port(&self) -> u16 {
        self.rest_port
    }

    /// Turns a switch while the server runs.
    pub fn set(&self, switch: Switch) {
        locked(&self.state).faults.set(switch);
    }

    /// How often a method was called: `scroll`, `count`, `info`, `health`,
    /// `aliases`, `list`, `get`, `query`, `rest`, `create`, `create_field_index`, `upsert`.
    pub fn calls(&self, method: &str) -> u64 {
        locked(&self.state).calls.get(method).copied().unwrap_or(0)
    }

    /// How many gRPC connections are open.
    pub fn connections(&self) -> usize {
        locked(&self.state).connections
    }

    /// The limits of all scroll calls so far, failed ones included.
    pub fn scroll_limits(&self) -> Vec<u32> {
        locked(&self.state).scroll_limits.clone()
    }

    /// How many points each upsert so far had, failed ones included.
    pub fn upserts(&self) -> Vec<usize> {
        locked(&self.state).upserts.clone()
    }

    /// The description of a collection; none where there is none.
    pub fn info(&self, collection: &str) -> Option<qdrant_client::qdrant::CollectionInfo> {
        let state = locked(&self.state);
        let collection = state.collections.get(collection)?;
        Some(collection.info.clone())
    }

    /// A point as it is held.
    pub fn point(&self, collection: &str, id: Id) -> Option<qdrant_client::qdrant::RetrievedPoint> {
        locked(&self.state).collections[collection].get(id)
    }

    /// The most pages that were under way at once, single ids left out.
    pub fn most_pages_at_once(&self) -> usize {
        locked(&self.state).pages.1
    }

    /// The ids of a collection, in order.
    pub fn ids(&self, collection: &str) -> Vec<Id> {
        locked(&self.state).collections[collection].ids()
    }

    /// Puts a point, as another client of the server would.
    pub fn put(&self, collection: &str, point: qdrant_client::qdrant::RetrievedPoint) {
        self.change(collection, |collection| collection.put(point));
    }

    /// Removes a payload index, as another client of the server would.
    pub fn drop_index(&self, collection: &str, field: &str) {
        self.change(collection, |collection| {
            collection.info.payload_schema.remove(field);
        });
    }

    /// Deletes a point, as another client of the server would.
    pub fn delete(&self, collection: &str, id: Id) {
        self.change(collection, |collection| collection.delete(id));
    }

    fn change(&self, collection: &str, change: impl FnOnce(&mut Collection)) {
        let mut state = locked(&self.state);
        let collection = state.collections.get_mut(collection);
        change(collection.expect("the double serves that collection"));
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

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener
        .set_nonblocking(true)
        .expect("a fresh listener takes the setting");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, port)
}

fn serve(state: Shared, grpc: TcpListener, rest: TcpListener, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        tokio::select! {
            () = grpc::serve(Arc::clone(&state), grpc) => {}
            () = rest::serve(state, rest) => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}
