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
use support::{cost, say, words};

const BINARY: &str = env!("CARGO_BIN_EXE_cf-migrate");
const COLLECTION: &str = "docs";
const SEED: u64 = 7;
const ROUNDS: usize = 3;

fn main() {
    if let Some(bare) = bare::asked_for() {
        return bare::play(bare);
    }
    let mut words = words::words();
    let serves = words.first().is_some_and(|word| word == "serve");
    let numbers = words.split_off(usize::from(serves));
    let numbers: Vec<u64> = numbers.iter().map(|word| words::number(word)).collect();
    let (points, dimensions) = match numbers.as_slice() {
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
    if serves {
        return place.serve();
    }
    let mut best: Option<Figures> = None;
    for round in 1..=ROUNDS {
        let figures = place.round();
        figures.print(&format!("round {round}"));
        best = Some(best.map_or(figures, |best| best.best(figures)));
    }
    if let Some(best) = best {
        best.print("best of them");
    }
}

/// Both ends of the migrations.
struct Place {
    formula: Formula,
    source: Server,
}

/// Microseconds of CPU for a vector, and what else is measured.
#[derive(Debug, Clone, Copy)]
struct Figures {
    scroll: f64,
    format: f64,
    archive: f64,
    export: f64,
    run: f64,
    verify: f64,
    /// The most memory of the run, in MiB.
    peak: f64,
    /// Vectors a second by the clock, from an archive, in the largest batches.
    rate: f64,
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
        let start = |sink: &Sink, words: &str| self.start(folder.path(), sink, words);
        let to = format!("vectorize:{INDEX}");
        let ends = format!("qdrant:docs {to} --file-index kv:{NAMESPACE} --dir whole");
        let target = Sink::start(self.formula);
        let (report, run) = start(&target, &format!("run {ends}"));
        let (_, verify) = start(&target, &format!("verify {ends}"));
        let other = Sink::start(self.formula);
        let (_, export) = start(&other, "export qdrant:docs copy");
        let largest = "--batch-bytes 95MB --api-budget off --dir other";
        let (sent, _) = start(&other, &format!("upsert copy {to} {largest}"));
        let number = |value: &Value| value.as_f64().expect("the report has it");
        Figures {
            scroll,
            format,
            archive,
            export: self.a_vector(export),
            run: self.a_vector(run),
            verify: self.a_vector(verify),
            peak: number(&report["peak_rss_bytes"]) / f64::from(1 << 20),
            rate: points as f64 / number(&sent["seconds"]["upsert"]),
        }
    }

    fn a_vector(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.formula.count() as f64
    }

    /// One start of the program: its report and CPU seconds.
    fn start(&self, folder: &Path, sink: &Sink, words: &str) -> (Value, f64) {
        let mut command = Command::new(BINARY);
        command
            .current_dir(folder)
            .args(words.split(' '))
            .arg("--json")
            .envs(sink.environment())
            .env("QDRANT_URL", self.source.grpc_url())
            .env("QDRANT_REST_PORT", self.source.rest_port().to_string())
            .env_remove("QDRANT_API_KEY")
            .env("CF_MIGRATE_STATE_DIR", folder.join("state"))
            .stderr(Stdio::null());
        let (output, seconds) = cost::run(&mut command);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one result object");
        assert_eq!(report["exit_code"], 0, "{report:#}");
        (report, seconds)
    }
}

impl Figures {
    fn best(self, other: Self) -> Self {
        Self {
            scroll: self.scroll.min(other.scroll),
            format: self.format.min(other.format),
            archive: self.archive.min(other.archive),
            export: self.export.min(other.export),
            run: self.run.min(other.run),
            verify: self.verify.min(other.verify),
            peak: self.peak.max(other.peak),
            rate: self.rate.max(other.rate),
        }
    }

    fn bound(&self) -> f64 {
        self.scroll + self.format + self.archive
    }

    /// A migration without the verification at its end, which reads back the same
    /// number of records whatever the collection's size.
    fn unverified(&self) -> f64 {
        self.run - self.verify
    }

    fn print(&self, name: &str) {
        say(&format!(
            "{name}: scroll {:.1} + formatting {:.1} + archive {:.1} = {:.1} | run {:.1} - verify {:.1} = {:.1} ({:.2} x) | \
             export alone {:.1} ({:.2} x scroll + archive) | run's peak {:.0} MiB | upsert {:.0} vectors/s ({:.2} x as fast as one core formats)",
            self.scroll,
            self.format,
            self.archive,
            self.bound(),
            self.run,
            self.verify,
            self.unverified(),
            self.unverified() / self.bound(),
            self.export,
            self.export / (self.scroll + self.archive),
            self.peak,
            self.rate,
            self.rate * self.format / 1e6,
        ));
    }
}
