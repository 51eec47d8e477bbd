//! Whole migrations inside the test's process: the real stages against a sandbox
//! called without sockets, all on a simulated clock, so that minutes of waiting
//! pass at once. The runtime must have one thread and paused time.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "every test binary compiles all of it and uses a part; helpers of tests fail as tests do"
)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cf_migrate::archive::{Archive, Generation};
use cf_migrate::clock::Clock;
use cf_migrate::cloudflare::{Account, AccountId, IndexName};
use cf_migrate::error::{Error, Kind};
use cf_migrate::folder::MigrationFolder;
use cf_migrate::http::{Budget, Client, ConnectionLost, Pacer, Transport};
use cf_migrate::ledger::Ledger;
use cf_migrate::progress::{Level, Progress, Recording, Step};
use cf_migrate::report::Report;
use cf_migrate::sandbox::inspect::StoredVector;
use cf_migrate::sandbox::{Sandbox, SandboxOptions};
use cf_migrate::settings::{ApiBudget, MappingOptions, Pace, PaceOptions};
use cf_migrate::source::file::{self, ColumnChoice};
use cf_migrate::source::{Source, vectorize};
use cf_migrate::stages::backup::backup;
use cf_migrate::stages::context::{Migration, Mode, Stop};
use cf_migrate::stages::index::StaleEntries;
use cf_migrate::stages::inventory::Existing;
use cf_migrate::stages::prepare::{Accounts, FileIndexWish, Request};
use cf_migrate::stages::rollback::{Rollback, Seal};
use cf_migrate::stages::run::{Job, Origin, Permissions};
use cf_migrate::verify::{DEFAULT_SAMPLE, Depth};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, select};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::binary::{
    ACCOUNT, ID, INDEX, NAMESPACE, State, call, create_index, create_namespace, point, values,
    write_lines,
};

/// Dimensions of the simulated points.
pub const DIMENSIONS: usize = 32;

/// A migration folder, a source file and an account, on one simulated clock.
pub struct Simulation {
    dir: TempDir,
    pub clock: Clock,
    /// The account's own clock, which nobody here can set.
    pub service_clock: Clock,
    pub sandbox: Sandbox,
    pub pace: PaceOptions,
    pub allowed_rejects: u64,
    pub existing: Existing,
    pub create: bool,
    pub file_index: bool,
    pub mapping: MappingOptions,
    pub sample: usize,
    /// What to do with entries none of whose vectors exists.
    pub stale: StaleEntries,
    /// What a rollback does with a sealed folder.
    pub seal: Seal,
    /// Whether anything may be written.
    pub mode: Mode,
    /// What happens before a call reaches the account.
    pub before_call: Option<BeforeCall>,
    /// Changes the path of a call before the account sees it.
    pub change_path: Option<ChangePath>,
    /// Changes what the account answered to the call of that path.
    pub change_answer: Option<ChangeAnswer>,
    /// A header that no answer has.
    pub drop_header: Option<&'static str>,
    /// A code, and texts whose upserts are refused with it.
    pub refused: Option<(u32, Vec<String>)>,
    /// The process ends here, as by SIGKILL.
    pub crash: Option<Crash>,
    /// Interrupts as Ctrl-C does, after so many records of the upsert.
    pub interrupt_after: Option<u64>,
    crashed: Arc<Notify>,
    /// Upserts on the wire now, and the most there were at once.
    pub in_flight: Arc<(AtomicUsize, AtomicUsize)>,
    /// The same of the bytes of their bodies.
    pub bytes_in_flight: Arc<(AtomicUsize, AtomicUsize)>,
    /// The bodies of the upserts so far.
    pub upserts: Arc<Mutex<Vec<Bytes>>>,
    /// Where the request budget is kept that other simulations share; none for one
    /// of its own.
    pub budget_folder: Option<PathBuf>,
    /// The source's file, in the simulation's folder.
    pub source: PathBuf,
    /// Opens another source in the file's place.
    pub open_source: Option<OpenSource>,
    /// The migration folder.
    pub folder: PathBuf,
}

/// Something that opens a source.
pub type OpenSource = Arc<dyn Fn() -> Box<dyn Source> + Send + Sync>;

/// Something that sees the path of a call before it is made.
pub type BeforeCall = Arc<dyn Fn(&str) -> BoxFuture<'static, ()> + Send + Sync>;

/// Something that sees the path of a call and changes the envelope that
/// answers it.
pub type ChangeAnswer = Arc<dyn Fn(&str, &mut Value) + Send + Sync>;

