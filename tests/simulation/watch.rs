//! What stands between the program and the account: it slows calls down, ends the
//! process at one of them, and looks at every write before it is carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::http::{ConnectionLost, InProcessCall};
use cf_migrate::sandbox::Sandbox;
use futures::FutureExt as _;
use serde::Deserialize;
use serde_json::Value;

use crate::binary::INDEX;
use crate::broken::Broken;
use crate::dice::Dice;
use crate::doom::Doom;
use crate::play::Manner;
use crate::scenario::Scenario;

/// What is seen of all calls of a migration, whatever process makes them.
pub struct Watch {
    scenario: Arc<Scenario>,
    sandbox: Sandbox,
    clock: Clock,
    ledger: std::path::PathBuf,
    pub broken: Option<Broken>,
    tells: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: u64,
    trace: DefaultHasher,
    violations: Vec<String>,
    limited: u64,
    writes: u64,
    writes_now: u64,
    /// Whether this start has to be refused.
    stern: bool,
    verb: Verb,
    /// Whether every point was found checked at its first write.
    checked: bool,
}

impl Watch {
    pub fn new(
        scenario: &Arc<Scenario>,
        sandbox: &Sandbox,
        clock: Clock,
        ledger: std::path::PathBuf,
        manner: Manner,
    ) -> Arc<Self> {
        Arc::new(Self {
            scenario: Arc::clone(scenario),
            sandbox: sandbox.clone(),
            clock,
            ledger,
            broken: manner.broken,
            tells: manner.tells,
            seen: Mutex::default(),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Something that must never be.
    pub fn violation(&self, what: String) {
        self.seen().violations.push(what);
    }

    pub fn violations(&self) -> Vec<String> {
        self.seen().violations.clone()
    }

    pub fn calls(&self) -> u64 {
        self.seen().calls
    }

    /// Refusals for too many calls that no fault was asked for.
    pub fn limited(&self) -> u64 {
        self.seen().limited
    }

    /// What happened, as one number.
    pub fn trace(&self) -> u64 {
        self.seen().trace.finish()
    }

    /// Tells a line, where that was asked for.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if self.tells {
            println!("{} {}", self.clock.wall_ms(), line());
        }
    }

    /// A process begins; a stern one must not write.
    pub fn begin(&self, verb: Verb, stern: bool) {
        let mut seen = self.seen();
        (seen.verb, seen.stern) = (verb, stern);
        seen.checked = false;
        seen.writes_now = 0;
    }

    /// Whether anything was written so far.
    pub fn wrote(&self) -> bool {
        self.seen().writes > 0
    }

    pub fn writes_of_this_start(&self) -> u64 {
        self.seen().writes_now
    }

    /// The account as a process reaches it.
    pub fn transport(self: &Arc<Self>, doom: &Arc<Doom>, latency: Latency) -> InProcessCall {
        let (watch, doom) = (Arc::clone(self), Arc::clone(doom));
        let dice = Arc::new(Mutex::new(Dice::new(latency.seed)));
        Arc::new(move |request: Request<Bytes>| {
            let (watch, doom, dice) = (Arc::clone(&watch), Arc::clone(&doom), Arc::clone(&dice));
            async move {
                let (there, back) = {
                    let mut dice = dice.lock().unwrap();
                    (dice.scale(latency.most_ms), dice.scale(latency.most_ms))
                };
                watch.clock.sleep(Duration::from_millis(there)).await;
                doom.pass().await;
                let call = Called::of(&request);
                watch.before(&call, request.body());
                let answer = watch.sandbox.handle(request).await;
                let answer = answer.map(|answer| watch.after(answer));
                watch.note(&call, answer.as_ref().ok());
                watch.clock.sleep(Duration::from_millis(back)).await;
                doom.pass().await;
                answer.map_err(|_| ConnectionLost)
            }
            .boxed()
        })
    }

    fn note(&self, call: &Called, answer: Option<&Response<Bytes>>) {
        let at = self.clock.wall_ms();
        let status = answer.map_or(0, |answer| answer.status().as_u16());
        let mut seen = self.seen();
        seen.calls += 1;
        (at, &call.method, &call.what, call.body, status).hash(&mut seen.trace);
        let blocked = |answer: &Response<Bytes>| {
            status == 429
                && !answer.body().windows(3).any(|code| code == b"971")
                && !answer.body().windows(5).any(|code| code == b"40041")
        };
        if answer.is_some_and(blocked) {
            seen.limited += 1;
        }
        drop(seen);
        self.tell(|| format!("{} {} -> {status}", call.method, call.what));
    }

    fn before(&self, call: &Called, body: &Bytes) {
        if !call.writes() {
            return;
        }
        let verb = {
            let mut seen = self.seen();
            seen.writes += 1;
            seen.writes_now += 1;
            seen.verb
        };
        match verb {
            Verb::Run => self.before_a_write(call, body),
            Verb::Rollback => self.before_taking_back(call, body),
        }
    }

    fn before_a_write(&self, call: &Called, body: &Bytes) {
        self.only_after_the_check(call);
        match call.kind {
            Kind::Upsert => self.only_our_vectors(body),
            Kind::BulkPut => self.only_our_entries(body),
            Kind::BulkDelete => self.only_stale_entries(body),
            Kind::Make | Kind::Read => {}
            Kind::Delete | Kind::Unmake => {
                self.violation(format!("a run does not {} {}", call.method, call.what));
            }
        }
    }

    /// Only what the migration brought is taken away, and only what it replaced is
    /// put back.
    fn before_taking_back(&self, call: &Called, body: &Bytes) {
        let (before, expected) = (&self.scenario.before, &self.scenario.expected);
        match call.kind {
            Kind::Upsert => {
                for id in vector_ids(body) {
                    if !before.vectors.contains_key(&id) || !expected.records.contains_key(&id) {
                        self.violation(format!("puts back {id:?}, which was not replaced"));
                    }
                }
            }
            Kind::Delete => {
                for id in deleted_ids(body) {
                    let ours =
                        expected.records.contains_key(&id) && !before.vectors.contains_key(&id);
                    if !ours && !id.starts_with("cf-migrate-marker-") {
                        self.violation(format!(
                            "takes away {id:?}, which the migration did not bring"
                        ));
                    }
                }
            }
            Kind::Unmake if call.what.contains("indexes") && self.scenario.index_exists => {
                self.violation("takes away an index that was there before".to_owned());
            }
            Kind::Unmake if call.what.contains("namespaces") && !before.entries.is_empty() => {
                self.violation("takes away a namespace that was there before".to_owned());
            }
            Kind::Make => self.violation("makes something while taking back".to_owned()),
            Kind::Unmake | Kind::BulkPut | Kind::BulkDelete | Kind::Read => {}
        }
    }

    fn after(&self, mut answer: Response<Bytes>) -> Response<Bytes> {
        let Some(broken) = self.broken else {
            return answer;
        };
        if let Ok(mut envelope) = serde_json::from_slice::<Value>(answer.body())
            && broken.misreads(&mut envelope)
        {
            *answer.body_mut() = Bytes::from(envelope.to_string());
        }
        answer
    }

    /// No write before every point was checked, and none at all where the run is
    /// to be refused.
    fn only_after_the_check(&self, call: &Called) {
        let expected = &self.scenario.expected;
        if let Some(refusal) = expected.refusal {
            self.violation(format!("{refusal}, and yet: {} {}", call.method, call.what));
        }
        if self.seen().stern {
            self.violation(format!(
                "not allowed, and yet: {} {}",
                call.method, call.what
            ));
        }
        if self.seen().checked {
            return;
        }
        let points = self.scenario.collection.points().count() as u64;
        let checked = checked_points(&self.ledger);
        if checked < points {
            self.violation(format!(
                "{} {} after {checked} of {points} points were checked",
                call.method, call.what
            ));
        }
        self.seen().checked = true;
    }

    fn only_our_vectors(&self, body: &[u8]) {
        let ids: Vec<String> = vector_ids(body);
        for id in ids {
            if !self.scenario.expected.records.contains_key(&id) {
                self.violation(format!(
                    "upserts {id:?}, which is no record of this migration"
                ));
            }
        }
    }

    /// Entries of our files only, with every id of others that exists, and none
    /// that names a vector that is not there.
    fn only_our_entries(&self, body: &[u8]) {
        let pairs: Vec<Pair> = serde_json::from_slice(body).unwrap();
        let held = self.sandbox.vectors(INDEX).unwrap();
        let expected = &self.scenario.expected;
        let ours: BTreeSet<&String> = expected.written().map(|(id, _)| id).collect();
        let count = self.scenario.count_key.unwrap_or("_vector_count");
        for Pair { key, value } in pairs {
            if key == count {
                continue;
            }
            if !expected.files.contains_key(&key) {
                self.violation(format!(
                    "writes the entry {key:?}, which is of no file of this migration"
                ));
            }
            let ids: Vec<String> = serde_json::from_str(&value).unwrap_or_default();
            for id in &ids {
                if !held.contains_key(id) {
                    self.violation(format!(
                        "the entry {key:?} is to name {id:?}, which is not in the index"
                    ));
                }
            }
            let before = self
                .scenario
                .before
                .entries
                .get(&key)
                .and_then(crate::scenario::ids_of);
            for id in before.unwrap_or_default() {
                if self.scenario.before.vectors.contains_key(&id)
                    && !ours.contains(&id)
                    && !ids.contains(&id)
                {
                    self.violation(format!(
                        "the entry {key:?} is to lose {id:?}, which is not ours"
                    ));
                }
            }
        }
    }

    fn only_stale_entries(&self, body: &[u8]) {
        let keys: Vec<String> = serde_json::from_slice(body).unwrap();
        for key in keys {
            if !self.scenario.prune || !self.scenario.expected.stale.contains(&key) {
                self.violation(format!("deletes the entry {key:?}"));
            }
        }
    }
}

/// How long calls take.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub seed: u64,
    pub most_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Read,
    Upsert,
    BulkPut,
    BulkDelete,
    /// Vectors are deleted.
    Delete,
    /// An index or a namespace is made.
    Make,
    /// An index or a namespace is deleted.
    Unmake,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verb {
    #[default]
    Run,
    Rollback,
}

struct Called {
    method: String,
    /// The path, without ids that are drawn anew in every simulation.
    what: String,
    body: u64,
    kind: Kind,
}

impl Called {
    fn of(request: &Request<Bytes>) -> Self {
        let method = request.method().to_string();
        let path = request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default();
        let kind = kind(&method, &path);
        let mut body = DefaultHasher::new();
        // Markers that are deleted have names that are drawn anew every time.
        if kind != Kind::Delete {
            request.body().hash(&mut body);
        }
        Self {
            kind,
            what: without_ids(&path),
            body: body.finish(),
            method,
        }
    }

