//! A kill at any instant, then the same command, ends as an undisturbed run does
//! (design invariant 3): the real binary is killed at random moments of `run`, in
//! every stage, and what the account holds in the end is compared value by value.
//!
//! The moments come from a seed that is printed; `KILL_SEED` sets it again.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "support/binary.rs"]
mod binary;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::sandbox::inspect::StoredVector;
use cf_migrate::sandbox::{Sandbox, SandboxOptions};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use binary::{
    INDEX, NAMESPACE, Served, State, Workplace, blocking, create_index, create_namespace, entry,
    expected_vector, point, values, write_lines,
};
use support::qdrant::{QdrantDouble, Server};

const POINTS: u64 = 3_000;
const DIMENSIONS: usize = 32;
/// Kills of each case; there are three cases.
const KILLS: usize = 22;
/// Kills of one migration before it is left to end.
const KILLS_IN_A_ROW: usize = 5;

#[test]
fn a_killed_run_started_again_ends_as_an_undisturbed_one() {
    let seed: u64 = match std::env::var("KILL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random(),
    };
    tell(&format!("kills at random moments, KILL_SEED={seed}"));
    let cases = [
        Case {
            source: SourceKind::File,
            account: AccountKind::ServedLive,
        },
        Case {
            source: SourceKind::File,
            account: AccountKind::Embedded,
        },
        Case {
            source: SourceKind::Qdrant,
            account: AccountKind::ServedEmpty,
        },
    ];
    let mut stages: BTreeMap<String, usize> = BTreeMap::new();
    std::thread::scope(|scope| {
        let seeds = (0..).map(|number| seed.wrapping_add(number));
        let runs: Vec<_> = cases
            .into_iter()
            .zip(seeds)
            .map(|(case, seed)| scope.spawn(move || case.kill_often(seed)))
            .collect();
        for run in runs {
            for stage in run.join().unwrap() {
                *stages.entry(stage).or_default() += 1;
            }
        }
    });
    let kills: usize = stages.values().sum();
    tell(&format!("{kills} kills: {stages:?}"));
    assert!(kills >= 60, "{kills} kills");
    for stage in ["export", "upsert", "settle", "index", "verify"] {
        assert!(
            stages.contains_key(stage),
            "no kill hit {stage}: {stages:?}"
        );
    }
}

/// Past the test harness's capture, so that it is seen when all is well.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    File,
    Qdrant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountKind {
    /// The test serves it, with a live application's data in it.
    ServedLive,
    /// The test serves it, and the migration makes index and namespace.
    ServedEmpty,
    /// It dies with the binary, and holds a live application's data.
    Embedded,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    source: SourceKind,
    account: AccountKind,
}

impl Case {
    /// The stages that kills hit; every migration's end is checked.
    fn kill_often(self, seed: u64) -> Vec<String> {
        let source = Points::of(self.source);
        let undisturbed = Migration::new(self, &source);
        assert_eq!(
            undisturbed.attempt(0, None),
            None,
            "it was not to be killed"
        );
        let wanted = undisturbed.state();
        check_undisturbed(self, &undisturbed.state_before, &wanted);

        let mut moments = Moments::new(seed, &undisturbed.log(0));
        let mut stages = Vec::new();
        while stages.len() < KILLS {
            let migration = Migration::new(self, &source);
            let killed = migration.kill_and_resume(&mut moments);
            migration.check_end(&wanted, &format!("{self:?} killed in {killed:?}"));
            stages.extend(killed);
        }
        stages
    }
}

/// When to kill: so long after that step began (none: after the start).
#[derive(Debug, Clone, Copy)]
struct Moment {
    step: Option<&'static str>,
    after: Duration,
}

const STEPS: [Option<&str>; 7] = [
    None,
    Some("export"),
    Some("inventory"),
    Some("upsert"),
    Some("settle"),
    Some("index"),
    Some("verify"),
];

/// Random moments, in each step as often as in any other, however short it is.
struct Moments {
    random: StdRng,
    turn: usize,
    lengths: [Duration; 7],
}

impl Moments {
    /// Moments of a run that takes as long as the one that left this log.
    fn new(seed: u64, log: &Path) -> Self {
        let events = events(log);
        let time =
            |event: &Value| humantime::parse_rfc3339(event["timestamp"].as_str().unwrap()).unwrap();
        let lengths = STEPS.map(|step| {
            let name = step.unwrap_or("export");
            let at = |kind: &str| {
                let found = events.iter().find(|event| {
                    event["fields"]["event"] == kind && event["fields"]["step"] == name
                });
                time(found.unwrap_or_else(|| panic!("{kind} {name} is in the log")))
            };
            match step {
                None => Duration::from_millis(30),
                Some(_) => at("end").duration_since(at("begin")).unwrap_or_default(),
            }
        });
        Self {
            random: StdRng::seed_from_u64(seed),
            turn: 0,
            lengths,
        }
    }

