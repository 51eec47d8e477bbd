//! CPU per vector of a whole migration, beside what cannot be saved: scrolling the
//! collection, formatting its numbers, and writing the archive's columns, each as bare
//! as the libraries allow. Run it with
//!
//! ```sh
//! cargo bench --bench whole                  # 20,000 points of 1,536 dimensions
//! cargo bench --bench whole -- 100000 1536   # other sizes
//! ```
//!
//! The source is the Qdrant double of the tests, the target a sink that discards, both
//! in this process; the program, and each of the three bounds, runs in a process of its
//! own, whose user and system time is counted. Each is the least of three rounds, which
//! take turns, so that a busy machine is busy for all of them. With the word `serve` it
//! only prints the variables that lead to both ends, and waits: for a profiler.

#[path = "../support/mod.rs"]
mod support;

#[path = "../../tests/support/mod.rs"]
#[allow(unused_imports, reason = "its tests are run with the tests")]
mod doubles;

mod bare;

use std::path::Path;
use std::process::{Command, Stdio};

use bare::Bare;
use doubles::qdrant::{Formula, QdrantDouble, Server};
use serde_json::Value;
use support::sink::{INDEX, NAMESPACE, Sink};
use support::{cost, say};

const BINARY: &str = env!("CARGO_BIN_EXE_cf-migrate");
const COLLECTION: &str = "docs";
const SEED: u64 = 7;
const ROUNDS: usize = 3;

fn main() {
    if let Some(bare) = bare::asked_for() {
        return bare::play(bare);
    }
    let (points, dimensions) = match support::numbers().as_slice() {
        [points, dimensions, ..] => (*points, *dimensions),
        [points] => (*points, 1_536),
        [] => (20_000, 1_536),
    };
    let dimensions = usize::try_from(dimensions).expect("dimensions are few");
    say(&format!(
        "{points} points of {dimensions} dimensions, us of CPU a vector"
    ));
    let source = QdrantDouble::generated(COLLECTION, points, dimensions, SEED).start();
    let place = Place {
        formula: Formula::new(points, dimensions, SEED),
        source,
    };
    if std::env::args().any(|word| word == "serve") {
        return place.serve();
    }
    let mut least: Option<Figures> = None;
    for round in 1..=ROUNDS {
        let figures = place.round();
        figures.print(&format!("round {round}"));
        least = Some(least.map_or(figures, |least| least.least(figures)));
    }
    if let Some(least) = least {
        least.print("least  ");
        least.conclude();
    }
}

/// Both ends of the migrations.
struct Place {
    formula: Formula,
    source: Server,
}

/// Microseconds of CPU for a vector, and the peaks of memory in MiB.
#[derive(Debug, Clone, Copy)]
struct Figures {
    scroll: f64,
    format: f64,
    archive: f64,
    export: f64,
    upsert: f64,
    run: f64,
    peak: f64,
}

impl Place {
    /// Says how to reach both ends, and keeps them until it is killed: for a profiler.
    fn serve(&self) {
        let sink = Sink::start(self.formula);
        for (name, value) in sink.environment() {
            say(&format!("export {name}={value}"));
        }
        say(&format!("export QDRANT_URL={}", self.source.grpc_url()));
        say(&format!(
            "export QDRANT_REST_PORT={}",
            self.source.rest_port()
        ));
        loop {
            std::thread::park();
        }
    }

    fn round(&self) -> Figures {
        let url = self.source.grpc_url();
        let (points, dimensions) = (self.formula.count(), self.formula.dimensions());
        let bare = |bare: Bare| self.a_vector(bare.measure(points, dimensions, &url));
        let (scroll, format, archive) =
            (bare(Bare::Scroll), bare(Bare::Format), bare(Bare::Archive));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let in_folder = |words: &[&str]| self.migrate(folder.path(), words);
        let to = format!("vectorize:{INDEX}");
        let (_, export) = in_folder(&["export", "qdrant:docs", "copy"]);
        let (_, upsert) = in_folder(&["upsert", "copy", &to, "--dir", "half"]);
        let files = format!("kv:{NAMESPACE}");
        let whole = [
            "run",
            "qdrant:docs",
            &to,
            "--file-index",
            &files,
            "--dir",
            "whole",
        ];
        let (report, run) = in_folder(&whole);
        assert_eq!(report["outcome"], "proven", "{report:#}");
        let peak = report["peak_rss_bytes"].as_f64().expect("it has the peak");
        Figures {
            scroll,
            format,
            archive,
            export: self.a_vector(export),
            upsert: self.a_vector(upsert),
            run: self.a_vector(run),
            peak: peak / f64::from(1 << 20),
        }
    }

    fn a_vector(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.formula.count() as f64
    }

    /// One start of the program against a sink of its own: its report and CPU seconds.
    fn migrate(&self, folder: &Path, words: &[&str]) -> (Value, f64) {
        let sink = Sink::start(self.formula);
        let mut command = Command::new(BINARY);
        command
            .current_dir(folder)
            .args(words)
            .arg("--json")
            .envs(sink.environment())
            .env("QDRANT_URL", self.source.grpc_url())
            .env("QDRANT_REST_PORT", self.source.rest_port().to_string())
            .env_remove("QDRANT_API_KEY")
            .env("CF_MIGRATE_STATE_DIR", folder.join("state"))
            .stderr(Stdio::inherit());
        let (output, seconds) = cost::run(&mut command);
        let report = serde_json::from_slice(&output.stdout).expect("one result object");
        (report, seconds)
    }
}

impl Figures {
    fn least(self, other: Self) -> Self {
        Self {
            scroll: self.scroll.min(other.scroll),
            format: self.format.min(other.format),
            archive: self.archive.min(other.archive),
            export: self.export.min(other.export),
            upsert: self.upsert.min(other.upsert),
            run: self.run.min(other.run),
            peak: self.peak.max(other.peak),
        }
    }

    fn print(&self, name: &str) {
        say(&format!(
            "{name}: bare scroll {:.1} + formatting {:.1} + archive {:.1} = {:.1} | export {:.1} + upsert {:.1} = {:.1} | \
             run with file index and verification {:.1}, peak {:.0} MiB",
            self.scroll,
            self.format,
            self.archive,
            self.bound(),
            self.export,
            self.upsert,
            self.export + self.upsert,
            self.run,
            self.peak,
        ));
    }

    fn bound(&self) -> f64 {
        self.scroll + self.format + self.archive
    }

    fn conclude(&self) {
        say(&format!(
            "export and upsert: {:.2} x the bound; the whole run: {:.2} x the bound",
            (self.export + self.upsert) / self.bound(),
            self.run / self.bound(),
        ));
    }
}
