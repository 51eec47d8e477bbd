//! One start of the program on a migration folder: everything opened anew, ended by
//! itself, by an interrupt or by a crash, of which nothing remains but the folder,
//! the account and the machine's request budget.

use std::path::PathBuf;
use std::sync::Arc;

use cf_migrate::archive::Archive;
use cf_migrate::clock::Clock;
use cf_migrate::cloudflare::{Account, AccountId, IndexName};
use cf_migrate::disk::{Failure, Weather, under};
use cf_migrate::error::Error;
use cf_migrate::folder::MigrationFolder;
use cf_migrate::http::{Budget, Client, Pacer, Policy, Transport};
use cf_migrate::ledger::Ledger;
use cf_migrate::progress::Recording;
use cf_migrate::report::Report;
use cf_migrate::sandbox::Sandbox;
use cf_migrate::settings::{ApiBudget, Pace, PaceOptions};
use cf_migrate::stages::context::{Migration, Mode, Stop};
use cf_migrate::stages::index::StaleEntries;
use cf_migrate::stages::inventory::Existing;
use cf_migrate::stages::prepare::{Accounts, CountWish, FileIndexWish, Request};
use cf_migrate::stages::rollback::{Rollback, Seal};
use cf_migrate::stages::run::{Job, Origin, Permissions};
use cf_migrate::verify::Depth;
use rusqlite::{Connection, OpenFlags};
use secrecy::SecretString;
use serde_json::Value;

use crate::binary::{ACCOUNT, INDEX, NAMESPACE};
use crate::dice::Dice;
use crate::doom::{Doom, Fate, Mortal};
use crate::scenario::Scenario;
use crate::source::{self, Reading};
use crate::watch::{Latency, Verb, Watch};

/// The machine and the account, as they are from start to start.
pub struct World {
    pub scenario: Arc<Scenario>,
    pub sandbox: Sandbox,
    pub clock: Clock,
    pub watch: Arc<Watch>,
    pub folder: PathBuf,
    /// Where the machine keeps its request budget.
    pub state: PathBuf,
    /// The machine's disk.
    pub weather: Weather,
}

/// What may differ from start to start.
#[derive(Debug, Clone)]
pub struct Start {
    pub verb: Verb,
    pub fate: Fate,
    /// Whether a crash takes what was not synced, as a power cut does.
    pub power_cut: bool,
    pub disk: Disk,
    pub pace: PaceOptions,
    pub allowed_rejects: u64,
    pub overwrite: bool,
    pub sample: usize,
    pub source_failing: f64,
    pub page: u64,
    pub latency_ms: u64,
    pub seed: u64,
}

/// What the disk does to a process: at which of its changes it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    Fine,
    FailsOnce(u64, Failure),
    /// From there on, until the process has ended.
    FailsFrom(u64, Failure),
}

/// How a process ended by itself.
#[derive(Debug)]
pub struct Ended {
    pub report: Value,
    pub error: Option<String>,
    pub said: Vec<String>,
    pub events: u64,
    /// Whether the disk failed it.
    pub disk_failed: bool,
}

impl Ended {
    pub fn code(&self) -> u64 {
        self.report["exit_code"].as_u64().unwrap()
    }

    pub fn number(&self, path: &str) -> u64 {
        let found = self.report.pointer(path).and_then(Value::as_u64);
        found.unwrap_or_else(|| panic!("{path} in {:#}", self.report))
    }
}