    fn next(&mut self) -> Moment {
        let step = self.turn % STEPS.len();
        self.turn += 1;
        let share = self.random.random_range(0.0..1.0);
        Moment {
            step: STEPS[step],
            after: self.lengths[step].mul_f64(share),
        }
    }
}

/// The source, shared by a case's migrations.
struct Points {
    dir: tempfile::TempDir,
    server: Option<Server>,
}

impl Points {
    fn of(kind: SourceKind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_lines(
            &dir.path().join("points.ndjson"),
            (0..POINTS).map(|n| point(n, DIMENSIONS)),
        );
        let server = (kind == SourceKind::Qdrant)
            .then(|| QdrantDouble::generated("docs", POINTS, DIMENSIONS, 7).start());
        Self { dir, server }
    }

    fn locator(&self) -> String {
        match &self.server {
            Some(_) => "qdrant:docs".to_owned(),
            None => self.dir.path().join("points.ndjson").display().to_string(),
        }
    }
}

/// One migration folder with an account of its own.
struct Migration {
    place: Workplace,
    served: Option<Served>,
    locator: String,
    state_before: State,
}

impl Migration {
    fn new(case: Case, points: &Points) -> Self {
        let served = (case.account != AccountKind::Embedded).then(|| Served::new(options()));
        let mut place = served.as_ref().map_or_else(Workplace::new, Workplace::of);
        if let Some(server) = &points.server {
            place = place
                .with("QDRANT_URL", server.grpc_url())
                .with("QDRANT_REST_PORT", server.rest_port().to_string());
        }
        let state_before = match (&served, case.account) {
            (_, AccountKind::ServedEmpty) => State {
                vectors: BTreeMap::new(),
                entries: BTreeMap::new(),
            },
            (Some(served), _) => live_application(&served.sandbox),
            (None, _) => live_application(&embedded(&place)),
        };
        Self {
            place,
            served,
            locator: points.locator(),
            state_before,
        }
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "run",
            &self.locator,
            &format!("vectorize:{INDEX}"),
            "--file-index",
            &format!("kv:{NAMESPACE}"),
            "--id",
            binary::ID,
            "--create",
            "--json",
            "--batch-count",
            "100",
            "--concurrency",
            "2",
            "--sample",
            "300",
            "--api-budget",
            "1200",
        ]
        .map(str::to_owned)
        .to_vec();
        if self.served.is_none() {
            arguments.push(format!(
                "--sandbox={}",
                self.place.path("sandbox").display()
            ));
        }
        arguments
    }

    fn log(&self, number: usize) -> PathBuf {
        self.place.path(&format!("log-{number}"))
    }

    /// The same command over and over, killed several times; in which stages.
    fn kill_and_resume(&self, moments: &mut Moments) -> Vec<String> {
        let mut killed = Vec::new();
        for number in 0.. {
            let moment = (killed.len() < KILLS_IN_A_ROW).then(|| moments.next());
            let Some(stage) = self.attempt(number, moment) else {
                break;
            };
            killed.push(stage);
            self.check_foreign();
        }
        killed
    }

    /// Starts the command and kills it at that moment; in which stage. None where
    /// it came to its end before, which must be a good one.
    fn attempt(&self, number: usize, moment: Option<Moment>) -> Option<String> {
        let log = self.log(number);
        let mut arguments = self.arguments();
        arguments.extend(["--log".to_owned(), log.display().to_string()]);
        let errors = std::fs::File::create(self.place.path("stderr")).unwrap();
        let mut child = self
            .place
            .command(&arguments)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        if let Some(moment) = moment {
            wait_for(moment, &mut child, &log);
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        if was_killed(status) {
            return Some(stage_of(&log));
        }
        let errors = std::fs::read_to_string(self.place.path("stderr")).unwrap();
        assert_eq!(status.code(), Some(0), "{errors}");
        None
    }

    fn state(&self) -> State {
        match &self.served {
            Some(served) => State::of(&served.sandbox),
            None => State::of(&embedded(&self.place)),
        }
    }

    /// What is not ours is as it was, at any moment.
    fn check_foreign(&self) {
        let Some(served) = &self.served else { return };
        if self.state_before.vectors.is_empty() {
            return;
        }
        let state = State::of(&served.sandbox);
        for (id, vector) in &self.state_before.vectors {
            assert_eq!(
                state.vectors.get(id),
                Some(vector),
                "the foreign vector {id}"
            );
        }
        for key in ["settings", "file:foreign"] {
            assert_eq!(
                state.entries.get(key),
                self.state_before.entries.get(key),
                "{key}"
            );
        }
    }

    fn check_end(&self, wanted: &State, what: &str) {
        let state = self.state();
        assert_eq!(wanted.differences(&state), Vec::<String>::new(), "{what}");
        let report = self.place.report();
        let points = &report["points"];
        let number = |name: &str| points[name].as_u64().unwrap();
        assert_eq!(report["outcome"], "proven", "{what}: {report:#}");
        assert_eq!(
            number("settled") + number("unchanged") + number("rejected"),
            number("archived"),
            "{what}: {report:#}"
        );
        assert_eq!(number("archived"), POINTS, "{what}");
        assert_eq!(
            number("foreign"),
            self.state_before.vectors.len() as u64,
            "{what}"
        );
    }
}