/// Something that gives the path that the account is asked for instead.
pub type ChangePath = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A process that ends at its n-th call, counted from 1.
#[derive(Debug, Clone, Copy)]
pub enum Crash {
    /// Before the call is carried out.
    Before(usize),
    /// After it, its answer lost.
    After(usize),
}

/// What became of one verb.
pub struct Outcome {
    /// The result object.
    pub report: Value,
    /// The error that ended it, with its causes and advice.
    pub error: Option<String>,
    /// What was said on the way.
    pub said: Vec<String>,
}

impl Outcome {
    fn of(mut report: Report, ended: Result<(), Error>, said: Vec<String>) -> Self {
        match &ended {
            Ok(()) => report.conclude(),
            Err(error) => report.conclude_with(error),
        }
        Self {
            report: serde_json::to_value(&report).unwrap(),
            error: ended.err().map(|error| told(&error)),
            said,
        }
    }

    #[track_caller]
    pub fn expect_code(self, code: u64) -> Self {
        let found = self.report["exit_code"].as_u64();
        assert_eq!(found, Some(code), "{:?} {:#}", self.error, self.report);
        self
    }

    pub fn number(&self, path: &str) -> u64 {
        let found = self.report.pointer(path);
        found
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("{path} in {:#}", self.report))
    }

    /// Count and examples of one kind of finding; nothing where there is none.
    pub fn finding(&self, name: &str) -> (u64, Vec<String>) {
        let found = &self.report["verification"]["findings"][name];
        let examples = found["examples"].as_array().cloned().unwrap_or_default();
        let texts = examples
            .iter()
            .map(|example| example.as_str().unwrap().to_owned());
        (found["count"].as_u64().unwrap_or(0), texts.collect())
    }

    /// The kinds of finding.
    pub fn kinds(&self) -> Vec<String> {
        let found = self.report["verification"]["findings"].as_object();
        found
            .map(|found| found.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Every archived point ends as settled, unchanged or rejected.
    #[track_caller]
    pub fn check_sum(&self) -> &Self {
        let number = |name: &str| self.number(&format!("/points/{name}"));
        let sum = number("settled") + number("unchanged") + number("rejected");
        assert_eq!(sum, number("archived"), "{:#}", self.report);
        self
    }
}

/// Which verb.
#[derive(Debug, Clone, Copy)]
pub enum Verb {
    Run,
    RunBehind,
    RunFinally,
    Verify,
    Index,
}

impl Simulation {
    /// `points` generated points, and an account with these options.
    pub fn new(points: u64, options: impl FnOnce(&mut SandboxOptions)) -> Self {
        Self::of((0..points).map(|number| point(number, DIMENSIONS)), options)
    }

    /// These points, a JSON object each.
    pub fn of(
        points: impl IntoIterator<Item = Value>,
        change: impl FnOnce(&mut SandboxOptions),
    ) -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let (clock, service_clock) = (Clock::simulated(wall), Clock::simulated(wall));
        let mut options = SandboxOptions::default();
        change(&mut options);
        let dir = scratch();
        let source = dir.path().join("points.ndjson");
        write_lines(&source, points);
        Self {
            sandbox: Sandbox::open(None, options, service_clock).unwrap(),
            clock,
            service_clock,
            pace: PaceOptions::default(),
            allowed_rejects: 0,
            existing: Existing::Refuse,
            create: true,
            file_index: true,
            mapping: MappingOptions {
                id: Some(ID.parse().unwrap()),
                ..MappingOptions::default()
            },
            sample: DEFAULT_SAMPLE,
            before_call: None,
            change_path: None,
            change_answer: None,
            drop_header: None,
            stale: StaleEntries::Report,
            seal: Seal::Respect,
            mode: Mode::Write,
            refused: None,
            crash: None,
            interrupt_after: None,
            crashed: Arc::default(),
            in_flight: Arc::default(),
            bytes_in_flight: Arc::default(),
            upserts: Arc::default(),
            budget_folder: None,
            folder: dir.path().join("docs.migration"),
            source,
            open_source: None,
            dir,
        }
    }

    /// The same migration on an account that refuses every upsert in which one of
    /// these texts occurs, with that code.
    pub fn refusing(self, code: u32, texts: impl IntoIterator<Item = String>) -> Self {
        let refused = Some((code, texts.into_iter().collect()));
        Self { refused, ..self }
    }

    /// The same migration on an account that holds the same and has no faults.
    pub async fn with_a_healthy_account(self) -> Self {
        let state = self.state();
        let sandbox = Sandbox::open(None, SandboxOptions::default(), self.service_clock).unwrap();
        create_index(&sandbox, DIMENSIONS).await;
        let namespace = create_namespace(&sandbox).await;
        for (id, vector) in &state.vectors {
            sandbox.put_vector(INDEX, id, vector).unwrap();
        }
        for (key, entry) in &state.entries {
            sandbox.put_entry(&namespace, key, entry).unwrap();
        }
        Self { sandbox, ..self }
    }

    /// What the account holds.
    pub fn state(&self) -> State {
        State::of(&self.sandbox)
    }

    /// `run`, as a process of its own would.
    pub async fn run(&self) -> Outcome {
        self.verb(Verb::Run).await
    }

    /// `run`, unless it crashes: everything it held is dropped then.
    pub async fn run_or_crash(&self) -> Option<Outcome> {
        self.unless_crashed(self.run()).await
    }

    /// `rollback`, as a process of its own would.
    pub async fn rollback(&self) -> Outcome {
        let recording = Arc::new(Recording::default());
        let job = self.job(Arc::clone(&recording) as Arc<dyn Progress>, Stop::new().1);
        let mut report = Report::of("rollback", self.mode == Mode::DryRun);
        let ended = match job {
            Ok(job) => {
                let ended = self.take_back(&job, &mut report).await;
                report.requests = Some(job.requests());
                ended
            }
            Err(error) => Err(error),
        };
        Outcome::of(report, ended, recording.lines())
    }

    async fn take_back(&self, job: &Job, report: &mut Report) -> Result<(), Error> {
        let rollback = Rollback::open(&job.migration, &job.accounts, &self.folder, self.seal)?;
        rollback.tell_prospect()?;
        rollback.carry_out(report).await
    }

    /// `rollback`, unless it crashes: everything it held is dropped then.
    pub async fn rollback_or_crash(&self) -> Option<Outcome> {
        self.unless_crashed(self.rollback()).await
    }

    /// `run` beside [another writer](other_writer), who has begun long before, so that
    /// the index is applying his mutations all the time. `begin` is called last.
    pub async fn run_beside_a_writer(&self, begin: impl FnOnce()) -> Outcome {
        let writer = other_writer(&self.sandbox, Duration::from_millis(100), self.clock);
        let run = async {
            self.clock.sleep(HEAD_START).await;
            begin();
            self.run().await
        };
        match select(Box::pin(run), Box::pin(writer)).await {
            Either::Left((outcome, _)) => outcome,
        }
    }

    async fn unless_crashed(&self, verb: impl Future<Output = Outcome>) -> Option<Outcome> {
        let crashed = Arc::clone(&self.crashed);
        match select(Box::pin(verb), Box::pin(crashed.notified())).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(((), _)) => None,
        }
    }

    /// The migration's ledger, between two starts.
    pub fn ledger(&self) -> Ledger {
        Ledger::open(&self.folder.join("ledger.db")).unwrap()
    }

    /// The lines of `rejected.ndjson`.
    pub fn rejected(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("rejected.ndjson")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// `verify`, as a process of its own would.
    pub async fn verify(&self) -> Outcome {
        self.verb(Verb::Verify).await
    }

    /// A backup of the index into the archive of the migration folder; what became
    /// of it, and what was said.
    pub async fn back_up(&self) -> (Result<Generation, String>, Vec<String>) {
        let recording = Arc::new(Recording::default());
        let job = self.job(Arc::clone(&recording) as Arc<dyn Progress>, Stop::new().1);
        let job = job.unwrap();
        let index = job.accounts.vectorize.vectorize(&job.request.index);
        let described = index.describe().await.unwrap().unwrap();
        let facts = vectorize::facts(&described, &job.accounts.service);
        let ended = backup(&job.migration, &index, facts).await;
        (ended.map_err(|error| told(&error)), recording.lines())
    }

    /// A verb, as a process of its own would: everything is opened anew.
    pub async fn verb(&self, verb: Verb) -> Outcome {
        let (raise, stop) = Stop::new();
        let progress = Arc::new(Listener {
            recording: Recording::default(),
            upserted: Mutex::new(0),
            interrupt_after: self.interrupt_after,
            raise,
        });
        let mut report = Report::of("run", false);
        let ended = match self.job(Arc::clone(&progress) as Arc<dyn Progress>, stop) {
            Ok(mut job) => {
                let ended = match verb {
                    Verb::Run => job.run(&mut report).await,
                    Verb::RunBehind => job.run_behind(&mut report).await,
                    Verb::RunFinally => job.run_finally(&mut report).await,
                    Verb::Verify => job.verify(&mut report).await,
                    Verb::Index => job.index(&mut report).await,
                };
                report.requests = Some(job.requests());
                ended
            }
            Err(error) => Err(error),
        };
        Outcome::of(report, ended, progress.recording.lines())
    }

    /// A job of this migration, as a process of its own would have it.
    pub fn job_alone(&self) -> Job {
        self.job(Arc::new(Recording::default()), Stop::new().1)
            .unwrap()
    }

    fn job(&self, progress: Arc<dyn Progress>, stop: Stop) -> Result<Job, Error> {
        let folder = open_folder(&self.folder)?;
        let pace = Pace::resolve(&self.pace).unwrap();
        let accounts = self.accounts(&pace);
        let migration = Migration {
            ledger: Ledger::open(&folder.ledger())?,
            archive: Archive::at(folder.archive()),
            clock: self.clock,
            progress,
            stop,
            pace,
            mode: self.mode,
        };
        let wish = FileIndexWish {
            namespace: NAMESPACE.to_owned(),
            count: None,
            ttl: None,
        };
        Ok(Job {
            migration,
            folder: Some(folder),
            origin: Origin::Source(match &self.open_source {
                Some(open) => open(),
                None => file::open(&self.source, &ColumnChoice::default()).unwrap(),
            }),
            accounts,
            request: Request {
                index: IndexName::new(INDEX).unwrap(),
                mapping: self.mapping.clone(),
                create: self.create,
                file_index: self.file_index.then_some(wish),
            },
            permissions: Permissions {
                existing: self.existing,
                allowed_rejects: self.allowed_rejects,
                stale: self.stale,
            },
            depth: Depth {
                sample: self.sample,
                seed: 1,
            },
        })
    }

    fn accounts(&self, pace: &Pace) -> Accounts {
        let (sandbox, upserts) = (self.sandbox.clone(), Arc::clone(&self.upserts));
        let before_call = self.before_call.clone();
        let (change_path, change_answer) = (self.change_path.clone(), self.change_answer.clone());
        let refused = self.refused.clone();
        let drop_header = self.drop_header;
        let (crash, crashed) = (self.crash, Arc::clone(&self.crashed));
        let in_flight = [&self.in_flight, &self.bytes_in_flight].map(Arc::clone);
        let calls = AtomicUsize::new(0);
        let call = Arc::new(move |mut request: axum::http::Request<Bytes>| {
            let number = calls.fetch_add(1, Ordering::Relaxed) + 1;
            let path = request.uri().to_string();
            if let Some(change) = &change_path {
                *request.uri_mut() = change(&path).parse().unwrap();
            }
            let weighs = [1, request.body().len()];
            let upserting = path.ends_with("/upsert").then(|| {
                let counts = in_flight.iter().zip(weighs);
                let begin = |(counts, weighs)| Flight::begin(counts, weighs);
                counts.map(begin).collect::<Vec<_>>()
            });
            let refusal = upserting.as_ref().and(refused.as_ref());
            let refusal = refusal.and_then(|refused| refusal_of(refused, request.body()));
            if upserting.is_some() {
                upserts.lock().unwrap().push(request.body().clone());
            }
            let (sandbox, before) = (sandbox.clone(), before_call.clone());
            let (crashed, change) = (Arc::clone(&crashed), change_answer.clone());
            async move {
                if let Some(before) = before {
                    before(&path).await;
                }
                if matches!(crash, Some(Crash::Before(at)) if at == number) {
                    end_here(&crashed).await;
                }
                let mut answer = match refusal {
                    Some(refusal) => Ok(refusal),
                    None => sandbox.handle(request).await.map_err(|_| ConnectionLost),
                };
                if let (Ok(answer), Some(header)) = (&mut answer, drop_header) {
                    answer.headers_mut().remove(header);
                }
                if matches!(crash, Some(Crash::After(at)) if at == number) {
                    end_here(&crashed).await;
                }
                drop(upserting);
                match change {
                    Some(change) => answer.map(|answer| changed(answer, &path, &change)),
                    None => answer,
                }
            }
            .boxed()
        });
        let token = SecretString::from("token");
        let transport = Transport::in_process(token.clone(), call).unwrap();
        let budget = match (pace.api_budget, &self.budget_folder) {
            (ApiBudget::Off, _) => Budget::unlimited(self.clock),
            (ApiBudget::Calls(limit), Some(folder)) => {
                let limit = limit as usize;
                Budget::shared(folder, ACCOUNT, &token, limit, self.clock).unwrap()
            }
            (ApiBudget::Calls(limit), None) => Budget::in_memory(limit as usize, self.clock),
        };
        let pacer = pace
            .max_bandwidth
            .map(|bandwidth| Pacer::new(bandwidth, 4, self.clock));
        let client = Client::new(transport, budget, self.clock).paced(pacer);
        let account = Account::new(client.clone(), AccountId::new(ACCOUNT).unwrap());
        Accounts {
            vectorize: account.clone(),
            kv: account,
            service: "sandbox".to_owned(),
            clients: vec![client],
        }
    }
}