impl World {
    /// Whether the ledger knows of a batch, which may have been sent.
    pub fn has_batches(&self) -> bool {
        let ledger = Connection::open_with_flags(
            self.folder.join("ledger.db"),
            OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        let known = ledger.and_then(|ledger| {
            ledger.query_row("SELECT EXISTS (SELECT 1 FROM batch)", [], |row| row.get(0))
        });
        known.unwrap_or(false)
    }

    /// Runs a process; none where it crashed.
    pub async fn start(&self, start: &Start) -> Option<Ended> {
        let mut dice = Dice::new(start.seed);
        let recording = Arc::new(Recording::default());
        let (raise, stop) = Stop::new();
        if let Some(broken) = self.watch.broken {
            std::fs::create_dir_all(&self.folder).unwrap();
            broken.at_start(&self.folder.join("ledger.db"));
        }
        let doom = Arc::new(Doom::new(start.fate, raise, &self.weather));
        let fails_at = self.foul(start.disk);
        let under = under(self.weather.clone());
        let ended = Mortal {
            job: Box::pin(self.live(start, &mut dice, &doom, (stop, &recording))),
            doom: &doom,
        };
        let ended = ended.await;
        drop(under);
        let disk_failed = fails_at.is_some_and(|at| self.weather.changes() >= at);
        match ended.is_none() && start.power_cut {
            true => self.weather.crash(),
            false => self.weather.clear(),
        }
        let (report, error) = ended?;
        Some(Ended {
            report: serde_json::to_value(&report).unwrap(),
            error: error.map(|error| told(&error)),
            said: recording.lines(),
            events: doom.events(),
            disk_failed,
        })
    }

    /// Lets the disk fail as it is to; the first change that does.
    fn foul(&self, disk: Disk) -> Option<u64> {
        let now = self.weather.changes();
        match disk {
            Disk::Fine => return None,
            Disk::FailsOnce(at, failure) => self.weather.fail_at(now + at, failure),
            Disk::FailsFrom(at, failure) => self.weather.fail_from(now + at, failure),
        }
        let (Disk::FailsOnce(at, _) | Disk::FailsFrom(at, _)) = disk else {
            return None;
        };
        Some(now + at)
    }

    async fn live(
        &self,
        start: &Start,
        dice: &mut Dice,
        doom: &Arc<Doom>,
        (stop, recording): (Stop, &Arc<Recording>),
    ) -> (Report, Option<Error>) {
        let verb = match start.verb {
            Verb::Run => "run",
            Verb::Rollback => "rollback",
        };
        let mut report = Report::of(verb, false);
        let mut job = match self.job(start, dice, doom, (stop, recording)) {
            Ok(job) => job,
            Err(error) => {
                report.conclude_with(&error);
                return (report, Some(error));
            }
        };
        let ended = match start.verb {
            Verb::Run => job.run(&mut report).await,
            Verb::Rollback => self.roll_back(&job, &mut report).await,
        };
        report.requests = Some(job.requests());
        match &ended {
            Ok(()) => report.conclude(),
            Err(error) => report.conclude_with(error),
        }
        (report, ended.err())
    }

    async fn roll_back(&self, job: &Job, report: &mut Report) -> Result<(), Error> {
        let (migration, accounts) = (&job.migration, &job.accounts);
        let rollback = Rollback::open(migration, accounts, &self.folder, Seal::Respect)?;
        rollback.carry_out(report).await
    }

    fn job(
        &self,
        start: &Start,
        dice: &mut Dice,
        doom: &Arc<Doom>,
        (stop, recording): (Stop, &Arc<Recording>),
    ) -> Result<Job, Error> {
        let scenario = &self.scenario;
        let pace = Pace::resolve(&start.pace)?;
        let accounts = self.accounts(start, &pace, dice, doom, &stop)?;
        let reading = Reading {
            seed: dice.number(),
            failing: start.source_failing,
            readers: pace.readers,
            page: start.page,
        };
        let folder = MigrationFolder::open(&self.folder)?;
        let wish = FileIndexWish {
            namespace: NAMESPACE.to_owned(),
            count: scenario.count_key.map(|key| CountWish {
                namespace: None,
                key: key.to_owned(),
            }),
            ttl: scenario.ttl,
        };
        Ok(Job {
            migration: Migration {
                ledger: Ledger::open(&folder.ledger())?,
                archive: Archive::at(folder.archive()),
                clock: self.clock,
                progress: Arc::clone(recording) as _,
                stop,
                pace,
                mode: Mode::Write,
            },
            folder: Some(folder),
            origin: Origin::Source(source::open(&scenario.collection, reading, self.clock)),
            accounts,
            request: Request {
                index: IndexName::new(INDEX).unwrap(),
                mapping: scenario.choices.options(),
                create: true,
                file_index: scenario.file_index.then_some(wish),
            },
            permissions: Permissions {
                existing: match start.overwrite {
                    true if scenario.keep_overwritten => Existing::KeepOverwritten,
                    true => Existing::Overwrite,
                    false => Existing::Refuse,
                },
                allowed_rejects: start.allowed_rejects,
                stale: match scenario.prune {
                    true => StaleEntries::Prune,
                    false => StaleEntries::Report,
                },
            },
            depth: Depth {
                sample: start.sample,
                seed: dice.number(),
            },
        })
    }

    fn accounts(
        &self,
        start: &Start,
        pace: &Pace,
        dice: &mut Dice,
        doom: &Arc<Doom>,
        stop: &Stop,
    ) -> Result<Accounts, Error> {
        let latency = Latency {
            seed: dice.number(),
            most_ms: start.latency_ms,
        };
        let token = SecretString::from("token");
        let call = self.watch.transport(doom, latency);
        let transport = Transport::in_process(token.clone(), call).unwrap();
        let ApiBudget::Calls(limit) = pace.api_budget else {
            panic!("this account has a limit");
        };
        let limit = usize::try_from(limit).unwrap();
        let budget = Budget::shared(&self.state, ACCOUNT, &token, limit, self.clock)?;
        let policy = Policy {
            jitter_seed: Some(dice.number()),
            ..Policy::default()
        };
        let pacer = |bandwidth| Pacer::new(bandwidth, 4, self.clock);
        let client = Client::with_policy(transport, budget, self.clock, policy)
            .paced(pace.max_bandwidth.map(pacer))
            .until(stop.clone());
        let account = Account::new(client.clone(), AccountId::new(ACCOUNT).unwrap());
        Ok(Accounts {
            vectorize: account.clone(),
            kv: account,
            service: "sandbox".to_owned(),
            clients: vec![client],
        })
    }
}

/// What the operator reads of an error.
fn told(error: &Error) -> String {
    let chain = cf_migrate::report::facts::chain(error);
    format!("{chain}\n{}", error.advice().unwrap_or_default())
}