fn options() -> SandboxOptions {
    SandboxOptions {
        apply_delay: Duration::from_millis(200),
        budget: None,
        ..SandboxOptions::default()
    }
}

/// The sandbox that the binary embeds, opened while the binary does not run.
fn embedded(place: &Workplace) -> Sandbox {
    Sandbox::open(
        Some(&place.path("sandbox")),
        SandboxOptions::default(),
        Clock::real(),
    )
    .unwrap()
}

/// Fills an account with vectors and entries that are not ours, some of them
/// under keys that the migration writes too.
fn live_application(sandbox: &Sandbox) -> State {
    blocking(create_index(sandbox, DIMENSIONS));
    let namespace = blocking(create_namespace(sandbox));
    for number in 0..120 {
        let vector = StoredVector {
            namespace: (number % 2 == 0).then(|| "theirs".to_owned()),
            values: values(1_000_000 + number, DIMENSIONS),
            metadata: Some(json!({"owner": "application", "number": number})),
        };
        sandbox
            .put_vector(INDEX, &format!("foreign_{number}"), &vector)
            .unwrap();
    }
    let mut settings = entry(&[]);
    settings.value = b"not ids".to_vec();
    settings.metadata = Some(json!({"version": 3}));
    let mut count = entry(&[]);
    count.value = b"120".to_vec();
    for (key, entry) in [
        ("settings", settings),
        ("_vector_count", count),
        ("file:foreign", entry(&["foreign_0", "foreign_1"])),
        // Ours and theirs, in the wrong order; one of them does not exist.
        ("file:f7", entry(&["foreign_2", "f7_1", "gone_0"])),
    ] {
        sandbox.put_entry(&namespace, key, &entry).unwrap();
    }
    State::of(sandbox)
}

/// That what an undisturbed run ends in is right itself, for the generated file.
fn check_undisturbed(case: Case, before: &State, after: &State) {
    let foreign = before.vectors.len() as u64;
    assert_eq!(after.vectors.len() as u64, POINTS + foreign);
    assert_eq!(
        after.entries["_vector_count"].value,
        (POINTS + foreign).to_string().into_bytes()
    );
    if case.source == SourceKind::Qdrant {
        return;
    }
    for number in 0..POINTS {
        let (id, vector) = expected_vector(number, DIMENSIONS);
        assert_eq!(after.vectors.get(&id), Some(&vector), "{id}");
    }
    let theirs: &[&str] = if foreign > 0 { &["foreign_2"] } else { &[] };
    let ours = ["f7_0", "f7_1", "f7_2", "f7_3", "f7_4"];
    assert_eq!(after.entries["file:f7"], entry(&[&ours, theirs].concat()));
}

fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(9)
}

/// Waits for the moment, or for the end of the process.
fn wait_for(moment: Moment, child: &mut Child, log: &Path) {
    let Some(step) = moment.step else {
        return pause(moment.after);
    };
    let begun =
        |event: &Value| event["fields"]["event"] == "begin" && event["fields"]["step"] == step;
    while child.try_wait().unwrap().is_none() {
        if events(log).iter().any(begun) {
            return pause(moment.after);
        }
        pause(Duration::from_millis(2));
    }
}

/// The step that had begun last and not ended, by the log.
fn stage_of(log: &Path) -> String {
    let mut stage = "before any step".to_owned();
    for event in events(log) {
        let fields = &event["fields"];
        let step = fields["step"].as_str().unwrap_or_default();
        match fields["event"].as_str() {
            Some("begin") => stage = step.to_owned(),
            Some("end") => stage = format!("after {step}"),
            _ => {}
        }
    }
    stage
}

/// The events of a log about steps; its last line may be torn.
fn events(log: &Path) -> Vec<Value> {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|line| line.contains("\"event\""));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "the binary runs in real time")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