/// Opens the folder. A process that another test starts holds copies of this one's locks
/// from its fork to its exec, which is over in a moment of real time.
#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for knows no simulated time"
)]
fn open_folder(path: &Path) -> Result<MigrationFolder, Error> {
    for _ in 0..50 {
        match MigrationFolder::open(path) {
            Err(error) if error.kind() == Kind::Stopped => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
    MigrationFolder::open(path)
}

fn changed(
    answer: axum::http::Response<Bytes>,
    path: &str,
    change: &ChangeAnswer,
) -> axum::http::Response<Bytes> {
    answer.map(|body| match serde_json::from_slice(&body) {
        Ok(mut envelope) => {
            change(path, &mut envelope);
            Bytes::from(envelope.to_string())
        }
        Err(_) => body,
    })
}

/// The refusal of an upsert in which one of the texts occurs.
fn refusal_of((code, texts): &(u32, Vec<String>), body: &[u8]) -> Option<Answer> {
    let body = std::str::from_utf8(body).unwrap();
    let found = texts.iter().find(|text| body.contains(text.as_str()))?;
    let message = format!("vectorize.upstream_error - this will not do: {found}");
    let errors = [serde_json::json!({"code": code, "message": message})];
    let envelope = serde_json::json!({"success": false, "errors": errors, "result": null});
    let answer = axum::http::Response::builder().status(400);
    let answer = answer.header("content-type", "application/json");
    Some(answer.body(Bytes::from(envelope.to_string())).unwrap())
}

type Answer = axum::http::Response<Bytes>;

/// An upsert on the wire, in one of the counts that are kept of them.
struct Flight {
    counts: Arc<(AtomicUsize, AtomicUsize)>,
    weighs: usize,
}

impl Flight {
    fn begin(counts: &Arc<(AtomicUsize, AtomicUsize)>, weighs: usize) -> Self {
        let now = counts.0.fetch_add(weighs, Ordering::Relaxed) + weighs;
        counts.1.fetch_max(now, Ordering::Relaxed);
        Self {
            counts: Arc::clone(counts),
            weighs,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.counts.0.fetch_sub(self.weighs, Ordering::Relaxed);
    }
}

/// Nothing of this process goes on.
async fn end_here(crashed: &Notify) {
    crashed.notify_one();
    std::future::pending().await
}

/// Keeps what is said, and interrupts where that was asked for.
struct Listener {
    recording: Recording,
    upserted: Mutex<u64>,
    interrupt_after: Option<u64>,
    raise: tokio::sync::watch::Sender<bool>,
}

impl Progress for Listener {
    fn begin(&self, step: Step, total: Option<u64>) {
        self.recording.begin(step, total);
    }

    fn advance(&self, step: Step, amount: u64) {
        if step != Step::Upsert {
            return;
        }
        let mut upserted = self.upserted.lock().unwrap();
        *upserted += amount;
        if self.interrupt_after.is_some_and(|limit| *upserted >= limit) {
            self.raise.send_replace(true);
        }
    }

    fn end(&self, step: Step, summary: &str) {
        self.recording.end(step, summary);
    }

    fn remark(&self, level: Level, text: &str) {
        self.recording.remark(level, text);
    }
}

/// A folder in memory where there is one: bringing hundreds of ledgers to a real
/// disk takes minutes.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// What the operator reads of an error.
fn told(error: &Error) -> String {
    let chain = cf_migrate::report::facts::chain(error);
    format!("{chain}\n{}", error.advice().unwrap_or_default())
}

/// Not at the instant of one of the other writer's writes.
const HEAD_START: Duration = Duration::from_millis(150_050);

/// The vector of another writer, as if it had been there all the time.
pub fn put_others_vector(sandbox: &Sandbox) {
    let vector = StoredVector {
        namespace: None,
        values: values(9_999, DIMENSIONS),
        metadata: None,
    };
    sandbox.put_vector(INDEX, "theirs", &vector).unwrap();
}

/// Another writer, who writes his own vector again over and over, so that his
/// mutation is the last one applied whenever somebody looks.
async fn other_writer(sandbox: &Sandbox, every: Duration, clock: Clock) -> ! {
    loop {
        clock.sleep(every).await;
        let line = json!({"id": "theirs", "values": values(9_999, DIMENSIONS)});
        let path = "/vectorize/v2/indexes/docs/upsert";
        call(sandbox, "POST", path, line.to_string()).await;
    }
}
