//! How much of a line an upsert uses: of one that is read slowly, and of the rate that
//! `--max-bandwidth` allows. Run it with
//!
//! ```sh
//! cargo bench --bench line                  # 10,000 points of 1,536 dimensions
//! cargo bench --bench line -- 30000 1536 40 # other sizes, and a line of 40 MB/s
//! ```
//!
//! The archive is made first; the program runs in a process of its own, and a sink in this
//! one reads all its connections together at a fixed rate. The figure is bytes in a second
//! from the first to the last byte that was read, beside that rate: whatever else the
//! machine does, a slow line is the longer of the two. The peak of the program's memory is
//! told beside it: a slow line is where most is held. Of `--max-bandwidth` the most in any
//! two seconds is told too, as the sink saw it: sockets hold bytes back and let them go.

#[path = "support/mod.rs"]
mod support;

#[path = "../tests/support/mod.rs"]
#[allow(unused_imports, reason = "its tests are run with the tests")]
mod doubles;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use doubles::qdrant::{Formula, QdrantDouble};
use serde_json::Value;
use support::line::Line;
use support::say;
use support::sink::{INDEX, Sink};

const BINARY: &str = env!("CARGO_BIN_EXE_cf-migrate");
const SEED: u64 = 7;
/// Millions of bytes in a second, which any machine encodes more quickly.
const RATE: u64 = 20;
/// Little, for batches of 16 MiB: of larger ones there would be few, and what is told
/// would be the beginning and the end.
const MEMORY: [&str; 2] = ["--memory", "96MiB"];

fn main() {
    let numbers = support::words::numbers(3);
    let number = |at: usize, usual| numbers.get(at).copied().unwrap_or(usual);
    let (points, dimensions) = (number(0, 10_000), number(1, 1_536));
    let (megabytes, rate) = (number(2, RATE), number(2, RATE) * 1_000_000);
    let dimensions = usize::try_from(dimensions).expect("dimensions are few");
    say(&format!("{points} points of {dimensions} dimensions"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    export(folder.path(), points, dimensions);
    let formula = Formula::new(points, dimensions, SEED);
    let second = Duration::from_secs(1);
    for (answer, options) in [
        (Duration::ZERO, &[][..]),
        (second, &[]),
        (3 * second, &[]),
        (second, &["--batch-count", "250"]),
        (second, &["--concurrency", "1"]),
    ] {
        let line = Arc::new(Line::new(Some(rate), answer));
        let peak = upsert(folder.path(), formula, &line, options);
        say(&format!(
            "a sink that reads {megabytes} MB/s and answers after {} s {options:?}: {:.3} of it used, peak {peak:.0} MiB",
            answer.as_secs(),
            line.used() / rate as f64,
        ));
    }
    let line = Arc::new(Line::new(None, second));
    let allowed = format!("{megabytes}MB/s");
    upsert(
        folder.path(),
        formula,
        &line,
        &["--max-bandwidth", &allowed],
    );
    say(&format!(
        "--max-bandwidth {allowed}, answers after 1 s: {:.3} of it used, at most {:.3} in two seconds",
        line.used() / rate as f64,
        line.densest(2 * second) / rate as f64,
    ));
}

fn export(folder: &Path, points: u64, dimensions: usize) {
    let source = QdrantDouble::generated("docs", points, dimensions, SEED).start();
    let status = program(folder)
        .args(["export", "qdrant:docs", "copy"])
        .env("QDRANT_URL", source.grpc_url())
        .env("QDRANT_REST_PORT", source.rest_port().to_string())
        .env_remove("QDRANT_API_KEY")
        .status();
    assert!(status.expect("the program runs").success());
}

/// The whole archive into a new sink, by a migration of its own; the peak of its memory
/// in MiB.
fn upsert(folder: &Path, formula: Formula, line: &Arc<Line>, options: &[&str]) -> f64 {
    let sink = Sink::at_the_end_of(formula, Arc::clone(line));
    let dir = tempfile::tempdir_in(folder).expect("a temporary folder");
    let dir = dir.path().join("migration");
    let output = program(folder)
        .args(["upsert", "copy", &format!("vectorize:{INDEX}")])
        .args(["--api-budget", "off", "--json", "--dir"])
        .arg(dir)
        .args(MEMORY)
        .args(options)
        .envs(sink.environment())
        .output()
        .expect("the program runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("one result object");
    assert_eq!(report["outcome"], "done", "{report:#}");
    let peak = report["peak_rss_bytes"].as_f64().expect("it has the peak");
    peak / f64::from(1 << 20)
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .current_dir(folder)
        .env("CF_MIGRATE_STATE_DIR", folder.join("state"))
        .stderr(Stdio::null());
    command
}
