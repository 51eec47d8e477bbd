//! What becomes of a whole migration's time and memory when the collection is ten
//! times as large: seconds for each stage, beside ten times the seconds before, and the
//! peak of resident memory, which must not grow. Run it with
//!
//! ```sh
//! cargo bench --bench growth                            # 20,000 and 200,000 points
//! cargo bench --bench growth -- 20000 200000 2000000    # 14 GB in the temporary folder
//! ```
//!
//! 1,536 dimensions, from the Qdrant double of the tests to a sink that discards
//! vectors and gives them back by formula, with a file index and verification, without
//! a request budget, the program in a process of its own. Seconds are by the clock:
//! nothing else should run.

#[path = "support/mod.rs"]
mod support;

#[path = "../tests/support/mod.rs"]
#[allow(unused_imports, reason = "its tests are run with the tests")]
mod doubles;

use std::process::{Command, Stdio};

use doubles::qdrant::{Formula, QdrantDouble};
use serde_json::Value;
use support::say;
use support::sink::{INDEX, NAMESPACE, Sink};

const BINARY: &str = env!("CARGO_BIN_EXE_cf-migrate");
const DIMENSIONS: usize = 1_536;
const SEED: u64 = 7;
const STAGES: [&str; 5] = ["export", "upsert", "settle", "index", "verify"];

fn main() {
    let sizes = match support::numbers() {
        given if given.is_empty() => vec![20_000, 200_000],
        given => given,
    };
    let mut before: Option<(u64, Value)> = None;
    for points in sizes {
        let report = migrate(points);
        tell(points, &report, before.as_ref());
        before = Some((points, report));
    }
}

fn migrate(points: u64) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = QdrantDouble::generated("docs", points, DIMENSIONS, SEED).start();
    let target = Sink::start(Formula::new(points, DIMENSIONS, SEED));
    let output = Command::new(BINARY)
        .current_dir(folder.path())
        .args(["run", "qdrant:docs", &format!("vectorize:{INDEX}")])
        .args(["--file-index", &format!("kv:{NAMESPACE}")])
        .args(["--api-budget", "off", "--json"])
        .envs(target.environment())
        .env("QDRANT_URL", source.grpc_url())
        .env("QDRANT_REST_PORT", source.rest_port().to_string())
        .env_remove("QDRANT_API_KEY")
        .env("CF_MIGRATE_STATE_DIR", folder.path().join("state"))
        .stderr(Stdio::null())
        .output()
        .expect("the program runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("one result object");
    assert_eq!(report["outcome"], "proven", "{report:#}");
    report
}

/// Prints the figures, each beside what it would be in proportion to the size before.
fn tell(points: u64, report: &Value, before: Option<&(u64, Value)>) {
    let seconds = |report: &Value, stage: &str| report["seconds"][stage].as_f64();
    let stages = STAGES.into_iter().chain(["total"]);
    let times = stages.filter_map(|stage| {
        let now = seconds(report, stage)?;
        let ratio = before.and_then(|(points_before, report)| {
            let times = points as f64 / *points_before as f64;
            Some(now / (seconds(report, stage)? * times))
        });
        let beside = ratio.map_or(String::new(), |ratio| {
            format!(" ({ratio:.2} x in proportion)")
        });
        Some(format!("{stage} {now:.2} s{beside}"))
    });
    let times: Vec<String> = times.collect();
    let peak = |report: &Value| report["peak_rss_bytes"].as_f64().unwrap_or_default();
    let grown = before.map_or(1.0, |(_, before)| peak(report) / peak(before));
    say(&format!(
        "{points} x {DIMENSIONS}: {}; peak {:.0} MiB ({grown:.2} x), {} requests",
        times.join(", "),
        peak(report) / f64::from(1 << 20),
        report["requests"]["total"],
    ));
}
