//! Peak memory of a whole migration, for two sizes of collection: it must not
//! grow with the collection. Run it with
//!
//! ```sh
//! cargo bench --bench memory                  # 20,000 and 200,000 points
//! cargo bench --bench memory -- 2000 20000    # other sizes
//! ```
//!
//! It writes an NDJSON file of 1,536-dimensional points to the temporary folder
//! (19 kB a point), serves the sandbox from a process of its own, runs the
//! program, and prints what the result object says of its peak.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const DIMENSIONS: usize = 1_536;
const BINARY: &str = env!("CARGO_BIN_EXE_cf-migrate");

fn main() {
    let given: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let sizes = if given.is_empty() {
        vec![20_000, 200_000]
    } else {
        given
    };
    let mut first = None;
    for points in sizes {
        let report = migrate(points);
        let peak = report["peak_rss_bytes"]
            .as_u64()
            .expect("the report has the peak");
        let first = *first.get_or_insert(peak);
        let line = format!(
            "{points} points x {DIMENSIONS}: peak {:.0} MiB ({:.2} x the first), outcome {}, {}",
            peak as f64 / f64::from(1 << 20),
            peak as f64 / first as f64,
            report["outcome"],
            report["seconds"],
        );
        writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
    }
}

fn migrate(points: u64) -> serde_json::Value {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("points.ndjson");
    write_points(&file, points);
    let (mut server, base_url) = serve(&dir.path().join("sandbox"));
    let output = Command::new(BINARY)
        .current_dir(dir.path())
        .args([
            "run",
            "points.ndjson",
            "vectorize:bench",
            "--create",
            "--json",
        ])
        .args([
            "--file-index",
            "kv:files",
            "--id",
            "{file_id}_{chunk_index}",
        ])
        .env("CLOUDFLARE_API_BASE_URL", base_url)
        .env("CLOUDFLARE_API_TOKEN", "token")
        .env("CLOUDFLARE_ACCOUNT_ID", "0".repeat(32))
        .env("CF_MIGRATE_STATE_DIR", dir.path().join("state"))
        .stderr(Stdio::inherit())
        .output()
        .expect("the program runs");
    server.kill().expect("the sandbox stops");
    server.wait().expect("the sandbox stops");
    serde_json::from_slice(&output.stdout).expect("one result object on standard output")
}

/// Its own process, so that its memory is not counted.
fn serve(dir: &Path) -> (Child, String) {
    let mut server = Command::new(BINARY)
        .args(["sandbox", "--listen", "127.0.0.1:0", "--no-budget", "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the sandbox starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("the sandbox says where it is");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("one JSON line");
    let base_url = ready["base_url"].as_str().expect("a base URL").to_owned();
    (server, base_url)
}

fn write_points(path: &Path, points: u64) {
    let mut random = StdRng::seed_from_u64(7);
    let mut out = BufWriter::new(File::create(path).expect("the file can be written"));
    let text = "lorem ipsum dolor sit amet ".repeat(36);
    for point in 0..points {
        let (file, chunk) = (point / 12, point % 12);
        write!(out, "{{\"id\":{point},\"vector\":[").expect("space left");
        for position in 0..DIMENSIONS {
            let comma = if position == 0 { "" } else { "," };
            let value: f32 = random.random_range(-0.1..0.1);
            write!(out, "{comma}{value}").expect("space left");
        }
        writeln!(
            out,
            "],\"payload\":{{\"file_id\":\"f{file:032}\",\"chunk_index\":{chunk},\"text\":\"{text}\"}}}}"
        )
        .expect("space left");
    }
    out.flush().expect("space left");
}
