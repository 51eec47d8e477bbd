//! How much faster an export is with several readers than with one, as a ratio
//! in one run. Run it with
//!
//! ```sh
//! cargo bench --bench export                   # 60,000 points of 768 dimensions
//! cargo bench --bench export -- 200000 1536    # other sizes
//! ```
//!
//! It exports a generated collection from the Qdrant double of the tests, which
//! answers on one thread of this process, with the program in a process of its own:
//! once with pages that come as fast as the double makes them, once with pages for
//! which it takes a while, as a server does that reads payloads from a disk.

#[path = "../tests/support/mod.rs"]
#[allow(unused_imports, reason = "its tests are run with the tests")]
mod support;
#[path = "support/words.rs"]
mod words;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::qdrant::{QdrantDouble, Server, Switch};

const BINARY: &str = env!("CARGO_BIN_EXE_cf-migrate");
const READERS: [u32; 3] = [1, 2, 4];
const DELAYS_MS: [u64; 2] = [0, 200];

fn main() {
    let (points, dimensions) = match words::numbers(2).as_slice() {
        [points, dimensions, ..] => (*points, *dimensions),
        [points] => (*points, 768),
        [] => (60_000, 768),
    };
    let dimensions = usize::try_from(dimensions).expect("dimensions are few");
    for delay in DELAYS_MS.map(Duration::from_millis) {
        let mut first = None;
        for readers in READERS {
            let server = QdrantDouble::generated("docs", points, dimensions, 7)
                .with(Switch::Delay(delay))
                .start();
            let report = export(&server, readers);
            let seconds = report["seconds"]["export"]
                .as_f64()
                .expect("the report has the seconds");
            let speed = points as f64 / seconds;
            let first = *first.get_or_insert(speed);
            let line = format!(
                "{points} x {dimensions}, {} ms a page, {readers} readers: {speed:.0} points/s \
                 ({:.2} x one reader), {} pages, peak {:.0} MiB",
                delay.as_millis(),
                speed / first,
                server.calls("scroll"),
                report["peak_rss_bytes"].as_f64().unwrap_or_default() / f64::from(1 << 20),
            );
            writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
        }
    }
}

fn export(server: &Server, readers: u32) -> serde_json::Value {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(BINARY)
        .current_dir(dir.path())
        .args(["export", "qdrant:docs", "copy", "--json", "--readers"])
        .arg(readers.to_string())
        .env("QDRANT_URL", server.grpc_url())
        .env("QDRANT_REST_PORT", server.rest_port().to_string())
        .env_remove("QDRANT_API_KEY")
        .env("CF_MIGRATE_STATE_DIR", dir.path().join("state"))
        .stderr(Stdio::null())
        .output()
        .expect("the program runs");
    serde_json::from_slice(&output.stdout).expect("one result object on standard output")
}
