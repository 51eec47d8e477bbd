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
//! nothing else should run. Sizes are measured up to the largest and down again, and
//! each stage is told beside the mean of the smaller size before and after it, because
//! a machine is not always as fast.

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
const STAGES: [&str; 6] = ["export", "upsert", "settle", "index", "verify", "total"];

fn main() {
    let mut sizes = match support::words::numbers(usize::MAX) {
        given if given.is_empty() => vec![20_000, 200_000],
        given => given,
    };
    sizes.sort_unstable();
    sizes.dedup();
    let down = sizes.iter().rev().skip(1);
    let mut runs = Vec::new();
    for points in sizes.iter().chain(down) {
        let run = Run {
            points: *points,
            report: migrate(*points),
        };
        say(&run.to_line());
        runs.push(run);
    }
    for pair in sizes.windows(2) {
        say(&compared(&runs, pair[0], pair[1]));
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

/// A migration that was measured.
struct Run {
    points: u64,
    report: Value,
}

impl Run {
    fn seconds(&self, stage: &str) -> Option<f64> {
        self.report["seconds"][stage].as_f64()
    }

    fn peak_mib(&self) -> f64 {
        let bytes = self.report["peak_rss_bytes"].as_f64();
        bytes.unwrap_or_default() / f64::from(1 << 20)
    }

    fn to_line(&self) -> String {
        let times = STAGES.iter().filter_map(|stage| {
            let seconds = self.seconds(stage)?;
            Some(format!("{stage} {seconds:.2} s"))
        });
        format!(
            "{} x {DIMENSIONS}: {}; peak {:.0} MiB, {} requests",
            self.points,
            times.collect::<Vec<_>>().join(", "),
            self.peak_mib(),
            self.report["requests"]["total"],
        )
    }
}

/// The larger size beside the mean of all runs of the smaller.
fn compared(runs: &[Run], smaller: u64, larger: u64) -> String {
    let mean = |points: u64, of: &dyn Fn(&Run) -> Option<f64>| -> Option<f64> {
        let of_that_size = runs.iter().filter(|run| run.points == points);
        let figures = of_that_size.map(of).collect::<Option<Vec<f64>>>()?;
        Some(figures.iter().sum::<f64>() / figures.len() as f64)
    };
    let growth = |of: &dyn Fn(&Run) -> Option<f64>| Some(mean(larger, of)? / mean(smaller, of)?);
    let times = STAGES.iter().filter_map(|stage| {
        let growth = growth(&|run| run.seconds(stage))?;
        Some(format!("{stage} {growth:.1} x"))
    });
    let peak = growth(&|run| Some(run.peak_mib())).unwrap_or_default();
    format!(
        "{larger} beside {smaller}: {}; peak {peak:.2} x",
        times.collect::<Vec<_>>().join(", "),
    )
}