    fn writes(&self) -> bool {
        self.kind != Kind::Read
    }
}

fn kind(method: &str, path: &str) -> Kind {
    let path = path.split('?').next().unwrap_or_default();
    match method {
        "GET" => Kind::Read,
        "POST"
            if path.ends_with("/get_by_ids")
                || path.ends_with("/bulk/get")
                || path.ends_with("/query") =>
        {
            Kind::Read
        }
        "POST" if path.ends_with("/upsert") => Kind::Upsert,
        "PUT" if path.ends_with("/bulk") => Kind::BulkPut,
        "POST" if path.ends_with("/bulk/delete") => Kind::BulkDelete,
        "DELETE" if path.ends_with("/bulk") => Kind::BulkDelete,
        "POST" if path.ends_with("/indexes") || path.ends_with("/namespaces") => Kind::Make,
        "POST" if path.ends_with("/delete_by_ids") => Kind::Delete,
        "DELETE" => Kind::Unmake,
        _ => panic!("an unexpected call: {method} {path}"),
    }
}

/// Ids of 32 hexadecimal digits, and cursors, are drawn anew every time.
fn without_ids(path: &str) -> String {
    let path = path.split("cursor=").next().unwrap_or_default();
    let pieces = path.split('/').skip(5);
    let is_id =
        |piece: &str| piece.len() >= 32 && piece[..32].bytes().all(|byte| byte.is_ascii_hexdigit());
    pieces
        .map(|piece| if is_id(piece) { "…" } else { piece })
        .collect::<Vec<_>>()
        .join("/")
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    value: String,
}

/// The ids of the vectors in an upsert's body.
pub fn vector_ids(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Line {
        id: String,
    }
    let lines = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice::<Line>(line).unwrap().id)
        .collect()
}

fn deleted_ids(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Ids {
        ids: Vec<String>,
    }
    serde_json::from_slice::<Ids>(body).unwrap().ids
}

fn checked_points(ledger: &std::path::Path) -> u64 {
    let ledger = rusqlite::Connection::open(ledger).unwrap();
    let points: i64 = ledger
        .query_row("SELECT points FROM checked", [], |row| row.get(0))
        .unwrap();
    u64::try_from(points).unwrap()
}

/// Differences between two maps, a few of them.
pub fn differing<T>(
    left: &BTreeMap<String, T>,
    right: &BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<String> {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let differs = |key: &&String| match (left.get(*key), right.get(*key)) {
        (Some(left), Some(right)) => !same(left, right),
        _ => true,
    };
    keys.into_iter().filter(differs).cloned().collect()
}
