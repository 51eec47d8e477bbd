//! One migration that is killed and started again, and the account it goes to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::sandbox::inspect::StoredVector;
use cf_migrate::sandbox::{Sandbox, SandboxOptions};
use serde_json::json;

use crate::binary::{
    ID, INDEX, NAMESPACE, Served, State, Workplace, blocking, create_index, create_namespace,
    entry, point, values, write_lines,
};
use crate::moments::{Moment, Moments, stage_of, wait_for};
use crate::support::qdrant::{QdrantDouble, Server, Switch};
use crate::{AccountKind, Case, DIMENSIONS, POINTS, SourceKind};

/// Kills of one migration before it is left to end.
const KILLS_IN_A_ROW: usize = 5;

/// The source, shared by a case's migrations.
pub(crate) struct Points {
    dir: tempfile::TempDir,
    server: Option<Server>,
}

impl Points {
    pub(crate) fn of(kind: SourceKind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_lines(
            &dir.path().join("points.ndjson"),
            (0..POINTS).map(|n| point(n, DIMENSIONS)),
        );
        let server = (kind == SourceKind::Qdrant).then(|| {
            // Said to be large, it is read along lanes.
            QdrantDouble::generated("docs", POINTS, DIMENSIONS, 7)
                .with(Switch::Describes(100_000))
                .start()
        });
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
pub(crate) struct Migration {
    place: Workplace,
    served: Option<Served>,
    locator: String,
    pub(crate) state_before: State,
}

impl Migration {
    pub(crate) fn new(case: Case, points: &Points) -> Self {
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
            ID,
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

    pub(crate) fn log(&self, number: usize) -> PathBuf {
        self.place.path(&format!("log-{number}"))
    }

    /// The same command over and over, its starts counted from `first`, killed several
    /// times; in which stages.
    pub(crate) fn kill_and_resume(&self, first: usize, moments: &mut Moments) -> Vec<String> {
        let mut killed = Vec::new();
        for number in first.. {
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
    pub(crate) fn attempt(&self, number: usize, moment: Option<Moment>) -> Option<String> {
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

    pub(crate) fn state(&self) -> State {
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

    pub(crate) fn check_end(&self, wanted: &State, what: &str) {
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

fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(9)
}
