//! Whole migrations inside the test's process: the real stages against a sandbox
//! called without sockets, all on a simulated clock, so that minutes of waiting
//! pass at once. The runtime must have one thread and paused time.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "every test binary compiles all of it and uses a part; helpers of tests fail as tests do"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cf_migrate::archive::Archive;
use cf_migrate::clock::Clock;
use cf_migrate::cloudflare::{Account, AccountId, IndexName};
use cf_migrate::error::Error;
use cf_migrate::folder::MigrationFolder;
use cf_migrate::http::{Budget, Client, ConnectionLost, Transport};
use cf_migrate::ledger::Ledger;
use cf_migrate::progress::Recording;
use cf_migrate::report::Report;
use cf_migrate::sandbox::{Sandbox, SandboxOptions};
use cf_migrate::settings::{MappingOptions, Pace, PaceOptions};
use cf_migrate::source::file;
use cf_migrate::stages::context::{Migration, Mode, Stop};
use cf_migrate::stages::index::StaleEntries;
use cf_migrate::stages::inventory::Existing;
use cf_migrate::stages::prepare::{Accounts, FileIndexWish, Request};
use cf_migrate::stages::run::{Job, Origin, Permissions};
use cf_migrate::verify::{DEFAULT_SAMPLE, Depth};
use futures::FutureExt as _;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{ACCOUNT, ID, INDEX, NAMESPACE, State, point, write_lines};

/// Dimensions of the simulated points.
pub const DIMENSIONS: usize = 32;

/// A migration folder, a source file and an account, on one simulated clock.
pub struct Simulation {
    dir: TempDir,
    pub clock: Clock,
    pub sandbox: Sandbox,
    pub pace: PaceOptions,
    pub allowed_rejects: u64,
    pub existing: Existing,
    pub create: bool,
    pub file_index: bool,
    pub mapping: MappingOptions,
    pub sample: usize,
    /// The source's file, in the simulation's folder.
    pub source: PathBuf,
    /// The migration folder.
    pub folder: PathBuf,
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
        let clock = Clock::simulated(wall);
        let mut options = SandboxOptions::default();
        change(&mut options);
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("points.ndjson");
        write_lines(&source, points);
        Self {
            sandbox: Sandbox::open(None, options, clock).unwrap(),
            clock,
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
            folder: dir.path().join("docs.migration"),
            source,
            dir,
        }
    }

    /// What the account holds.
    pub fn state(&self) -> State {
        State::of(&self.sandbox)
    }

    /// `run`, as a process of its own would.
    pub async fn run(&self) -> Outcome {
        self.verb(Verb::Run).await
    }

    /// `verify`, as a process of its own would.
    pub async fn verify(&self) -> Outcome {
        self.verb(Verb::Verify).await
    }

    /// A verb, as a process of its own would: everything is opened anew.
    pub async fn verb(&self, verb: Verb) -> Outcome {
        let progress = Arc::new(Recording::default());
        let mut job = self.job(Arc::clone(&progress));
        let mut report = Report::of("run", false);
        let ended = match verb {
            Verb::Run => job.run(&mut report).await,
            Verb::Verify => job.verify(&mut report).await,
            Verb::Index => job.index(&mut report).await,
        };
        report.requests = Some(job.requests());
        match &ended {
            Ok(()) => report.conclude(),
            Err(error) => report.conclude_with(error),
        }
        Outcome {
            report: serde_json::to_value(&report).unwrap(),
            error: ended.err().map(|error| told(&error)),
            said: progress.lines(),
        }
    }

    fn job(&self, progress: Arc<Recording>) -> Job {
        let folder = MigrationFolder::open(&self.folder).unwrap();
        let pace = Pace::resolve(&self.pace).unwrap();
        let accounts = self.accounts(&pace);
        // The handle that would raise the stop is dropped: nobody interrupts.
        let (_, stop) = Stop::new();
        let migration = Migration {
            ledger: Ledger::open(&folder.ledger()).unwrap(),
            archive: Archive::at(folder.archive()),
            clock: self.clock,
            progress,
            stop,
            pace,
            mode: Mode::Write,
        };
        let wish = FileIndexWish {
            namespace: NAMESPACE.to_owned(),
            count: (None, "_vector_count".to_owned()),
            ttl: None,
        };
        Job {
            migration,
            folder: Some(folder),
            origin: Origin::Source(file::open(&self.source).unwrap()),
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
                stale: StaleEntries::Report,
            },
            depth: Depth {
                sample: self.sample,
                seed: 1,
            },
        }
    }

    fn accounts(&self, pace: &Pace) -> Accounts {
        let sandbox = self.sandbox.clone();
        let call = Arc::new(move |request: axum::http::Request<bytes::Bytes>| {
            let sandbox = sandbox.clone();
            async move { sandbox.handle(request).await.map_err(|_| ConnectionLost) }.boxed()
        });
        let transport = Transport::in_process(SecretString::from("token"), call).unwrap();
        let budget = Budget::in_memory(pace.api_budget as usize, self.clock);
        let client = Client::new(transport, budget, self.clock);
        let account = Account::new(client.clone(), AccountId::new(ACCOUNT).unwrap());
        Accounts {
            vectorize: account.clone(),
            kv: account,
            service: "sandbox".to_owned(),
            clients: vec![client],
        }
    }
}

/// What the operator reads of an error.
fn told(error: &Error) -> String {
    let chain = cf_migrate::report::facts::chain(error);
    format!("{chain}\n{}", error.advice().unwrap_or_default())
}
